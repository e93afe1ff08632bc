"""Redis, as dead letters need it: there, keeping what it takes, drained, and with room for more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from redis.asyncio import Redis
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError, ResponseError

from shared.adapters.dead_letter_streams import RedisDeadLetters, connect, forgetful
from shared.commands.findings import Check, Finding, Findings, ok, wrong
from shared.domain.dead_letters import STREAMS, Depth
from shared.domain.errors import ConfigurationError
from shared.runtime.settings import Durability, QueueSettings

_UNDRAINED_TOLERATED_S: Final = 15 * 60.0
_ROOM: Final = 0.8
_KEEPING: Final = "Use Redis 6.2 or newer with appendonly yes and maxmemory-policy noeviction."
_SEEING: Final = "Allow INFO and CONFIG GET to the user of REDIS_URL, or set DLQ_DURABILITY=asserted."
_URL: Final = "Write redis://:password@host:6379/0, rediss:// for TLS, or unix:///path/to.sock."


def dead_letters(environ: Mapping[str, str]) -> Check:
    """What REDIS_URL names."""

    async def look() -> Findings:
        try:
            settings = QueueSettings.load(environ)
            redis = connect(settings.redis_url.get_secret_value(), timeout_s=settings.queue_timeout_seconds)
        except ConfigurationError as error:
            yield wrong("address", str(error), "Set REDIS_URL, or REDIS_URL_FILE to a file that holds it.")
            return
        except ValueError:  # redis-py's for a URL; its text may repeat it
            yield wrong("address", "REDIS_URL cannot be read", _URL)
            return
        try:
            yield await _server(redis)
            yield await _durability(redis, settings.dlq_durability)
            for stream in STREAMS:
                depth = await RedisDeadLetters(redis).depth(stream)
                yield _stream(stream, depth, settings.dlq_max_entries)
        except (RedisError, OSError) as error:
            yield wrong("server", f"does not answer ({type(error).__name__})", _advice(error))
        finally:
            await redis.aclose()

    return Check("redis", look)


async def _server(redis: Redis) -> Finding:
    await redis.ping()
    try:
        return ok("server", f"Redis {(await redis.info('server'))['redis_version']} answers")
    except (NoPermissionError, ResponseError):  # what that means is the next finding
        return ok("server", "answers")


async def _durability(redis: Redis, durability: Durability) -> Finding:
    """By the rule that every letter is held to."""
    if durability is Durability.ASSERTED:
        return ok("durability", "asserted by DLQ_DURABILITY, not checked")
    try:
        policy: Any = await redis.config_get("maxmemory-policy")
        complaint = forgetful(await redis.info(), policy)
    except NoPermissionError:
        return wrong("durability", "it does not let us see whether it keeps what it takes", _SEEING)
    except ResponseError:
        return wrong("durability", "it cannot say whether it keeps what it takes", _KEEPING)
    if complaint is None:
        return ok("durability", "AOF on, no eviction")
    says, _, fix = complaint.partition("; ")
    return wrong("durability", says, f"{fix[:1].upper()}{fix[1:]}.")


def _stream(stream: str, depth: Depth, most: int) -> Finding:
    if depth.oldest_age_s is None:
        return ok(stream, "empty")
    says = f"letters that wait: {depth.entries}, the oldest for {depth.oldest_age_s / 60:.0f} min"
    if depth.entries >= most * _ROOM:
        return wrong(stream, f"{says}; full at {most}", "Drain it before it refuses: aftercare dlq list says why.")
    if depth.oldest_age_s > _UNDRAINED_TOLERATED_S:
        return wrong(stream, says, "See that the cron of backfill-reconcile runs; aftercare dlq list shows them.")
    return ok(stream, says)


def _advice(error: Exception) -> str:
    # A login that is refused while connecting comes wrapped as a lost connection.
    if isinstance(error.__cause__ or error, AuthenticationError | NoPermissionError):
        return "Check user and password of REDIS_URL."
    return "Start Redis, or correct the address in REDIS_URL."
