"""Some failpoints of what ``make chaos`` looks for in every function: a process that is killed there loses nothing."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from shared.local import redis_program
from tests.faults.collector import Collector
from tests.faults.steps.campaign import find
from tests.faults.steps.failpoints import Ending, differences
from tests.faults.steps.subjects import SUBJECTS

_GITOPS = next(subject for subject in SUBJECTS if subject.name == "gitops-issue")
_ISSUE_IS_THERE = 8  # Gitea has it, and PostgreSQL does not know yet
_SOUND = Ending(
    killed=True, acknowledged=False, again=200, state=["a row"], seen=Counter(issues=1, messages=1), repeats=0
)


@pytest.mark.skipif(redis_program.find() is None, reason="no Redis on this machine: install redis-server 6.2 or newer")
async def test_killed_at_a_failpoint_it_opens_one_issue(own_database_url: str, redis_url: str, tmp_path: Path) -> None:
    async with Collector() as collector:
        report = await find(_GITOPS, tmp_path, own_database_url, redis_url, collector, failpoints=[_ISSUE_IS_THERE])

    assert report.figures.problems == []
    assert report.notes["kill -9"] == 1


@pytest.mark.parametrize(
    ("ending", "counters"),
    [
        (_SOUND, []),
        (replace(_SOUND, state=[]), ["lost"]),
        (replace(_SOUND, state=["a row", "a row"]), ["duplicated"]),
        (replace(_SOUND, state=["another"]), ["lost", "duplicated"]),
        (replace(_SOUND, seen=Counter(messages=1)), ["lost"]),
        (replace(_SOUND, seen=Counter(issues=2, messages=1)), ["duplicated"]),
        (replace(_SOUND, again=503), ["wrong"]),
    ],
)
def test_an_ending_is_held_against_the_usual_one(ending: Ending, counters: list[str]) -> None:
    assert [counter for counter, _ in differences(ending, _SOUND)] == counters
