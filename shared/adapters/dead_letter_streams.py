"""Dead letters in Redis streams: claimed, not popped, so that a crash loses nothing.

One script puts a letter: it looks in the index (the same event is kept once), checks the caps, appends. There is no
MAXLEN anywhere: a full stream refuses, the caller answers 503, and nothing is trimmed silently. The client never
retries by itself, because a retried XADD is two entries.

A letter is only taken when Redis would still have it after a crash: AOF on and writing, no eviction. Redis is asked
each time, since it may have been restarted with another configuration a moment ago.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as ConnectionBroke
from redis.exceptions import NoPermissionError, RedisError, ResponseError

from shared.domain.dead_letters import Caps, Claimed, DeadLetter, Depth
from shared.domain.errors import AftercareError, QueueUnavailable
from shared.domain.events import Event, from_structured
from shared.domain.failures import Failure, FailureClass

_GROUP: Final = "backfill-reconcile"
_MEMORY_SHARE: Final = 0.8
_LONG_AGO_MS: Final = 24 * 3600 * 1000
_WRITTEN_S: Final = 1.0
_LOOKS_S: Final = 0.005

# KEYS: stream, index, bytes. ARGV: event key, letter, most entries, most bytes.
# What somebody deleted by hand is neither known nor counted: the index is believed only where the entry is there.
_PUT: Final = """
local waiting = redis.call('XLEN', KEYS[1])
local known = redis.call('HGET', KEYS[2], ARGV[1])
if known and #redis.call('XRANGE', KEYS[1], known, known) == 1 then return 'known' end
local size = waiting > 0 and tonumber(redis.call('GET', KEYS[3])) or 0
if waiting >= tonumber(ARGV[3]) or size + #ARGV[2] > tonumber(ARGV[4]) then return 'full' end
local id = redis.call('XADD', KEYS[1], '*', 'letter', ARGV[2])
if waiting == 0 then redis.call('DEL', KEYS[2], KEYS[3]) end
redis.call('HSET', KEYS[2], ARGV[1], id)
redis.call('INCRBY', KEYS[3], #ARGV[2])
return 'kept'
"""
# KEYS: stream, index, bytes. ARGV: group, then entry id, event key and size in turn.
_SETTLE: Final = """
for i = 2, #ARGV, 3 do
  redis.call('XACK', KEYS[1], ARGV[1], ARGV[i])
  if redis.call('XDEL', KEYS[1], ARGV[i]) == 1 and redis.call('HDEL', KEYS[2], ARGV[i + 1]) == 1 then
    redis.call('DECRBY', KEYS[3], ARGV[i + 2])
  end
end
return redis.call('XLEN', KEYS[1])
"""


class _Client(Redis):
    """A client for which a connection that the server has closed is a connection that broke, on any event loop."""

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        """As the client, whose RedisError is all that a caller has to expect."""
        try:
            return await super().execute_command(*args, **options)  # type: ignore[no-untyped-call]
        except RuntimeError as error:
            # uvloop's word for writing to a closed transport; the standard loop says ConnectionResetError.
            raise ConnectionBroke("the connection is closed") from error


def connect(url: str, *, timeout_s: float = 1.0) -> Redis:
    """A client that waits at most ``timeout_s`` and never retries by itself."""
    return _Client.from_url(
        url,
        decode_responses=True,
        encoding_errors="backslashreplace",  # a stranger's bytes are shown, they do not stop the drain
        protocol=2,
        socket_timeout=timeout_s,
        socket_connect_timeout=timeout_s,
        retry=Retry(NoBackoff(), 0),
        retry_on_error=[],
        retry_on_timeout=False,
    )


class RedisDeadLetters:
    """The dead letter streams.

    Args:
        redis: a client from :func:`connect`.
        caps: limits of each stream.
        consumer: this process, for whoever claims letters.
    """

    def __init__(self, redis: Redis, caps: Caps | None = None, *, consumer: str = "nobody") -> None:
        # The client's annotations cover decoded and raw replies at once; ours are decoded.
        self._redis: Any = redis
        self._caps = caps or Caps()
        self._consumer = consumer
        self._put = redis.register_script(_PUT)
        self._settle = redis.register_script(_SETTLE)

    async def put(self, stream: str, letter: DeadLetter) -> None:
        """Keep a letter durably; see :class:`shared.domain.ports.DeadLetterQueue`."""
        body = json.dumps(letter.document(), separators=(",", ":"))
        limits = [self._caps.entries, self._caps.bytes]
        try:
            await self._require_durability()
            verdict = await self._put(keys=_keys(stream), args=[_event_key(letter.event), body, *limits])
            await self._require_written()
        except (RedisError, OSError) as error:
            raise _unavailable(error) from error
        if verdict == "full":
            raise QueueUnavailable(f"{stream} is full; drain it (aftercare dlq list) or raise its cap")

    async def claim_new(self, stream: str, *, most: int) -> list[Claimed]:
        """Take letters that nobody has claimed yet, oldest first."""
        try:
            await self._ensure_group(stream)
            found = await self._redis.xreadgroup(_GROUP, self._consumer, {stream: ">"}, count=most)
        except (RedisError, OSError) as error:
            raise _unavailable(error) from error
        return [_claimed(entry_id, fields, deliveries=1) for _, entries in found for entry_id, fields in entries]

    async def abandoned(self, stream: str, *, idle_s: float, most: int) -> dict[str, int]:
        """Entries whose holder fell silent: entry id to the number of times they were claimed."""
        try:
            await self._ensure_group(stream)
            found = await self._redis.xpending_range(stream, _GROUP, "-", "+", most, idle=int(idle_s * 1000))
        except (RedisError, OSError) as error:
            raise _unavailable(error) from error
        return {item["message_id"]: item["times_delivered"] for item in found}

    async def take_over(self, stream: str, abandoned: Mapping[str, int], *, idle_s: float) -> list[Claimed]:
        """Claim abandoned entries; those that another process took first are left out."""
        try:
            found = await self._redis.xclaim(stream, _GROUP, self._consumer, int(idle_s * 1000), list(abandoned))
        except (RedisError, OSError) as error:
            raise _unavailable(error) from error
        return [_claimed(entry_id, fields, deliveries=abandoned[entry_id] + 1) for entry_id, fields in found if fields]

    async def give_back(self, stream: str, claimed: Sequence[Claimed]) -> None:
        """Leave entries for later as if this claim had not been made: an outage burns no attempts."""
        try:
            for entry in claimed:
                await self._redis.xclaim(
                    stream,
                    _GROUP,
                    self._consumer,
                    0,
                    [entry.entry_id],
                    idle=_LONG_AGO_MS,
                    retrycount=entry.deliveries - 1,
                    justid=True,
                )
        except (RedisError, OSError) as error:
            raise _unavailable(error) from error

    async def settle(self, stream: str, claimed: Sequence[Claimed]) -> None:
        """Forget entries that took effect or were quarantined, after the commit that says so."""
        if not claimed:
            return
        args: list[Any] = [_GROUP]
        for entry in claimed:
            event = None if entry.letter is None else entry.letter.event
            args += [entry.entry_id, "" if event is None else _event_key(event), len(entry.raw)]
        try:
            await self._settle(keys=_keys(stream), args=args)
        except (RedisError, OSError) as error:
            raise _unavailable(error) from error

    async def depth(self, stream: str) -> Depth:
        """How much waits, claimed or not."""
        try:
            entries = await self._redis.xlen(stream)
            oldest = await self._redis.xrange(stream, count=1)
        except (RedisError, OSError) as error:
            raise _unavailable(error) from error
        age_s = None if not oldest else max(0.0, time.time() - int(oldest[0][0].split("-")[0]) / 1000)
        return Depth(entries, age_s)

    async def peek(self, stream: str, *, most: int) -> list[Claimed]:
        """Look at the oldest entries without claiming them."""
        try:
            found = await self._redis.xrange(stream, count=most)
        except (RedisError, OSError) as error:
            raise _unavailable(error) from error
        return [_claimed(entry_id, fields, deliveries=0) for entry_id, fields in found]

    async def close(self) -> None:
        """Close the client."""
        await self._redis.aclose()

    async def _ensure_group(self, stream: str) -> None:
        try:
            await self._redis.xgroup_create(stream, _GROUP, id="0", mkstream=True)
        except ResponseError as error:
            # The first word of a Redis error is its code; the client has no class for this one.
            if error.args[0].split()[0] != "BUSYGROUP":
                raise

    async def _require_durability(self) -> None:
        if self._caps.durability_asserted:
            return
        try:
            state = await self._redis.info()
            policy = await self._redis.config_get("maxmemory-policy")
        except NoPermissionError as error:
            raise QueueUnavailable(
                "Redis does not let us see whether it keeps what it takes; allow INFO and CONFIG GET, or set"
                " DLQ_DURABILITY=asserted"
            ) from error
        if complaint := forgetful(state, policy):
            raise QueueUnavailable(complaint)

    async def _require_written(self) -> None:
        """Wait until it is in the file.

        While it syncs that file, Redis answers first and writes up to two seconds later (appendfsync everysec); killed
        then, it forgets.
        """
        if self._caps.durability_asserted:
            return
        ends = time.monotonic() + _WRITTEN_S
        while (await self._redis.info("persistence")).get("aof_buffer_length"):
            if time.monotonic() > ends:
                raise QueueUnavailable("Redis is slow to write its AOF; look at its disk")
            await asyncio.sleep(_LOOKS_S)


def forgetful(state: Mapping[str, Any], policy: Mapping[str, str]) -> str | None:
    """Why Redis would not keep a letter through a crash; None when it would."""
    if not state.get("aof_enabled"):
        return "Redis has no AOF, so a dead letter would be a promise it forgets; set appendonly yes"
    rewriting = state.get("aof_rewrite_in_progress") or state.get("aof_rewrite_scheduled")
    if rewriting and not state.get("aof_base_size"):
        # AOF was switched on a moment ago: it counts as enabled, and until its first file is whole a crash loses all.
        return "Redis is still writing its first AOF; it keeps dead letters as soon as that is done"
    if state.get("aof_last_write_status") != "ok":
        return "Redis cannot write its AOF; look at its disk"
    if policy.get("maxmemory-policy") != "noeviction":
        return "Redis evicts keys under memory pressure; set maxmemory-policy noeviction"
    if 0 < state.get("maxmemory", 0) * _MEMORY_SHARE < state.get("used_memory", 0):
        return "Redis has used 80 % of its memory; drain the dead letters or raise maxmemory"
    return None


def _keys(stream: str) -> list[str]:
    return [stream, f"{stream}:index", f"{stream}:bytes"]


def _event_key(event: Event) -> str:
    """With the digest: which of two events with one id is forged nobody can say here, so both are kept."""
    return f"{event.source}\x1f{event.id}\x1f{event.digest()}"


def _claimed(entry_id: str, fields: Mapping[str, str], *, deliveries: int) -> Claimed:
    raw = fields.get("letter", "")
    return Claimed(entry_id=entry_id, letter=_letter(raw), deliveries=deliveries, raw=raw)


def _letter(raw: str) -> DeadLetter | None:
    """The letter, or None when it was not written by us."""
    try:
        document = json.loads(raw)
        return DeadLetter(
            event=from_structured(document["event"]),
            fn=document["fn"],
            failure=Failure(FailureClass(document["class"]), document["sqlstate"]),
            attempts=document["attempts"],
            first_failed_at=datetime.fromisoformat(document["first_failed_at"]),
            detail=document["detail"],
        )
    except (ValueError, KeyError, TypeError, AftercareError):
        return None


def _unavailable(error: Exception) -> QueueUnavailable:
    # The class says what is wrong (AuthenticationError, OutOfMemoryError, ...); the text may carry arguments.
    return QueueUnavailable(f"Redis is unavailable ({type(error).__name__})")
