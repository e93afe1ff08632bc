"""Where there is no Redis: the slot's row alone decides, as it does anyway."""

from __future__ import annotations


class NoLease:
    """See :class:`functions.governance_check.handler.Lease`."""

    async def take(self) -> bool:
        """Always."""
        return True

    async def give_back(self) -> None:
        """Nothing."""
