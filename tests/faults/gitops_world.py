"""gitops-issue beside a real PostgreSQL and a simulated Gitea: its processes, and what outlives them."""

from __future__ import annotations

import contextlib
import ssl
from dataclasses import dataclass

from functions.gitops_issue.core.policy import Policy
from functions.gitops_issue.drafts import Locale, Writer
from functions.gitops_issue.gitea import GiteaForge
from functions.gitops_issue.handler import Ports, create_handler
from functions.gitops_issue.issues import LEASE_S
from functions.gitops_issue.proposals import Assessor
from functions.gitops_issue.reviews import PostgresReviews
from functions.gitops_issue.verdicts import PostgresVerdicts
from shared.adapters.endpoints import Endpoint
from shared.adapters.http import HttpClient
from shared.adapters.relay import Relay
from shared.adapters.system import SystemClock
from shared.domain.events import PING, Event
from shared.domain.remediations import REMEDIATION_REVIEW_REQUESTED
from shared.local.simulators.gitea import GiteaSimulator
from shared.testing.gitops import remediation_proposed
from tests.tables import emptied, opened, reading

SETTLE_S = 60.0
APPROVAL_S = 3_600.0
CLOCK = SystemClock()
TLS = ssl.create_default_context()  # read once: it takes longer than most tests
EVENT = remediation_proposed()
TICK = Event(id="ping", source="/ping", type=PING)
REPOSITORY = "/api/v1/repos/sre/changes"
WRITER = Writer.of(Locale.EN)
ASSESSOR = Assessor(policy=Policy(), writer=WRITER, checks=True, opens=True)


def same(_name, part):
    """No part of the process is replaced."""
    return part


def composed(database, gitea_url, http, *, sink=None, timeout_s=0.3, approvers=(), instead=same):
    """The use case as main composes it, with ``instead`` of each of its parts."""
    database = instead("database", database)
    asking = {"authorization": "token token"}
    endpoint = Endpoint(http=http, url=f"{gitea_url}/api/v1", authorize=lambda: asking, timeout_s=timeout_s)
    forge = GiteaForge(instead("gitea", endpoint), owner="sre", repository="changes", clock=CLOCK)
    reviews = PostgresReviews(database, settle_s=SETTLE_S, approval_s=APPROVAL_S, announce=True)
    verdicts = PostgresVerdicts(database, read_s=30.0, approvers=approvers, announce=True)
    relay = Relay(database, None if sink is None else instead("sink", sink))
    handle = create_handler(
        Ports(
            assess=ASSESSOR,
            reviews=instead("reviews", reviews),
            verdicts=instead("verdicts", verdicts),
            forge=instead("forge", forge),
            notes=WRITER,
            clock=CLOCK,
            committed=relay.nudge,
        )
    )

    async def one(event=EVENT):
        (answer,) = await handle([event])
        return answer

    return one


@dataclass
class World:
    """What outlives every process."""

    url: str
    rows: object
    gitea: GiteaSimulator
    gitea_url: str
    http: HttpClient
    stack: contextlib.AsyncExitStack

    async def process(self, **parts):
        """A process of gitops-issue: the use case, from one event to its answer."""
        database = self.stack.enter_context(opened(self.url))
        return composed(database, self.gitea_url, self.http, **parts)

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

    def the_issue(self):
        (issue,) = self.gitea.issues
        return issue


@contextlib.asynccontextmanager
async def a_world(database):
    """A world in which nothing has happened yet."""
    simulator = GiteaSimulator()
    with reading(emptied(database)) as rows:
        async with simulator.serving() as url, HttpClient(tls=TLS) as http, contextlib.AsyncExitStack() as stack:
            yield World(url=database, rows=rows, gitea=simulator, gitea_url=url, http=http, stack=stack)


def is_answered_with_the_one_issue(world, answer, *, states=("sent",)):
    issue = world.the_issue()
    assert answer.result.data["outcome"] == "issue_opened"
    assert answer.result.data["issue"]["number"] == issue.number
    assert tuple(world.states()) == states
    assert [type_ for type_, _ in world.announced()].count(REMEDIATION_REVIEW_REQUESTED) == 1
    return True
