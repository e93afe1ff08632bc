"""Exactly one issue for a plan: redelivered, at once, with answers lost, and with its process dead at every step.

PostgreSQL and Gitea's API are real servers. A process is a handler with connections of its own; it dies by being
cancelled at a step, which leaves behind what a killed one does: nothing after that step is written or sent.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from dataclasses import dataclass

import pytest

from functions.gitops_issue.core.policy import Policy
from functions.gitops_issue.drafts import Locale, Writer
from functions.gitops_issue.gitea import GiteaForge
from functions.gitops_issue.handler import Ports, create_handler
from functions.gitops_issue.issues import LEASE_S
from functions.gitops_issue.proposals import Assessor
from functions.gitops_issue.reviews import PostgresReviews
from shared.adapters.endpoints import Endpoint
from shared.adapters.http import HttpClient, http_client
from shared.adapters.relay import Relay
from shared.adapters.system import SystemClock
from shared.domain.errors import DatabaseUnavailable
from shared.domain.events import PING, Event
from shared.domain.remediations import REMEDIATION_ASSESSED, REMEDIATION_REVIEW_REQUESTED
from shared.local.simulators.faults import Fault
from shared.local.simulators.gitea import GiteaSimulator
from shared.local.simulators.gitea_issues import Loss
from shared.testing.gitops import remediation_proposed
from shared.testing.sinks import MemorySink
from tests.tables import cloned, emptied, opened, reading

SETTLE_S = 60.0
PATIENCE_S = 20.0  # for a failing test only
CLOCK = SystemClock()
TLS = ssl.create_default_context()  # read once: it takes longer than most tests
EVENT = remediation_proposed()
TICK = Event(id="ping", source="/ping", type=PING)
REPOSITORY = "/api/v1/repos/sre/changes"
ASSESSOR = Assessor(policy=Policy(), writer=Writer.of(Locale.EN), checks=True, opens=True)


class Dying:
    """A port whose process ends at a step: before a call of that name takes effect, or right after it did."""

    def __init__(self, port, name, *, after):
        self._port, self._name, self._after = port, name, after
        self.died = False

    def __getattr__(self, name):
        call = getattr(self._port, name)
        return self._dying(call) if name == self._name and not self.died else call

    def _dying(self, call):
        async def die(*args, **kwargs):
            self.died = True
            if self._after:
                await call(*args, **kwargs)
            raise asyncio.CancelledError

        return die


@dataclass
class World:
    """What outlives every process."""

    url: str
    rows: object
    gitea: GiteaSimulator
    gitea_url: str
    http: HttpClient
    stack: contextlib.AsyncExitStack

    async def process(self, *, sink=None, timeout_s=0.3, dies=None):
        """A process of gitops-issue: the use case, from one event to its answer."""
        database = self.stack.enter_context(opened(self.url))
        asking = {"authorization": "token token"}
        endpoint = Endpoint(
            http=self.http, url=f"{self.gitea_url}/api/v1", authorize=lambda: asking, timeout_s=timeout_s
        )
        reviews = PostgresReviews(database, settle_s=SETTLE_S, announce=True)
        forge = GiteaForge(endpoint, owner="sre", repository="changes", clock=CLOCK)
        if dies is not None:
            name, after = dies
            reviews, forge = Dying(reviews, name, after=after), Dying(forge, name, after=after)
        committed = Relay(database, sink).nudge
        ports = Ports(assess=ASSESSOR, reviews=reviews, forge=forge, clock=CLOCK, committed=committed)
        handle = create_handler(ports)

        async def one(event=EVENT):
            (answer,) = await handle([event])
            return answer

        return one

    def pass_time(self, seconds):
        self.rows(
            "UPDATE effects SET lease_until = lease_until - :s * interval '1 second', "
            "next_at = next_at - :s * interval '1 second'",
            s=float(seconds),
        )

    async def recover(self):
        """Another process ticks once all that was held is free."""
        handle = await self.process(timeout_s=5.0)
        self.pass_time(LEASE_S + SETTLE_S + 1)
        await handle(TICK)
        self.pass_time(LEASE_S + SETTLE_S + 1)
        await handle(TICK)
        return await handle()

    def states(self):
        return [state for (state,) in self.rows("SELECT state FROM effects")]

    def announced(self):
        return [
            tuple(row) for row in self.rows("SELECT event_type, event #>> '{data,outcome}' FROM outbox ORDER BY id")
        ]


@pytest.fixture(scope="module")
def database(postgres_server, migrated_template):
    with cloned(postgres_server, migrated_template, "test_gitops_once") as url:
        yield url


@pytest.fixture
async def world(database):
    simulator = GiteaSimulator()
    with reading(emptied(database)) as rows:
        async with simulator.serving() as url, http_client(tls=TLS) as http, contextlib.AsyncExitStack() as stack:
            yield World(url=database, rows=rows, gitea=simulator, gitea_url=url, http=http, stack=stack)


def is_answered_with_the_one_issue(world, answer):
    (issue,) = world.gitea.issues
    assert answer.result.data["outcome"] == "issue_opened"
    assert answer.result.data["issue"]["number"] == issue.number
    assert world.states() == ["sent"]
    assert [type_ for type_, _ in world.announced()].count(REMEDIATION_REVIEW_REQUESTED) == 1
    return True


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


STEPS = [(name, after) for name in ("plan", "take", "open", "settle") for after in (False, True)]


@pytest.mark.parametrize("dies", STEPS, ids=lambda step: f"{'after' if step[1] else 'before'} {step[0]}")
async def test_when_its_process_dies(world, dies):
    handle = await world.process(dies=dies)
    with pytest.raises(asyncio.CancelledError):
        await handle()
    if dies == ("plan", False):
        assert world.states() == []  # nothing was acknowledged: the broker sends it again
    assert is_answered_with_the_one_issue(world, await world.recover() if world.states() else await redelivered(world))


async def redelivered(world):
    handle = await world.process()
    return await handle()


@pytest.mark.parametrize("dies", [("find", True), ("settle", False)], ids=str)
async def test_when_the_process_that_looks_for_it_dies(world, dies):
    handle = await world.process()
    world.gitea.losses.append(Loss(how="cut"))
    await handle()
    world.pass_time(SETTLE_S + 1)
    dying = await world.process(dies=dies)
    with pytest.raises(asyncio.CancelledError):
        await dying(TICK)
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
    handle = await world.process(dies=("open", True))
    with pytest.raises(asyncio.CancelledError):
        await handle()
    assert world.states() == ["sending"]
    world.rows("UPDATE effects SET state = 'unknown', updated_at = now() WHERE state = 'sending'")
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
