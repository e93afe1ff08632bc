"""What a soak is made of: each trouble has its turn, and a silence is only excused by the trouble it lies in."""

from __future__ import annotations

from random import Random

import pytest

from tests.faults.load import Delivery
from tests.faults.soak import silences
from tests.faults.traffic import BRIDGE, WRITER, Post
from tests.faults.troubles import TROUBLES, schedule


def test_the_shortest_soak_has_every_trouble_once() -> None:
    turns = list(schedule(Random(1), 10.0))

    assert sorted(turn.trouble.name for turn in turns) == sorted(trouble.name for trouble in TROUBLES)
    assert sum(turn.calm_s + turn.lasts_s for turn in turns) < 1.2 * 10.0


def test_a_long_soak_begins_again_in_another_order() -> None:
    names = [turn.trouble.name for turn in schedule(Random(1), 600.0)]
    laps = [names[: len(TROUBLES)], names[len(TROUBLES) : 2 * len(TROUBLES)]]

    assert sorted(laps[0]) == sorted(laps[1])
    assert laps[0] != laps[1]


def test_the_same_seed_is_the_same_soak() -> None:
    assert list(schedule(Random(7), 60.0)) == list(schedule(Random(7), 60.0))


def acknowledged(*times: float, function: str = WRITER, status: int = 200) -> list[Delivery]:
    post = Post(function=function, path="/", headers={}, body=b"", facts=("ev-1",), patient=True)
    return [Delivery(post, began=at - 0.1, ended=at, status=status) for at in times]


@pytest.mark.parametrize(
    ("spans", "too_long"),
    [([], 1), ([(10.0, 14.0)], 0), ([(9.0, 11.0), (12.0, 13.0)], 1), ([(20.0, 40.0)], 1), ([(0.0, 40.0)], 0)],
)
def test_a_silence_may_last_five_seconds_more_than_its_trouble(spans: list[tuple[float, float]], too_long: int) -> None:
    assert len(silences(WRITER, acknowledged(1.0, 5.0, 10.0, 18.5, 19.0), spans)) == too_long


def test_only_acknowledgements_of_the_same_function_end_a_silence() -> None:
    others = [*acknowledged(4.0, function=BRIDGE), *acknowledged(4.0, status=503)]

    assert len(silences(WRITER, [*acknowledged(1.0, 8.0), *others], [])) == 1
