"""Rows 20 to 23: the forge or the chat refuses, hangs, or takes what it is given and does not say so."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from shared.local.simulators.faults import Fault as Told
from shared.local.simulators.gitea_issues import Loss
from tests.faults.matrix.outside import Outside
from tests.faults.matrix.plays import Play, Problems, answered, claim, counted, ended, taken
from tests.faults.matrix.scene import Scene, new_mark, until
from tests.faults.matrix.subjects import Subject
from tests.faults.matrix.table import promised
from tests.faults.proxy import Refuse, Stall

_POSTS: Final = "/api/v1/repos/sre/changes/issues"
_ARRIVES_S: Final = 5.0

Break = Callable[[Outside], object]


def _status(simulator: str, code: int | None, path: str = "/") -> Break:
    return lambda outside: outside.tell(simulator, Told(status=code, path=path, times=None))


def _line(simulator: str, fault: Callable[[], Any]) -> Break:
    return lambda outside: setattr(outside.proxies[simulator], "fault", fault())


def _loss(**how: Any) -> Break:
    return lambda outside: outside.gitea.losses.append(Loss(**how))


def _lost_reply(outside: Outside) -> None:
    outside.telegram.lost_replies = 1


_FORGE: Final[Mapping[int, Mapping[str, tuple[Break, int | None]]]] = {
    20: {
        **{f"Gitea answers {code}": (_status("gitea", code), 0) for code in (401, 403, 404)},
        "Gitea answers 403 to the post alone": (_status("gitea", 403, _POSTS), 0),
        "Gitea refuses connections": (_line("gitea", Refuse), 0),
        "Gitea is a black hole": (_line("gitea", Stall), 0),
    },
    21: {"Gitea answers 422": (_status("gitea", 422, _POSTS), 0)},
    22: {
        "the issue is there, and the answer is 500": (_loss(how="error", status=500), 1),
        "the issue is there, and the answer never comes": (_loss(how="hang"), 1),
        "the issue is there, and the answer breaks off": (_loss(how="cut"), 1),
        "the issue is there after the poster has gone": (_loss(how="hang", late_s=2.5), None),
        "Gitea answers 500, and no issue is there": (_status("gitea", 500, _POSTS), 0),
    },
}
"""What goes wrong, and how many issues there are when it is answered; None for one that is late."""

_CHAT: Final[Mapping[str, tuple[Break, int]]] = {
    "Telegram answers 429": (_status("telegram", 429), 1),
    "Telegram answers 400": (_status("telegram", 400), 1),
    "Telegram answers 401": (_status("telegram", 401), 1),
    "Telegram answers 500": (_status("telegram", 500), 1),
    "Telegram refuses connections": (_line("telegram", Refuse), 1),
    # Telegram has no idempotency key: a rare double, which says so, is better than a lost alert.
    "Telegram shows it and its answer is lost": (_lost_reply, 2),
}
"""What goes wrong, and how many messages there may be in the end."""


def plays_of(subject: Subject) -> Sequence[Play]:
    """Of the functions that tell somebody."""
    match subject.function:
        case "gitops_issue":
            return [
                Play(row=row, name=name, act=partial(_one_issue, row=row, break_=break_, there=there))
                for row, named in _FORGE.items()
                for name, (break_, there) in named.items()
            ]
        case "notify":
            return [
                Play(row=23, name=name, act=partial(_shown, break_=break_, most=most))
                for name, (break_, most) in _CHAT.items()
            ]
        case _:
            return []


async def _one_issue(scene: Scene, subject: Subject, *, row: int, break_: Break, there: int | None) -> Problems:
    """The intent is durable at once, and in the end there is one issue."""
    mark, door = new_mark(), subject.door
    ask = door.ask(mark)
    break_(scene.outside)
    heard = scene.outside.asked("gitea")
    status = await scene.post(ask)
    kept, opened = scene.effects(door, ask, mark), _issues(scene, mark)
    struck = scene.outside.is_deaf("gitea") or scene.outside.asked("gitea") > heard
    has_landed = there is not None or await until(lambda: _issues(scene, mark) == 1, patience_s=_ARRIVES_S)
    scene.outside.heal()
    completed = await ended(scene, door, mark)
    return [
        *claim(struck and has_landed, "Gitea was not asked"),
        *answered(status, promised(row, subject.function)),
        *claim(kept == 1, f"answered {status} with {kept} intents"),
        *claim(there is None or opened == there, f"{opened} issues when it was answered, not {there}"),
        *await taken(scene, subject, ask),
        *claim(_issues(scene, mark) == 1, f"{_issues(scene, mark)} issues in the end"),
        *completed,
        *counted(scene, door, ask, mark),
    ]


def _issues(scene: Scene, mark: str) -> int:
    return sum(mark in issue.body for issue in scene.outside.gitea.issues)


async def _shown(scene: Scene, subject: Subject, *, break_: Break, most: int) -> Problems:
    """It is acknowledged whatever the chat does, and people see it in the end."""
    mark, door = new_mark(), subject.door
    ask = door.ask(mark)
    break_(scene.outside)
    heard = scene.outside.asked("telegram")
    status = await scene.post(ask)
    kept = scene.effects(door, ask, mark)
    deaf = scene.outside.is_deaf("telegram")
    struck = deaf or await until(lambda: scene.outside.asked("telegram") > heard, patience_s=_ARRIVES_S)
    scene.outside.heal()

    again = await taken(scene, subject, ask)
    completed = await ended(scene, door, mark)
    shown = sum(mark in posted.text for posted in scene.outside.telegram.posted)
    return [
        *claim(struck, "Telegram was not asked"),
        *answered(status, promised(23, subject.function)),
        *claim(kept == 1, f"answered {status} with {kept} messages kept"),
        *again,
        *completed,
        *claim(1 <= shown <= most, f"people see it {shown} times, not 1 to {most}"),
        *counted(scene, door, ask, mark),
    ]
