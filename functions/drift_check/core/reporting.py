"""The report: what the fields come to together."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from typing import Final

from functions.drift_check.core.comparing import Compared
from shared.domain.drift import DriftChecked, DriftDetected, DriftStatus, FieldReport, FieldStatus
from shared.domain.events import canonical_json

_HASH: Final = re.compile(r"sha256:[0-9a-f]{12}")
DIFFERENT: Final = frozenset({FieldStatus.DRIFT, FieldStatus.MISSING, FieldStatus.ORPHAN})
"""What runs is not what the code says."""


def status_of(compared: Sequence[Compared]) -> DriftStatus:
    """Drift where something differs; without that, an error where something cannot be known. Never ok by not looking.

    A key that no field reads counts as drift: a name with a typing error is the setting that everybody believes in.
    """
    found = {each.status for each in compared}
    if found & DIFFERENT:
        return DriftStatus.DRIFT
    return DriftStatus.ERROR if FieldStatus.UNCOMPARABLE in found else DriftStatus.OK


def report(subject: str, compared: Sequence[Compared], notes: Sequence[str] = ()) -> DriftChecked:
    """What ``config.drift-checked`` says."""
    status = status_of(compared)
    unknown = sum(each.status is FieldStatus.UNCOMPARABLE for each in compared)
    return DriftChecked(
        subject=subject,
        status=status,
        fields=[_field(each) for each in compared],
        counts=_counts(compared),
        error=f"{unknown} of the fields cannot be compared." if status is DriftStatus.ERROR else None,
        notes=list(notes),
    )


def failure(subject: str, sentence: str) -> DriftChecked:
    """The report of a comparison that could not be made."""
    return DriftChecked(subject=subject, status=DriftStatus.ERROR, fields=[], counts={}, error=sentence)


def detected(checked: DriftChecked) -> DriftDetected | None:
    """What ``config.drift-detected`` says; None when there is no drift."""
    if checked.status is not DriftStatus.DRIFT:
        return None
    fields = [each for each in checked.fields if each.status in DIFFERENT]
    return DriftDetected(
        subject=checked.subject,
        status=checked.status,
        fields=fields,
        counts=dict(Counter(each.status for each in fields)),
        notes=checked.notes,
    )


def resource(checked: DriftChecked) -> str:
    """What a report is about, as the subject of an event: ASCII, without the class."""
    place = checked.subject.partition(" against ")[0]
    return f"configmap/{place.encode('ascii', errors='replace').decode()}"


def fingerprint(found: DriftDetected) -> str:
    """What tells this drift from another one, without anything of a secret: its hash is salted anew in each report."""
    fields = [
        [each.name, each.status, None if _HASH.fullmatch(each.configured or "") else each.configured]
        for each in found.fields
    ]
    return hashlib.sha256(canonical_json([found.subject, fields])).hexdigest()


def _counts(compared: Sequence[Compared]) -> dict[FieldStatus, int]:
    return dict(Counter(each.status for each in compared))


def _field(each: Compared) -> FieldReport:
    return FieldReport(
        name=each.name, status=each.status, configured=each.configured, default=each.default, note=each.note
    )
