"""A report as SARIF 2.1.0, which code hosts show beside the lines it is about.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from functions.drift_check.core.checking import Checked
from functions.drift_check.core.comparing import Compared
from shared.domain.drift import FieldStatus

_SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
_RULES: Final[Mapping[FieldStatus, tuple[str, str]]] = {
    FieldStatus.DRIFT: ("error", "The ConfigMap sets another value than the code's default."),
    FieldStatus.MISSING: ("error", "A required setting has no key in the ConfigMap."),
    FieldStatus.ORPHAN: ("error", "No field reads a key of the ConfigMap."),
    FieldStatus.UNCOMPARABLE: ("warning", "Reading alone does not tell whether a setting differs."),
    FieldStatus.ACCEPTED: ("note", "A declared exception covers a difference."),
}


def sarif(checked: Checked, *, settings: str, error: str | None = None) -> dict[str, Any]:
    """The log.

    Args:
        checked: what was found.
        settings: the file of the settings class, as a relative path with ``/``.
        error: why nothing could be compared, if so.
    """
    rules = [
        {"id": str(status), "shortDescription": {"text": text}, "defaultConfiguration": {"level": level}}
        for status, (level, text) in _RULES.items()
    ]
    driver = {"name": "aftercare drift", "rules": rules}
    invocation: dict[str, Any] = {"executionSuccessful": error is None}
    if error is not None:
        invocation["toolExecutionNotifications"] = [{"level": "error", "message": {"text": error}}]
    results = [_result(each, checked, settings) for each in checked.fields if each.status in _RULES]
    run = {"tool": {"driver": driver}, "invocations": [invocation], "results": results}
    return {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}


def _result(each: Compared, checked: Checked, settings: str) -> dict[str, Any]:
    place = {"artifactLocation": {"uri": settings}, "region": {"startLine": each.line or max(checked.line, 1)}}
    result: dict[str, Any] = {
        "ruleId": str(each.status),
        "level": _RULES[each.status][0],
        "message": {"text": _sentence(each, checked.subject)},
        "locations": [{"physicalLocation": place}],
        "partialFingerprints": {"setting/v1": f"{checked.subject}: {each.name}"},
    }
    if each.status is FieldStatus.ACCEPTED:
        result["suppressions"] = [{"kind": "external", "justification": each.note or ""}]
    return result


def _sentence(each: Compared, subject: str) -> str:
    parts = [f"{each.name} ({subject}): {each.status}"]
    if each.configured is not None:
        parts.append(f"configured {each.configured}")
    if each.default is not None:
        parts.append(f"default {each.default}")
    return ", ".join(parts) + (f"; {each.note}" if each.note else "")
