"""A card: what people are told of one event, before it is decided in which language and how long.

A card holds data, never markup. It is what waits in the database: a change of language, zone or length counts for what
waits already, and fields that a newer version added are no trouble to an older one.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from pydantic import ConfigDict

from shared.domain.contract import Contract

LONGEST: Final = 2_000
"""Characters of one value; more is cut before a card is stored."""


class Level(StrEnum):
    """How much a card matters: the severities of governance, and what is only good to know."""

    INFO = "info"
    WARNING = "warning"
    VIOLATION = "violation"
    CRITICAL = "critical"

    def reaches(self, floor: Level) -> bool:
        """Whether somebody who wants to hear of ``floor`` and above wants to hear of this."""
        order = list(Level)
        return order.index(self) >= order.index(floor)


class Kind(StrEnum):
    """What happened; each kind has a title in every catalogue."""

    FIX_VERIFIED = "fix_verified"
    FIX_DEGRADED = "fix_degraded"
    FIX_FAILED = "fix_failed"
    FIX_UNPROVEN = "fix_unproven"
    FIX_RELAPSED = "fix_relapsed"
    ROLLBACK_PROPOSED = "rollback_proposed"
    REVIEW_REQUESTED = "review_requested"
    PLAN_APPROVED = "plan_approved"
    ALERT_RAISED = "alert_raised"
    ALERT_RESOLVED = "alert_resolved"
    DRIFT_DETECTED = "drift_detected"
    QUARANTINED = "quarantined"


class Says(StrEnum):
    """What the value of a fact is."""

    TEXT = "text"  # somebody's words, shown as they are
    WORD = "word"  # a key of the catalogue
    TIME = "time"  # RFC 3339, shown in the reader's zone


class Fact(Contract):
    """One line of a card; ``label`` is a key of the catalogue."""

    model_config = ConfigDict(extra="ignore")

    label: str
    value: str
    says: Says = Says.TEXT


class Card(Contract):
    """What people are told of one event.

    Attributes:
        identity: equal for cards that tell the same; told once in a while.
        about: the incident, or what stands for it; cards about the same that wait together leave as one message.
        facts: the most important first: the last ones go first when it gets too long.
        names: what links are made of: incident, execution, evidence, ...
        issue: the URL of the issue in which people decide.
    """

    model_config = ConfigDict(extra="ignore")

    kind: Kind
    level: Level
    identity: str
    about: str
    subject: str | None = None
    facts: list[Fact] = []
    names: dict[str, str] = {}
    issue: str | None = None
