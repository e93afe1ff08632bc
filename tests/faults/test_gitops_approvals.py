"""People decide in Gitea; PostgreSQL and Gitea's API are real servers: one verdict, one event, one issue left open."""

from __future__ import annotations

import asyncio

import pytest

from functions.gitops_issue.core.approvals import code_of
from functions.gitops_issue.core.plans import digest
from shared.domain.remediations import REMEDIATION_APPROVED, RemediationProposed
from shared.local.simulators.faults import Fault
from shared.local.simulators.gitea_issues import Loss
from tests.faults.gitops_world import EVENT, REPOSITORY, SETTLE_S, TICK, a_world
from tests.tables import cloned

YES = f"/approve {code_of(digest(RemediationProposed.model_validate(EVENT.data)))}"
A_WHILE_S = 200.0


@pytest.fixture(scope="module")
def database(postgres_server, migrated_template):
    with cloned(postgres_server, migrated_template, "test_gitops_approvals") as url:
        yield url


@pytest.fixture
async def world(database):
    async with a_world(database) as made:
        yield made


async def agreed(world):
    """A process, when two people have agreed to its plan."""
    handle = await world.process(timeout_s=5.0)
    await handle()
    for login in ("ada", "grace"):
        world.gitea.add_comment(world.the_issue(), login, YES)
    return handle


def approvals(world):
    return [type_ for type_, _ in world.announced()].count(REMEDIATION_APPROVED)


def notes(issue):
    return [comment.body for comment in issue.comments if comment.login == "aftercare"]


async def test_however_many_ticks_come_at_once_a_plan_is_approved_once(world):
    await agreed(world)
    handles = [await world.process(timeout_s=5.0) for _ in range(3)]
    await asyncio.gather(*(handle(TICK) for handle in handles for _ in range(3)))

    issue = world.the_issue()
    assert (world.states(), approvals(world)) == (["approved"], 1)
    assert (issue.state, len(notes(issue))) == ("closed", 1)
    assert world.rows("SELECT response -> 'by' FROM effects") == [[["ada", "grace"]]]


@pytest.mark.parametrize("field", ["title", "body"])
async def test_an_edit_in_gitea_voids_what_was_agreed_before(world, field):
    handle = await agreed(world)
    issue = world.the_issue()
    issue.edit(**{field: getattr(issue, field).replace("worker-3", "worker-4")})
    answer = await handle(TICK)

    assert answer.facts == {"voided": 1, "closed": 1, "why": []}
    assert (world.states(), approvals(world), issue.state) == (["voided"], 0, "closed")
    assert "edited" in notes(issue)[0]


async def test_what_gitea_does_not_let_be_read_is_approved_once_it_does(world):
    handle = await agreed(world)
    world.gitea.faults.add(Fault(status=503, times=None))
    answer = await handle(TICK)
    assert (world.states(), len(answer.facts["why"])) == (["sent"], 1)
    world.gitea.faults.clear()
    world.pass_time(A_WHILE_S)
    await handle(TICK)
    assert (world.states(), approvals(world)) == (["approved"], 1)


async def test_an_issue_that_gitea_does_not_close_is_closed_by_a_later_tick(world):
    handle = await agreed(world)
    world.the_issue().depends = True
    answer = await handle(TICK)
    assert (world.states(), approvals(world)) == (["approved"], 1)
    assert "(412)" in answer.facts["why"][0]
    world.the_issue().depends = False
    world.pass_time(A_WHILE_S)
    await handle(TICK)
    assert (world.the_issue().state, len(notes(world.the_issue()))) == ("closed", 1)


@pytest.mark.parametrize("state", ["approved", "rejected"])
async def test_an_issue_that_was_deleted_is_settled_and_asked_for_no_more(world, state):
    handle = await agreed(world)
    if state == "approved":  # and not closed yet
        world.the_issue().depends = True
        await handle(TICK)
        world.pass_time(A_WHILE_S)
    world.the_issue().is_deleted = True
    answer = await handle(TICK)

    assert answer.facts["gone"] == 1
    assert answer.facts["why"] == [f"issue 1 was deleted; its plan stays {state}, and nothing is left to close"]
    assert (world.states(), approvals(world)) == ([state], int(state == "approved"))
    asked = len(world.gitea.asked)
    world.pass_time(A_WHILE_S)
    assert (await handle(TICK)).facts == {"why": []}
    assert len(world.gitea.asked) == asked


async def test_a_post_that_lands_after_it_was_given_up_is_closed_as_a_duplicate(world):
    hasty, handle = await world.process(timeout_s=0.1), await world.process(timeout_s=5.0)
    world.gitea.losses.append(Loss(late_s=2.0))
    assert (await hasty()).outcome == "issue_pending"
    world.pass_time(SETTLE_S + 1)
    assert (await handle(TICK)).facts["opened"] == 1
    async with asyncio.timeout(10):
        while len(world.gitea.issues) < 2:  # noqa: ASYNC110 - another task posts it, and tells nobody
            await asyncio.sleep(0.05)
    world.pass_time(A_WHILE_S)
    asked = len(world.gitea.asked)
    await handle(TICK)

    first, late = world.gitea.issues
    assert (first.state, late.state, world.states()) == ("open", "closed", ["sent"])
    assert f"#{first.number}" in notes(late)[0]
    assert [each.path for each in world.gitea.asked][asked:].count(f"{REPOSITORY}/issues/{late.number}") == 1
