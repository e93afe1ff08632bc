from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.verify_execution.core.readings import Neighbours, SensorKind
from functions.verify_execution.core.scoring import ROLLBACK_BELOW, score
from tests.verdicts import AFTER, BEFORE, alert, attempt, before, case, http, silent, snapshot, workload


def neighbours(**ready):
    return Neighbours(at=AFTER, ready=ready)


BROKEN = before(workload(ready=0), neighbours(db=True, queue=True, cache=False))

SCORES = {
    "all is well": (snapshot(workload(), alert(firing=False), neighbours(db=True, queue=True)), 1.0, True, ()),
    "nothing is known but the target": (snapshot(workload()), 0.7, None, ()),
    "the alert fires": (snapshot(workload(), alert(firing=True), neighbours(db=True)), 0.6, False, ()),
    "a neighbour broke": (
        snapshot(workload(), alert(firing=False), neighbours(db=False, queue=True)),
        0.8,
        True,
        ("db",),
    ),
    "two neighbours broke": (
        snapshot(workload(), alert(firing=False), neighbours(db=False, queue=False)),
        0.8,
        True,
        ("db", "queue"),
    ),
    "a neighbour was broken before": (
        snapshot(workload(), alert(firing=False), neighbours(cache=False)),
        1.0,
        True,
        (),
    ),
    "a neighbour is new, another gone": (
        snapshot(workload(), alert(firing=False), neighbours(other=False)),
        1.0,
        True,
        (),
    ),
    "two of three are ready": (snapshot(workload(ready=2)), 0.57, None, ()),
    "the target is broken": (snapshot(workload(ready=0)), 0.3, None, ()),
    "the target is broken in another way": (snapshot(workload(), http(500)), 0.3, None, ()),
    "the target was not seen": (snapshot(silent(SensorKind.WORKLOAD)), 0.5, None, ()),
    "the target was not seen, and the alert fires": (snapshot(alert(firing=True)), 0.3, False, ()),
    "one of two alerts fires": (
        snapshot(workload(), alert(firing=False), replace(attempt(alert(firing=True)), sensor="other")),
        0.5,
        False,
        (),
    ),
}


@pytest.mark.parametrize("name", SCORES)
def test_what_a_recovery_is_worth(name):
    after, value, cleared, regressions = SCORES[name]
    scored = score(case(after, was=BROKEN))

    assert (scored.value, scored.root_cause_cleared, scored.regressions) == (value, cleared, regressions)


def test_a_target_that_flapped_is_worth_nothing_though_it_is_up_at_last():
    looks = [snapshot(workload()), snapshot(workload(ready=0)), snapshot(workload())]

    assert score(case(looks)).value == 0.3 < ROLLBACK_BELOW


def test_neighbours_need_a_look_before_and_one_after():
    unknown = snapshot(workload(), alert(firing=False))

    assert score(case(snapshot(workload(), alert(firing=False), neighbours(db=False)))).value == 0.9
    assert score(case(unknown, was=BROKEN)).value == 0.9


readings = st.sampled_from(
    [
        *(workload(ready=ready) for ready in (3, 2, 0)),
        *(http(status) for status in (200, 500)),
        *(alert(firing=firing) for firing in (True, False)),
        *(neighbours(db=ready) for ready in (True, False)),
        workload(BEFORE),
    ]
)


@given(st.lists(readings, max_size=4), st.sampled_from([workload(ready=0), http(500), alert(firing=True)]))
def test_a_score_is_a_share_and_a_bad_reading_adds_nothing(seen, bad):
    named = [replace(attempt(reading), sensor=f"s{number}") for number, reading in enumerate(seen)]
    scored = score(case(snapshot(*named), was=BROKEN)).value
    worse = score(case(snapshot(*named, replace(attempt(bad), sensor="one more")), was=BROKEN)).value

    assert 0 <= worse <= scored <= 1
