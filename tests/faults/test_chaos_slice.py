"""A few rounds of what ``make chaos`` plays for minutes: every promise holds, and a planted bug does not pass."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from shared.local import redis_program
from tests.faults.campaigns import CAMPAIGNS
from tests.faults.collector import Collector
from tests.faults.planted import BUGS, Bug
from tests.faults.report import Ticker
from tests.faults.runs import Run
from tests.faults.stage import Stage

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(
        redis_program.find() is None, reason="no Redis on this machine: install redis-server 6.2 or newer"
    ),
]

_BY_NAME = {campaign.name: campaign for campaign in CAMPAIGNS}
_ROUNDS = [("postgres", 1), ("both", 1), ("no-aof", 1)]
_CHEAP = [bug for bug in BUGS if bug.name == "aof_not_asked"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def run(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Run]:
    async with Collector() as collector:
        with Stage(tmp_path_factory.mktemp("chaos"), collector.url) as stage:
            yield Run(stage, collector, seed="slice", ticker=Ticker())


@pytest.mark.parametrize(("campaign", "rounds"), _ROUNDS)
async def test_nothing_is_lost_and_nothing_happens_twice(run: Run, campaign: str, rounds: int) -> None:
    result = await run.campaign(_BY_NAME[campaign], rounds)

    assert result.figures.problems == []
    assert result.figures.acknowledged > 0


@pytest.mark.parametrize("bug", _CHEAP, ids=lambda bug: bug.name)
async def test_a_planted_bug_is_caught(run: Run, bug: Bug) -> None:
    catch = await run.planted(bug)

    assert catch.count > 0
