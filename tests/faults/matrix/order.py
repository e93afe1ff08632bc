"""Row 27, and what of rows 25 and 30 is about order: what is late changes nothing, what belongs together meets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from shared.testing.clocks import NOON
from shared.testing.events import firing, webhook, write_requested
from shared.testing.gitops import remediation_proposed
from shared.testing.notify import alert_raised, alert_resolved
from tests.executions import starting
from tests.faults.matrix.plays import Act, Play, Problems, answered, claim, of_row
from tests.faults.matrix.scene import Scene, new_mark
from tests.faults.matrix.subjects import Subject, asked, execution
from tests.faults.matrix.table import UNTROUBLED, promised

_MINUTE: Final = timedelta(minutes=1)


def plays_of(subject: Subject) -> Sequence[Play]:
    """Of a function for which the order could make a difference."""
    match subject.function:
        case "km_write":
            acts: list[tuple[str, Act]] = [("an approval before its incident", _linked), ("old after new", _newest)]
            return [*of_row(27, acts), *of_row(30, [("a future that has to give way", _future)])]
        case "verify_execution":
            return of_row(27, [("starting after completed", _late_baseline), ("completed twice, the old last", _once)])
        case "gitops_issue":
            return of_row(27, [("the same plan proposed again, from before", _same_plan)])
        case "alert_bridge":
            other: list[tuple[str, Act]] = [("the same episode with other annotations", _same_episode)]
            return [*of_row(25, other), *of_row(27, [("resolved before firing", _episode)])]
        case "notify":
            return of_row(27, [("resolved before raised", _both_told)])
        case _:
            return []


async def _sent(scene: Scene, subject: Subject, *events: Any) -> Problems:
    expected = UNTROUBLED[subject.function]
    return [p for event in events for p in answered(await scene.post(asked(event, event.id)), expected)]


async def _linked(scene: Scene, subject: Subject) -> Problems:
    mark = new_mark()
    approval = write_requested("approval_manual", id=f"{mark}-b", incident=mark, approval=f"apr-{mark}")
    said = await _sent(scene, subject, approval, write_requested(id=f"{mark}-a", incident=mark))
    links = scene.rows(
        "SELECT approval_id FROM knowledge_entries WHERE incident_id = :mark AND path_type = 'incident_resolve'",
        mark=mark,
    )
    return [*said, *claim(links == [[f"apr-{mark}"]], f"the incident has the approval {links}")]


async def _newest(scene: Scene, subject: Subject) -> Problems:
    mark = new_mark()
    new = write_requested(id=f"{mark}-new", incident=mark, at=NOON + _MINUTE, text="new")
    old = write_requested(id=f"{mark}-old", incident=mark, at=NOON, text="old")
    return [*await _sent(scene, subject, new, old), *_is_held(scene, mark, "new")]


async def _future(scene: Scene, subject: Subject) -> Problems:
    """By its own clock the first is the newer one for ever; by the database's it came first."""
    mark, now = new_mark(), datetime.now(UTC)
    ahead = write_requested(id=f"{mark}-1", incident=mark, at=now + 10 * _MINUTE, text="from a clock that is ahead")
    said = await _sent(scene, subject, ahead)
    later = write_requested(id=f"{mark}-2", incident=mark, at=datetime.now(UTC), text="later")
    return [*said, *await _sent(scene, subject, later), *_is_held(scene, mark, "later")]


def _is_held(scene: Scene, mark: str, text: str) -> Problems:
    held = scene.rows("SELECT content, revision FROM knowledge_entries WHERE incident_id = :mark", mark=mark)
    return claim(held == [[text, 2]], f"held is {held}")


async def _late_baseline(scene: Scene, subject: Subject) -> Problems:
    """A look that was taken after the action is no baseline of it."""
    mark, now = new_mark(), datetime.now(UTC)
    said = await _sent(scene, subject, execution(mark, now - timedelta(seconds=0.05)))
    before = _verdicts(scene, mark)
    said += await _sent(scene, subject, starting(mark, incident=mark, at=now - _MINUTE))
    said += await _sent(scene, subject, execution(mark, now - timedelta(seconds=0.05)))
    after = _verdicts(scene, mark)
    return [
        *said,
        *claim(before == [["success", "recovered_without_baseline"]], f"the verdict was {before}"),
        *claim(after == before, f"the verdict became {after}"),
    ]


async def _once(scene: Scene, subject: Subject) -> Problems:
    """Two events report one execution: there is one verdict, the first one's."""
    mark, now = new_mark(), datetime.now(UTC)
    said = await _sent(scene, subject, execution(mark, now - timedelta(seconds=0.05)))
    old = replace(execution(mark, now - _MINUTE), id=f"{mark}-old")
    said += await _sent(scene, subject, old)
    return [*said, *claim(len(_verdicts(scene, mark)) == 1, f"the verdicts are {_verdicts(scene, mark)}")]


def _verdicts(scene: Scene, mark: str) -> Any:
    return scene.rows(
        "SELECT verdict, reason FROM verifications WHERE execution_id = :mark AND check_name = 'initial'", mark=mark
    )


async def _same_plan(scene: Scene, subject: Subject) -> Problems:
    mark = new_mark()
    command = f"kubectl drain {mark} --ignore-daemonsets -n prod"
    new, old = (
        replace(remediation_proposed(id=f"{mark}-{n}", command=command), time=NOON - n * _MINUTE) for n in (0, 1)
    )
    said = await _sent(scene, subject, new, old)
    issues = sum(mark in issue.body for issue in scene.outside.gitea.issues)
    return [*said, *claim(issues == 1, f"{issues} issues for one plan")]


async def _same_episode(scene: Scene, subject: Subject) -> Problems:
    """A member of a highly available pair, or a repeat: nothing new, and what was told first stands."""
    mark, said = new_mark(), Problems()
    for summary in ("first", "second"):
        answer = await scene.answer("/alertmanager", json=webhook(firing(mark, annotations={"summary": summary})))
        said += answered(0 if answer is None else answer.status_code, promised(25, subject.function))
    told = [event["data"]["annotations"]["summary"] for event in scene.announcements(mark)]
    return [*said, *claim(told == ["first"] and not scene.fickle, f"announced with {told}")]


async def _episode(scene: Scene, subject: Subject) -> Problems:
    """Both are told, each once, and both are about one incident."""
    mark, expected = new_mark(), UNTROUBLED[subject.function]
    ended = (NOON + _MINUTE).isoformat()
    over = webhook(firing(mark, status="resolved", endsAt=ended))
    said = []
    for document in (over, webhook(firing(mark)), over):
        answer = await scene.answer("/alertmanager", json=document)
        said += answered(0 if answer is None else answer.status_code, expected)
    events = scene.announcements(mark)
    kinds = sorted(event["type"].split(".")[3] for event in events)
    return [
        *said,
        *claim(kinds == ["firing", "resolved"], f"announced as {kinds}"),
        *claim(len({event["subject"] for event in events}) == 1, "they are about different incidents"),
    ]


async def _both_told(scene: Scene, subject: Subject) -> Problems:
    mark = new_mark()
    said = await _sent(scene, subject, alert_resolved(mark), alert_raised(mark))
    cards = scene.rows("SELECT count(*) FROM effects WHERE request::text LIKE '%' || :mark || '%'", mark=mark)
    return [*said, *claim(cards == [[2]], f"{cards} cards for two events")]
