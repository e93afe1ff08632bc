"""What governance-check accepts and emits: its part of the wire contract."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import ConfigDict, Field

from shared.domain.contract import Contract, Flag
from shared.domain.events import PING
from shared.domain.governance import (
    ALERT_RAISED,
    ALERT_RESOLVED,
    GOVERNANCE_COMPLETED,
    CheckName,
    GovernanceAlert,
    GovernanceAlertResolved,
    GovernanceCompleted,
)

FUNCTION: Final = "governance-check"
SOURCE: Final = "/aftercare/governance-check"
CHECK_REQUESTED: Final = "dev.aftercare.governance.check-requested.v1"
REQUEST_TYPE: Final = CHECK_REQUESTED
"""The type of a plain JSON request."""


class CheckRequested(Contract):
    """Data of ``governance.check-requested``: which checks to run (all, unless named); a dry run changes nothing."""

    checks: Annotated[list[CheckName], Field(min_length=1)] | None = None
    dry_run: Flag = False


class Tick(Contract):
    """Data of a ping: what it says does not matter, the slot does."""

    model_config = ConfigDict(extra="ignore")


ACCEPTS: Final[dict[str, type[Contract]]] = {CHECK_REQUESTED: CheckRequested, PING: Tick}
EMITS: Final[dict[str, type[Contract]]] = {
    GOVERNANCE_COMPLETED: GovernanceCompleted,
    ALERT_RAISED: GovernanceAlert,
    ALERT_RESOLVED: GovernanceAlertResolved,
}
