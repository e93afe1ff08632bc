from __future__ import annotations

from datetime import timedelta

import pytest

from functions.verify_execution.core.readings import SensorKind
from functions.verify_execution.core.soaking import Soak
from tests.verdicts import ACTED, BEFORE, http, silent, snapshot, workload

SOAK = timedelta(seconds=15)


def at(seconds):
    return ACTED + timedelta(seconds=seconds)


def look(seconds, **seen):
    return snapshot(workload(at(seconds), **seen), at=at(seconds))


def after(*looks):
    soak = Soak(ACTED)
    for one in looks:
        soak = soak.observe(one)
    return soak


def test_it_begins_when_the_target_is_first_seen_healthy():
    soak = after(look(10, ready=0), look(13, ready=2), look(16), look(19))

    assert soak.stable_since == at(16)


@pytest.mark.parametrize(("seconds", "over"), [(24.9, False), (25, True), (99, True)])
def test_it_is_over_when_the_target_was_healthy_for_long_enough(seconds, over):
    assert after(look(10)).is_over(at=at(seconds), soak=SOAK) is over


@pytest.mark.parametrize("broken", [{"ready": 0}, {"ready": 2}, {"observed_generation": 1}, {"updated": 1}])
def test_a_break_begins_it_anew(broken):
    soak = after(look(10), look(13, **broken), look(16))

    assert soak.stable_since == at(16)


def test_a_break_at_the_end_leaves_nothing():
    soak = after(look(10), look(13, ready=0))

    assert soak.stable_since is None
    assert not soak.is_over(at=at(999), soak=timedelta(0))
    assert soak.remaining(at=at(13), soak=SOAK) is None


def test_a_restart_is_a_break_though_every_look_is_healthy():
    assert after(look(10, restarts=4), look(13, restarts=5), look(16, restarts=5)).stable_since == at(13)


def test_a_new_pods_count_is_no_restart():
    assert after(look(10, restarts=4), look(13, restarts=0)).stable_since == at(10)
    assert after(look(10, restarts=4), look(13, restarts=0), look(16, restarts=1)).stable_since == at(16)


def test_a_count_that_was_not_seen_for_a_while_is_remembered():
    unseen = snapshot(silent(SensorKind.WORKLOAD), http(200, at(13)), at=at(13))
    seen = [snapshot(workload(at(s), restarts=r), http(200, at(s)), at=at(s)) for s, r in ((10, 4), (16, 4), (19, 5))]

    assert after(seen[0], unseen, seen[1]).stable_since == at(10)
    assert after(seen[0], unseen, seen[2]).stable_since == at(19)


def test_not_seeing_the_target_is_a_break():
    assert after(look(10), snapshot(at=at(13)), look(16)).stable_since == at(16)
    assert after(look(10), snapshot(silent(SensorKind.WORKLOAD), at=at(13)), look(16)).stable_since == at(16)


def test_what_was_read_before_the_action_does_not_count():
    assert after(snapshot(workload(BEFORE), at=at(10))).stable_since is None
    assert after(snapshot(workload(ACTED), at=at(10))).stable_since is None


def test_one_of_two_that_is_broken_is_a_break():
    assert after(snapshot(workload(at(10)), http(500, at(10)), at=at(10))).stable_since is None


def test_what_remains():
    soak = after(look(10))

    assert soak.remaining(at=at(12), soak=SOAK) == timedelta(seconds=13)
    assert soak.remaining(at=at(30), soak=SOAK) == timedelta(seconds=-5)
