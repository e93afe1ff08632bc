"""Rows 15 to 19: what verify-execution, governance-check and drift-check ask is wrong, silent, or huge.

Each play begins with the same request while nothing is wrong: a success, an objective that is kept. So what is missing
afterwards is the fault's doing, and a verdict that is not a success is worth something.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from shared.domain.executions import EXECUTION_VERIFIED
from shared.local.simulators.faults import Fault as Told
from tests.faults.matrix.outside import CONFIGMAP, SLIS, TARGET, Outside
from tests.faults.matrix.plays import Play, Problems, answered, claim, counted, taken
from tests.faults.matrix.scene import Scene, new_mark
from tests.faults.matrix.subjects import Ask, Subject, asked, drift_requested
from tests.faults.matrix.table import promised
from tests.faults.proxy import Instead, Refuse, Reset, Slice, Stall, http
from tests.senders import plain

_UNPROVEN: Final = frozenset({"degraded", "timeout"})
_SERIES: Final = 10_001
_MEGABYTES: Final = 6_000_000
_OLD_S: Final = 240.0  # Prometheus still finds it, and it says nothing about now
_TRIES: Final = 5
_PAGE: Final = b"<html>log in</html>"

Break = Callable[[Outside], object]
Say = Callable[[Scene, Subject], Awaitable[tuple[str, Ask]]]


def _status(simulator: str, code: int | None, path: str = "/") -> Break:
    return lambda outside: outside.tell(simulator, Told(status=code, path=path, times=None))


def _line(simulator: str, fault: type[Any] | Callable[[], Any]) -> Break:
    return lambda outside: setattr(outside.proxies[simulator], "fault", fault())


def _login_page() -> Instead:
    head = f"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: {len(_PAGE)}\r\n\r\n"
    return Instead(head.encode() + _PAGE)


def _value(value: float | None, age_s: float = 0.0) -> Break:
    """Everything that is measured has this value; None is never scraped."""

    def tell(outside: Outside) -> None:
        outside.stop_scraping()
        if value is not None:
            outside.prometheus.scrape("up", {"namespace": TARGET["namespace"]}, value, age_s=age_s)
            for metric in SLIS:
                outside.prometheus.scrape(metric, {}, value, age_s=age_s)

    return tell


def _many_series(outside: Outside) -> None:
    """As good as any, each of them."""
    for number in range(_SERIES):
        labels = {"namespace": TARGET["namespace"], "series": str(number)}
        outside.prometheus.scrape("up", labels, 1.0)
        outside.prometheus.scrape(next(iter(SLIS)), labels, 1.0)


def _many_bytes(outside: Outside) -> None:
    outside.prometheus.warnings = ["x" * _MEGABYTES]


_KUBERNETES: Final[Mapping[int, Mapping[str, Break]]] = {
    15: {f"Kubernetes answers {code}": _status("kubernetes", code) for code in (401, 403)},
    16: {
        **{f"Kubernetes answers {code}": _status("kubernetes", code) for code in (429, 500, 503, 504)},
        "Kubernetes does not answer": _status("kubernetes", None),
        "Kubernetes refuses connections": _line("kubernetes", Refuse),
        "Kubernetes breaks off": _line("kubernetes", Reset),
    },
}
_PROMETHEUS: Final[Mapping[int, Mapping[str, Break]]] = {
    17: {
        "Prometheus refuses connections": _line("prometheus", Refuse),
        "Prometheus is a black hole": _line("prometheus", Stall),
        "Prometheus does not answer": _status("prometheus", None),
        **{f"Prometheus answers {code}": _status("prometheus", code) for code in (400, 401, 404, 422, 500, 503)},
        "a proxy before Prometheus answers 502": _line("prometheus", partial(http.status, 502)),
        "a login page in the place of Prometheus": _line("prometheus", _login_page),
    },
    18: {
        "no sample": _value(None),
        "NaN": _value(math.nan),
        "+Inf": _value(math.inf),
        "-Inf": _value(-math.inf),
        "a stale sample": _value(1.0, _OLD_S),
    },
    19: {"10,001 series": _many_series, "an answer of 6 MB": _many_bytes},
}
_REPORTS: Final = {17: "error", 18: "no_data", 19: "error"}
"""What governance-check says of its objectives; all of them are so, or the worst of them is."""


def plays_of(subject: Subject) -> Sequence[Play]:
    """Of a function that asks somebody."""
    match subject.function:
        case "verify_execution":
            return [*_of(_KUBERNETES, "kubernetes", _unproven), *_of(_PROMETHEUS, "prometheus", _unproven), _HELD]
        case "governance_check":
            return _of(_PROMETHEUS, "prometheus", _unknown)
        case "drift_check":
            return _of(_KUBERNETES, "kubernetes", _uncompared)
        case _:
            return []


def _of(breaks: Mapping[int, Mapping[str, Break]], simulator: str, act: Any) -> list[Play]:
    return [
        Play(row=row, name=name, act=partial(act, simulator=simulator, row=row, break_=break_))
        for row, named in breaks.items()
        for name, break_ in named.items()
    ]


async def _unproven(scene: Scene, subject: Subject, *, simulator: str, row: int, break_: Break) -> Problems:
    """A verdict in spite of it, with a reason, and never a success."""
    before = await _while_well(_verdict, scene, subject, "success")
    break_(scene.outside)
    heard = scene.outside.asked(simulator)
    told, ask = await _verdict(scene, subject)
    verdict, reason = _written(scene, ask)
    return [
        *claim(before == "success", f"the verdict was {before} while nothing was wrong"),
        *claim(_was_asked(scene, simulator, heard), f"{simulator} was not asked"),
        *claim(verdict in _UNPROVEN and told == verdict, f"the verdict was {verdict}, and answered as {told}"),
        *claim(_announced(scene, ask) == [verdict], f"announced as {_announced(scene, ask)}"),
        *claim(reason, "the verdict has no reason"),
        *answered(await scene.post(ask), promised(row, subject.function), " to a repeat"),
        *counted(scene, subject.door, ask, ask.id),
    ]


def _was_asked(scene: Scene, simulator: str, heard: int) -> bool:
    return scene.outside.is_deaf(simulator) or scene.outside.asked(simulator) > heard


async def _while_well(say: Say, scene: Scene, subject: Subject, wanted: str) -> str:
    """What is said while nothing is wrong; a machine that was busy for a second may try again."""
    said = ""
    for _ in range(_TRIES):
        said, _ask = await say(scene, subject)
        if said == wanted:
            break
    return said


async def _verdict(scene: Scene, subject: Subject) -> tuple[str, Ask]:
    """What a new execution is answered; the request to repeat is the event itself."""
    ask = subject.door.ask(new_mark())
    assert ask.event is not None
    answer = await scene.answer(**plain(ask.event))
    said = {} if answer is None or answer.is_error else answer.json()
    return said.get("verdict", f"none ({answer and answer.status_code})"), _as_plain(ask)


def _as_plain(ask: Ask) -> Ask:
    assert ask.event is not None
    return Ask(plain(ask.event), ask.id, ask.trace, event=ask.event)


def _written(scene: Scene, ask: Ask) -> tuple[str, str]:
    verdict, reason = scene.rows(
        "SELECT verdict, reason FROM verifications WHERE execution_id = :mark AND check_name = 'initial'", mark=ask.id
    )[0]
    return verdict, reason


def _announced(scene: Scene, ask: Ask) -> list[str]:
    return [event["data"]["verdict"] for event in scene.announcements(ask.id) if event["type"] == EXECUTION_VERIFIED]


async def _unknown(scene: Scene, subject: Subject, *, simulator: str, row: int, break_: Break) -> Problems:
    """A report in spite of it, with what is not known, and never ``ok``."""
    before = await _while_well(_report, scene, subject, "ok")
    break_(scene.outside)
    heard = scene.outside.asked(simulator)
    told, ask = await _report(scene, subject)
    kept = scene.rows("SELECT reply #>> '{data,status}' FROM inbox WHERE id = :mark", mark=ask.id)
    return [
        *claim(before == "ok", f"the report was {before} while nothing was wrong"),
        *claim(_was_asked(scene, simulator, heard), f"{simulator} was not asked"),
        *claim(told == _REPORTS[row], f"the report was {told}, not {_REPORTS[row]}"),
        *claim(kept == [[told]], f"kept as {kept}"),
        *answered(await scene.post(ask), promised(row, subject.function), " to a repeat"),
        *counted(scene, subject.front, ask, ask.id),
    ]


async def _report(scene: Scene, subject: Subject) -> tuple[str, Ask]:
    ask = subject.front.ask(new_mark())
    assert ask.event is not None
    answer = await scene.answer(**plain(ask.event))
    said = {} if answer is None or answer.is_error else answer.json()
    return said.get("status", f"none ({answer and answer.status_code})"), _as_plain(ask)


async def _uncompared(scene: Scene, subject: Subject, *, simulator: str, row: int, break_: Break) -> Problems:
    """Either the report says that the cluster does not give it, or it is to be sent again."""
    asks = [_live(new_mark()) for _ in range(2)]
    before = await scene.answer(**asks[0].request)
    break_(scene.outside)
    heard = scene.outside.asked(simulator)
    status = await scene.post(asks[1])
    struck = _was_asked(scene, simulator, heard)
    kept = scene.effects(subject.door, asks[1], asks[1].id)
    scene.outside.heal()
    later = await taken(scene, subject, asks[1])
    said = scene.rows("SELECT reply #>> '{data,status}' FROM inbox WHERE id = :mark", mark=asks[1].id)
    expected = "error" if row == 15 else "ok"
    return [
        *claim(before is not None and before.is_success, "not compared while nothing was wrong"),
        *claim(struck, f"{simulator} was not asked"),
        *answered(status, promised(row, subject.function)),
        *claim(kept == int(row == 15), f"{kept} reports were kept"),
        *later,
        *claim(said == [[expected]], f"reported {said} in the end, not {expected}"),
    ]


def _live(mark: str) -> Ask:
    return asked(drift_requested(mark, datetime.now(UTC), CONFIGMAP), mark)


async def _slowly(scene: Scene, subject: Subject, **_: Any) -> Problems:
    """The opposite: what is only slow is waited for."""
    for name in ("kubernetes", "prometheus"):
        scene.outside.proxies[name].fault = Slice(100)
    told = await _while_well(_verdict, scene, subject, "success")
    return claim(told == "success", f"the verdict was {told}")


_HELD: Final = Play(row=18, name="samples in small pieces are samples", act=_slowly)
