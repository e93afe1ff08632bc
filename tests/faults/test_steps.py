"""Some failpoints of what ``make chaos`` looks for in every function: a process that is killed there loses nothing."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from shared.domain.contract import validated
from shared.domain.remediations import RemediationProposed
from shared.local import redis_program
from shared.local.simulators.gitea import GiteaSimulator
from tests.faults.collector import Collector
from tests.faults.gitops_world import ASSESSOR, EVENT
from tests.faults.steps.campaign import find
from tests.faults.steps.failpoints import Ending, differences
from tests.faults.steps.subjects import SUBJECTS

_GITOPS = next(subject for subject in SUBJECTS if subject.name == "gitops-issue")
_TOKEN = {"authorization": "token token"}
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
    ("keyword", "found"),
    [
        ("[AI-Repair] drain node/worker-3: score 72", [1]),
        ("ai repair DRAIN", [1]),
        ("drain worker", []),
        ("node/worker", [1]),
        ("node/work", []),
        ("somebody asked", [1]),
        ("", [2, 1]),
    ],
)
async def test_giteas_search_knows_near_matches_and_nothing_new(keyword: str, found: list[int]) -> None:
    gitea = GiteaSimulator()
    for body in ("another plan", "ours"):
        issue = gitea.add_issue("[AI-Repair] drain node/worker-3: score 72", body)
        gitea.add_comment(issue, "ada", "As somebody asked: not before noon.")
    gitea.indexed = 1

    transport = httpx.ASGITransport(gitea.app())
    async with httpx.AsyncClient(transport=transport, base_url="http://gitea", headers=_TOKEN) as http:
        hits = await http.get("/api/v1/repos/sre/changes/issues", params={"q": keyword})

    assert [issue["number"] for issue in hits.json()] == found


def test_the_neighbour_of_a_plan_has_its_title_and_not_its_marker() -> None:
    neighbour = _GITOPS.neighbour("worker-3")
    _, draft = ASSESSOR(validated(RemediationProposed, EVENT.data))

    assert neighbour is not None
    assert draft is not None
    assert (neighbour.title == draft.title, neighbour.marker == draft.marker) == (True, False)


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
