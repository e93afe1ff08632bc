"""The checker: one verdict for each look of each execution, the one that its target earned, and told once."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, Final

from shared.domain.executions import EXECUTION_BASELINE_CAPTURED, EXECUTION_VERIFIED, ROLLBACK_PROPOSED
from tests.faults.audit import Figures
from tests.faults.laboratory import READY
from tests.faults.verification.books import Row, Tables
from tests.faults.verification.subjects import INITIAL, PLAYBOOK, Subject

_SUCCESS: Final = "success"

Look = tuple[str, str]
"""Execution and check."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Aftermath:
    """Everything that is known of a round.

    Attributes:
        looks: later looks that were taken.
        answers: by status, how often; None for no answer.
        acknowledged: ids of events that were answered with a 2xx.
        blamed: ids of events that were answered as if they could never work.
        deaths: processes that took rows with them.
        said: by target and word, how often a sensor was told so.
        announced: by id, every event that reached the sink.
        fickle: ids of events that reached it with different content.
    """

    subjects: Sequence[Subject]
    looks: int
    answers: Mapping[int | None, int]
    acknowledged: AbstractSet[str]
    blamed: AbstractSet[str]
    deaths: int
    tables: Tables
    said: Mapping[tuple[str, str], int]
    announced: Mapping[str, Any]
    fickle: AbstractSet[str]


def audit(aftermath: Aftermath) -> Figures:
    """The figures of a round."""
    answers = aftermath.answers
    figures = Figures(
        attempted=2 * len(aftermath.subjects),
        acknowledged=len(aftermath.acknowledged),
        deferred=answers.get(202, 0),
        refused=sum(count for status, count in answers.items() if status is None or status >= 500),
    )
    _audit_verdicts(figures, aftermath)
    _audit_evidence(figures, aftermath)
    _audit_announcements(figures, aftermath)
    _audit_learning(figures, aftermath)
    figures.blame("wrong", aftermath.blamed, "sound events were answered as if they could never work")
    return figures


def _audit_verdicts(figures: Figures, aftermath: Aftermath) -> None:
    """In the table there is one for each look, and it is true."""
    earned = _earned(aftermath)
    settled = {_look(row): row for row in aftermath.tables.checks if row["state"] == "done"}
    figures.blame("lost", _spelled(earned.keys() - settled.keys()), "looks have no verdict")
    figures.blame("unexpected", _spelled(settled.keys() - earned.keys()), "verdicts were invented")
    given = {look: settled[look]["verdict"] for look in earned.keys() & settled.keys()}
    false = {look: verdict for look, verdict in given.items() if verdict != earned[look]}
    successes = [look for look, verdict in false.items() if verdict == _SUCCESS]
    figures.blame("false_success", _spelled(successes), f"verdicts are falsely {_SUCCESS}")
    others = [f"{_name(look)} is {verdict}" for look, verdict in false.items() if verdict != _SUCCESS]
    figures.blame("wrong", others, "verdicts are false")
    most = 1 + aftermath.deaths
    insane = [f"{_name(_look(row))} {row['attempts']}" for row in settled.values() if not 1 <= row["attempts"] <= most]
    figures.blame("wrong", insane, f"looks do not have 1 to {most} attempts")


def _audit_evidence(figures: Figures, aftermath: Aftermath) -> None:
    """Each verdict has its own, each execution one baseline, and no reading was made up."""
    tables = aftermath.tables
    settled = [row for row in tables.checks if row["state"] == "done"]
    after = {row["id"] for row in tables.evidence if row["phase"] == "after"}
    bare = [
        _name(_look(row)) for row in settled if row["evidence_id"] not in after or not tables.ledger[row["evidence_id"]]
    ]
    figures.blame("lost", bare, "verdicts have no evidence")
    figures.blame("unexpected", after - {row["evidence_id"] for row in settled}, "evidence belongs to no verdict")
    baselines = Counter(row["execution_id"] for row in tables.evidence if row["phase"] == "before")
    figures.blame("lost", [s.name for s in aftermath.subjects if not baselines[s.name]], "baselines are missing")
    figures.blame("duplicated", [name for name, count in baselines.items() if count > 1], "baselines were kept twice")
    figures.blame("wrong", _made_up(aftermath), "readings were kept that no sensor gave")


