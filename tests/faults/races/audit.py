"""The checker: each slot had one run that counts, by whoever had it last, and was told once."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from tests.faults.audit import Figures
from tests.faults.collector import Collector
from tests.faults.races.broker import Broker
from tests.faults.races.jobs import Job
from tests.faults.races.journal import Entries, Note

_OK: Final = "ok"


def audit(job: Job, entries: Entries, broker: Broker, collector: Collector, *, slots: int, replicas: int) -> Figures:
    """The figures of a round.

    Args:
        slots: how many there were.
        replicas: how many ticks each had.
    """
    answers = broker.answers
    figures = Figures(
        attempted=slots * replicas,
        acknowledged=len(broker.acknowledged),
        refused=sum(count for status, count in answers.items() if status is None or status >= 500),
    )
    figures.blame("forbidden", broker.early, "ticks were acknowledged while their slot was not done")
    figures.blame("wrong", broker.blamed, "ticks were answered as if they could never work")
    _audit_slots(figures, entries, slots)
    _audit_announcements(figures, job, entries, collector)
    return figures


def _audit_slots(figures: Figures, entries: Entries, slots: int) -> None:
    """What was done to each slot's row, and by whom."""
    undone = [""] * (slots - len(entries.done))
    figures.blame("lost", undone, "slots were not done")
    figures.blame("unexpected", [""] * (len(entries.done) - slots), "slots were invented")
    by_slot: defaultdict[datetime, list[Note]] = defaultdict(list)
    for note in entries.notes:
        by_slot[note.slot].append(note)
    figures.blame("wrong", _named(entries.notes, "robbed"), "slots were taken from an owner whose lease was valid")
    figures.blame("duplicated", _named(entries.notes, "changed"), "slots were changed when they were done")
    finished = {str(slot): sum(n.what == "finished" for n in notes) for slot, notes in by_slot.items()}
    figures.blame("duplicated", [slot for slot, count in finished.items() if count > 1], "slots were done twice")
    stale = [str(slot) for slot, notes in by_slot.items() if _is_stale(notes)]
    figures.blame("wrong", stale, "slots were finished by a replica that had lost them")


def _audit_announcements(figures: Figures, job: Job, entries: Entries, collector: Collector) -> None:
    """One for each slot, with what the row says, announced once and heard as it was announced."""
    told: defaultdict[datetime, list[Any]] = defaultdict(list)
    for event in entries.announced:
        if event["type"] == job.announces:
            told[datetime.fromisoformat(event["time"])].append(event)
    figures.blame("lost", _spelled(entries.done.keys() - told.keys()), "slots were never announced")
    figures.blame("unexpected", _spelled(told.keys() - entries.done.keys()), "slots were announced and never done")
    figures.blame("duplicated", _spelled(s for s, events in told.items() if len(events) > 1), "slots announced twice")
    both = {slot: events[0] for slot, events in told.items() if slot in entries.done}
    differing = [slot for slot, event in both.items() if not _agrees(event["data"], entries.done[slot])]
    figures.blame("wrong", _spelled(differing), "announcements are not what the slot's row says")
    figures.blame("wrong", collector.fickle, "events were announced with different content")
    figures.blame("lost", {e["id"] for e in entries.announced} - collector.seen.keys(), "announcements never left")
    figures.blame("unexpected", collector.seen.keys() - {e["id"] for e in entries.announced}, "events were made up")
    # There is trouble in every slot, so whoever finds none has not looked.
    calm = [event["id"] for event in entries.announced if event["data"].get("status") == _OK]
    figures.blame("wrong", calm, "runs found all well that cannot have")
    _audit_once(figures, job, entries.announced)


def _audit_once(figures: Figures, job: Job, announced: Sequence[Any]) -> None:
    """A trouble that lasts is told once, whoever saw it."""
    if job.once is None:
        return
    about = Counter(_about(event["data"]) for event in announced if event["type"] == job.once)
    figures.blame("lost", [] if about else [job.once], "lasting troubles were never told")
    figures.blame("duplicated", [what for what, count in about.items() if count > 1], "lasting troubles told again")


def _is_stale(notes: Sequence[Note]) -> bool:
    """Whether somebody finished what another had claimed by then."""
    owner = ""
    for note in notes:
        if note.what in ("claimed", "robbed"):
            owner = note.who
        elif note.what == "finished" and note.who != owner:
            return True
    return False


def _agrees(data: Any, result: Any) -> bool:
    """Whether an announcement is the row's result, or one of the comparisons in it."""
    return bool(data == result or data in result.get("checks", []))


def _about(data: Mapping[str, Any]) -> str:
    return str(data.get("event_type") or data.get("subject") or data.get("configmap"))


def _named(notes: Sequence[Note], what: str) -> list[str]:
    return [f"{note.slot} by {note.who}" for note in notes if note.what == what]


def _spelled(slots: Any) -> Iterator[str]:
    return (str(slot) for slot in slots)
