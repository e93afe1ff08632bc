"""Exactly one issue for a plan: redelivered, at once, refused, and with answers lost.

PostgreSQL and Gitea's API are real servers. A process is a handler with connections of its own; those that are killed
are in ``test_gitops_killed.py``.
"""

from __future__ import annotations

import asyncio

import pytest

from shared.domain.errors import DatabaseUnavailable
from shared.domain.remediations import REMEDIATION_ASSESSED, REMEDIATION_REVIEW_REQUESTED
from shared.local.simulators.faults import Fault
from shared.local.simulators.gitea_issues import Loss
from shared.testing.gitops import remediation_proposed
from shared.testing.sinks import MemorySink
from tests.faults.gitops_world import REPOSITORY, TICK, a_world, is_answered_with_the_one_issue
from tests.tables import cloned

PATIENCE_S = 20.0  # for a failing test only


@pytest.fixture(scope="module")
def database(postgres_server, migrated_template):
    with cloned(postgres_server, migrated_template, "test_gitops_once") as url:
        yield url


@pytest.fixture
async def world(database):
    async with a_world(database) as made:
        yield made


async def test_redelivered(world):
    handle = await world.process()
    answers = [await handle() for _ in range(4)]
    assert len({answer.result.id for answer in answers}) == 1
    assert is_answered_with_the_one_issue(world, answers[-1])


async def test_by_many_processes_at_once_under_many_ids(world):
    handles = [await world.process(timeout_s=5.0) for _ in range(3)]
    events = [remediation_proposed(id=f"proposed-{n // 2}", proposal_id=f"p-{n // 2}") for n in range(8)]
    jobs = [handle(event) for event in events for handle in handles]
    await asyncio.gather(*jobs)
    for event in events:
        assert is_answered_with_the_one_issue(world, await handles[0](event))
    told = [outcome for type_, outcome in world.announced() if type_ == REMEDIATION_ASSESSED]
    assert len(told) == 4  # each proposal is assessed once


@pytest.mark.parametrize(
    "loss", [{"how": "hang"}, {"how": "cut"}, {"how": "error", "status": 502}], ids=lambda x: x["how"]
)
async def test_when_the_answer_to_the_post_is_lost(world, loss):
    handle = await world.process()
    world.gitea.losses.append(Loss(**loss))
    answer = await handle()
    assert (answer.outcome, answer.deferred, world.states()) == ("issue_pending", True, ["unknown"])
    await handle(TICK)
    await handle()
    assert len(world.gitea.issues) == 1  # nobody posts again on a guess
    assert is_answered_with_the_one_issue(world, await world.recover())


async def test_when_the_post_lands_after_its_sender_gave_up(world):
    handle = await world.process(timeout_s=0.1)
    world.gitea.losses.append(Loss(late_s=1.5))
    assert (await handle()).outcome == "issue_pending"
    await handle(TICK)
    assert world.gitea.issues == []
    async with asyncio.timeout(10):
        while not world.gitea.issues:  # noqa: ASYNC110 - another task posts it, and tells nobody
            await asyncio.sleep(0.05)
    assert is_answered_with_the_one_issue(world, await world.recover())


async def test_when_the_post_never_lands(world):
    handle = await world.process()
    world.gitea.faults.add(Fault(status=503, path=f"{REPOSITORY}/issues"))
    assert (await handle()).outcome == "issue_pending"
    assert world.states() == ["unknown"]
    assert is_answered_with_the_one_issue(world, await world.recover())


@pytest.mark.parametrize("status", [403, 422])
async def test_a_refusal_is_kept_with_its_reason_and_loses_no_intent(world, status):
    handle = await world.process()
    world.gitea.faults.add(Fault(status=status, path=f"{REPOSITORY}/issues"))
    answer = await handle()
    assert (answer.outcome, world.states()) == ("issue_pending", ["failed" if status == 422 else "planned"])
    assert f"({status})" in answer.facts["why"]
    assert world.rows("SELECT response ->> 'why' FROM effects") == [[answer.facts["why"]]]
    world.pass_time(3600)
    assert is_answered_with_the_one_issue(world, await world.recover())


async def test_while_gitea_is_down_the_intent_is_durable(world):
    handle = await world.process()
    world.gitea.faults.add(Fault(status=503, times=None))
    answer = await handle()
    assert (answer.outcome, answer.deferred, world.states()) == ("issue_pending", True, ["planned"])
    assert world.announced() == [(REMEDIATION_ASSESSED, "issue_pending")]
    world.gitea.faults.clear()
    assert is_answered_with_the_one_issue(world, await world.recover())


async def test_a_plan_that_is_being_taken_is_passed_over(world):
    handle = await world.process()
    world.gitea.faults.add(Fault(status=503, path=f"{REPOSITORY}/labels"))
    await handle()
    world.pass_time(60)
    world.rows("BEGIN")
    world.rows("SELECT key FROM effects FOR UPDATE")
    assert (await handle(TICK)).facts == {"why": []}
    world.rows("COMMIT")
    assert (await handle(TICK)).facts["opened"] == 1
    assert is_answered_with_the_one_issue(world, await handle())


async def test_when_reconcile_finds_it_before_a_tick_does(world):
    handle = await world.process()
    world.gitea.losses.append(Loss(how="cut"))
    await handle()
    # As its sender had left it by dying, and reconcile has found it.
    world.rows("UPDATE effects SET lease_until = now() + interval '1 minute', next_at = now()")
    await (await world.process())(TICK)
    assert world.states() == ["unknown"]  # its lease has not run out: nothing is decided yet
    assert is_answered_with_the_one_issue(world, await world.recover())


async def test_whoever_listens_hears_of_the_issue_once(world):
    sink = MemorySink()
    handle = await world.process(sink=sink)
    answer = await handle()
    await handle()
    async with asyncio.timeout(PATIENCE_S):
        while world.announced():  # noqa: ASYNC110 - the outbox has no event for it
            await asyncio.sleep(0.01)
    told, asked = sorted(sink.sent, key=lambda event: event.type)
    assert told == answer.result
    assert asked.type == REMEDIATION_REVIEW_REQUESTED


async def test_without_the_database_nothing_is_posted(world):
    handle = await world.process()
    world.rows("ALTER TABLE effects RENAME TO effects_away")
    try:
        with pytest.raises(DatabaseUnavailable):
            await handle()
    finally:
        world.rows("ALTER TABLE effects_away RENAME TO effects")
    assert world.gitea.issues == []
    assert is_answered_with_the_one_issue(world, await handle())
