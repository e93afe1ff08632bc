"""The lease in Redis: whoever holds it runs the cycle, and the other replicas need not ask PostgreSQL.

It only saves work. The slot's row is the truth, so nothing rests on the lease: without Redis every replica asks for
the slot, and one gets it. A lease without an end, as somebody may have set by hand, is taken over, or nobody would
ever run.
"""

from __future__ import annotations

from typing import Any, Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

KEY: Final = "governance:self_check:cycle_lease"

# KEYS: lease. ARGV: owner, milliseconds.
_TAKE: Final = """
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return 1 end
if redis.call('GET', KEYS[1]) == ARGV[1] or redis.call('PTTL', KEYS[1]) < 0 then
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
  return 1
end
return 0
"""
# KEYS: lease. ARGV: owner.
_GIVE_BACK: Final = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"""


class RedisLease:
    """See :class:`functions.governance_check.handler.Lease`.

    Args:
        redis: a client that never retries by itself.
        owner: the token of this process; nobody else's lease is given back.
        lease_s: seconds until a silent owner loses it.
    """

    def __init__(self, redis: Redis, *, owner: str, lease_s: float) -> None:
        self._owner = owner
        self._lease_ms = int(lease_s * 1000)
        # The client's annotations cover decoded and raw replies at once.
        self._take: Any = redis.register_script(_TAKE)
        self._give_back: Any = redis.register_script(_GIVE_BACK)

    async def take(self) -> bool:
        """Hold the lease; False only when another owner surely holds it."""
        try:
            return bool(await self._take(keys=[KEY], args=[self._owner, self._lease_ms]))
        except (RedisError, OSError):
            return True

    async def give_back(self) -> None:
        """Let go, if it is still ours."""
        try:
            await self._give_back(keys=[KEY], args=[self._owner])
        except (RedisError, OSError):
            return
