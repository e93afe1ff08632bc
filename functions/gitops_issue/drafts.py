"""What people read: the issue of a plan, in their language.

The texts are templates in ``messages/``; a value is put into them after it was redacted, cut and fenced, and what has
been put in is never read as a template again. A command is never cut: nobody may agree to what they cannot see.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from functions.gitops_issue.core.approvals import Verdict, code_of
from functions.gitops_issue.markdown import cut, fenced, in_title
from shared.domain.redaction import redact_text
from shared.domain.remediations import Contribution, RemediationAssessed, RemediationProposed

_FOLDER: Final = Path(__file__).parent / "messages"
_MOST_OF_A_TEXT: Final = 8_000
_MOST_OF_AN_ENTRY: Final = 1_000
_MOST_ENTRIES: Final = 20
_MOST_OF_A_TITLE: Final = 120


class Locale(StrEnum):
    """A language that issues are written in."""

    EN = "en"
    ZH_TW = "zh-TW"


@dataclass(frozen=True, slots=True)
class Draft:
    """An issue before it has a number; ``marker`` is how it is found again."""

    title: str
    body: str
    marker: str


@dataclass(frozen=True, slots=True)
class Note:
    """A comment of ours; ``marker`` is how it is found again."""

    body: str
    marker: str


def marker_of(digest: str) -> str:
    """The comment at the end of the issue of a plan; no value can hold one."""
    return f"<!-- aftercare:plan {digest} -->"


class Writer:
    """Writes drafts.

    Args:
        messages: the texts of one language.
        approval_s: seconds in which a plan can be approved (``GITEA_APPROVAL_SECONDS``).
    """

    def __init__(self, messages: Mapping[str, Any], *, approval_s: float) -> None:
        self._messages = messages
        self._approval_s = approval_s

    @classmethod
    def of(cls, locale: Locale, *, approval_s: float = 86_400.0) -> Writer:
        """The writer of a language."""
        name = locale.lower().replace("-", "_")
        return cls(tomllib.loads((_FOLDER / f"{name}.toml").read_text(encoding="utf-8")), approval_s=approval_s)

    def draft(self, proposed: RemediationProposed, assessed: RemediationAssessed) -> Draft:
        """The issue of a plan.

        Args:
            proposed: as it came in.
            assessed: its assessment; the issue opens with it.
        """
        say = self._messages
        marker = marker_of(assessed.digest)
        body = (
            say["body"]
            .strip()
            .format(
                score=assessed.score,
                tier=assessed.tier.value,
                dry_run=say["dry_run"]["yes" if assessed.dry_run_required else "no"],
                command=fenced(redact_text(proposed.command)),
                target_state=self._text(proposed.target_state),
                constraints=self._entries(proposed.constraints),
                rollback=self._text(assessed.rollback_plan),
                reasons=self._entries([_reason(each) for each in assessed.reasons]),
                diagnosis=self._text(proposed.diagnosis),
                origin=fenced(redact_text("\n".join(_origin(proposed, assessed)))),
                digest=assessed.digest,
                code=code_of(assessed.digest),
                time=_span(self._approval_s),
            )
        )
        what = in_title(redact_text(_what(assessed)), most=_MOST_OF_A_TITLE) or say["unnamed"]
        return Draft(say["title"].format(what=what, score=assessed.score), f"{body}\n\n{marker}\n", marker)

    def verdict(self, verdict: Verdict) -> Note:
        """Why an issue is closed."""
        return self._note(verdict.value)

    def duplicate(self, number: int) -> Note:
        """Why an issue is closed of which there is another one."""
        return self._note("duplicate", number=number)

    def _note(self, name: str, **values: int) -> Note:
        marker = f"<!-- aftercare:note {name} -->"
        return Note(f"{self._messages['note'][name].format(**values)}\n\n{marker}\n", marker)

    def _text(self, text: str | None) -> str:
        """One value; what is left out of it is said below it."""
        if not text or not text.strip():
            return str(self._messages["none"])
        kept, beyond = cut(redact_text(text), most=_MOST_OF_A_TEXT)
        return f"{fenced(kept)}{self._said('cut', characters=beyond)}"

    def _entries(self, entries: Sequence[str]) -> str:
        """Several values, a line each."""
        if not entries:
            return str(self._messages["none"])
        parts = [cut(redact_text(entry), most=_MOST_OF_AN_ENTRY) for entry in entries[:_MOST_ENTRIES]]
        # Indented, so that no line of an entry looks like another entry.
        lines = "\n".join(f"- {kept}".replace("\n", "\n  ") for kept, _ in parts)
        beyond = sum(left for _, left in parts)
        more = max(len(entries) - _MOST_ENTRIES, 0)
        return f"{fenced(lines)}{self._said('cut', characters=beyond)}{self._said('cut_list', entries=more)}"

    def _said(self, message: str, **count: int) -> str:
        """That something was left out, if anything was."""
        return f"\n\n{self._messages[message].format(**count)}" if any(count.values()) else ""


def _span(seconds: float) -> str:
    """A time as people say it, in the largest unit that leaves no rest."""
    units = {"h": 3_600, "min": 60}
    name, size = next((unit for unit in units.items() if seconds % unit[1] == 0), ("s", 1))
    return f"{seconds / size:g} {name}"


def _reason(contribution: Contribution) -> str:
    points = "" if contribution.points is None else f" {contribution.points:+d}"
    factor = "" if contribution.factor is None else f" ×{contribution.factor:g}"  # noqa: RUF001 - a factor's sign
    return f"{contribution.rule}{points}{factor}"


def _what(assessed: RemediationAssessed) -> str:
    """The target, with its namespace: the title says no more of a plan than that."""
    place = f" in {assessed.namespace}" if assessed.target and assessed.namespace else ""
    return f"{assessed.target or ''}{place}"


def _origin(proposed: RemediationProposed, assessed: RemediationAssessed) -> list[str]:
    facts = {
        "incident": proposed.incident_id,
        "proposal": proposed.proposal_id,
        "requested by": proposed.requested_by,
        "cluster": proposed.cluster,
        "namespace": assessed.namespace,
        "target": assessed.target,
    }
    return [f"{name}: {value}" for name, value in facts.items() if value is not None]