def _audit_announcements(figures: Figures, aftermath: Aftermath) -> None:
    """What was announced is what is in the tables, under one id."""
    tables, announced = aftermath.tables, aftermath.announced.values()
    told: defaultdict[Look, list[Any]] = defaultdict(list)
    for event in announced:
        if event["type"] == EXECUTION_VERIFIED:
            told[event["data"]["execution_id"], event["data"]["check"]].append(event)
    settled = {_look(row): row for row in tables.checks if row["state"] == "done"}
    figures.blame("lost", _spelled(settled.keys() - told.keys()), "verdicts were never announced")
    figures.blame("unexpected", _spelled(told.keys() - settled.keys()), "announced verdicts are in no table")
    twice = [look for look, events in told.items() if len(events) > 1]
    figures.blame("duplicated", _spelled(twice), "verdicts were announced under several ids")
    figures.blame("wrong", aftermath.fickle, "events were announced with different content")
    both = {look: events[0] for look, events in told.items() if look in settled}
    differing = [look for look, event in both.items() if not _agree(settled[look], event, both)]
    figures.blame("wrong", _spelled(differing), "announcements are not what the table says")
    replies = {name: tables.replies.get(f"completed-{name}") or {} for name, check in both if check == INITIAL}
    fickle = [name for name, reply in replies.items() if reply.get("id") != both[name, INITIAL]["id"]]
    figures.blame("wrong", fickle, "executions would be answered differently when they came again")
    _audit_companions(figures, aftermath)


def _audit_companions(figures: Figures, aftermath: Aftermath) -> None:
    """A rollback is proposed once for each failure, and a baseline told once."""
    events = aftermath.announced.values()
    failed = Counter(r["evidence_id"] for r in aftermath.tables.checks if r["verdict"] == "failed")
    proposed = Counter(e["data"]["evidence_id"] for e in events if e["type"] == ROLLBACK_PROPOSED)
    kept = Counter(row["id"] for row in aftermath.tables.evidence if row["phase"] == "before")
    told = Counter(e["data"]["evidence_id"] for e in events if e["type"] == EXECUTION_BASELINE_CAPTURED)
    figures.blame("lost", ((failed - proposed) + (kept - told)).elements(), "proposals or baselines were not announced")
    figures.blame("duplicated", ((proposed - failed) + (told - kept)).elements(), "were announced too often")


def _audit_learning(figures: Figures, aftermath: Aftermath) -> None:
    """Each execution counted once, as what it is in the end."""
    verdicts = [subject.verdicts(aftermath.looks) for subject in aftermath.subjects]
    last = {s.name: list(v.values())[-1] for s, v in zip(aftermath.subjects, verdicts, strict=True)}
    known = aftermath.tables.executions
    figures.blame(
        "wrong", [name for name in last if known.get(name) != last[name]], "executions are not what they came to"
    )
    telling = sum(each[INITIAL] != "timeout" for each in verdicts)
    failed = list(last.values()).count("failed")
    book = aftermath.tables.playbooks.get(PLAYBOOK, {})
    counts = (book.get("verified_count"), book.get("failed_count"))
    if counts != (telling, failed):
        figures.blame(
            "duplicated", [f"{counts} instead of {(telling, failed)}"], "playbook learned otherwise than once"
        )


def _earned(aftermath: Aftermath) -> dict[Look, str]:
    return {
        (subject.name, check): verdict
        for subject in aftermath.subjects
        for check, verdict in subject.verdicts(aftermath.looks).items()
    }


def _made_up(aftermath: Aftermath) -> Iterator[str]:
    """Executions in whose evidence a target was seen in a state more often than it was asked and in that state."""
    words = {ready: word for word, ready in READY.items()}
    seen = Counter(
        (row["execution_id"], words[ready])
        for row in aftermath.tables.evidence
        for ready in aftermath.tables.ledger[row["id"]]
        if ready is not None
    )
    return (f"{name} {word}" for name, word in seen if seen[name, word] > aftermath.said.get((name, word), 0))


def _agree(row: Row, event: Any, told: Mapping[Look, Any]) -> bool:
    """Whether an announcement says what the table says, and takes back the success before it if it must."""
    data = event["data"]
    takes_back = told.get((row["execution_id"], INITIAL), {}).get("id") if row["reason"] == "relapsed" else None
    said = (data["verdict"], data["reason"], data["evidence_id"], data["revises"])
    return said == (row["verdict"], row["reason"], row["evidence_id"], takes_back)


def _look(row: Row) -> Look:
    return row["execution_id"], row["check_name"]


def _name(look: Look) -> str:
    return f"{look[0]} ({look[1]})"


def _spelled(looks: Collection[Look]) -> list[str]:
    return [_name(look) for look in looks]
