"""Whether what runs is what the code says: the differences between a ConfigMap and the defaults of a settings class."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from shared.domain.contract import Contract

DRIFT_CHECKED: Final = "dev.aftercare.config.drift-checked.v1"
DRIFT_DETECTED: Final = "dev.aftercare.config.drift-detected.v1"


class FieldStatus(StrEnum):
    """What is known of one setting."""

    OK = "ok"
    DRIFT = "drift"
    MISSING = "missing"
    ORPHAN = "orphan"
    UNCOMPARABLE = "uncomparable"
    ACCEPTED = "accepted"


class DriftStatus(StrEnum):
    """What is known of all of them together."""

    OK = "ok"
    DRIFT = "drift"
    ERROR = "error"


class FieldReport(Contract):
    """One setting. Values are as they are printed: a secret is only ever a hash."""

    name: str
    status: FieldStatus
    configured: str | None = None
    default: str | None = None
    note: str | None = None


class DriftChecked(Contract):
    """Data of ``config.drift-checked``; ``subject`` says which ConfigMap and which class were compared.

    ``notes`` are sentences about the comparison as a whole: what was left out, and what was assumed.
    """

    subject: str
    status: DriftStatus
    fields: list[FieldReport]
    counts: dict[FieldStatus, int]
    error: str | None = None
    notes: list[str] = []


class DriftDetected(DriftChecked):
    """Data of ``config.drift-detected``: the same, of those that differ."""
