"""gitops-issue, composed: the environment becomes adapters, adapters become ``handle``."""

from __future__ import annotations

import os

from functions.gitops_issue.drafts import Writer
from functions.gitops_issue.gitea import forge_of
from functions.gitops_issue.handler import Ports, create_handler
from functions.gitops_issue.model import ACCEPTS, FUNCTION, REQUEST_TYPE
from functions.gitops_issue.proposals import Assessor, policy_of
from functions.gitops_issue.reviews import PostgresReviews
from functions.gitops_issue.settings import Settings
from functions.gitops_issue.verdicts import PostgresVerdicts
from shared.adapters.dsn import Dsn
from shared.adapters.http import HttpClient, http_sink
from shared.adapters.postgres import Database, Limits
from shared.adapters.relay import Relay
from shared.adapters.system import SystemClock
from shared.runtime.requests import EventReader
from shared.runtime.serving import Route, serve

settings = Settings.load(os.environ)
database = Database(
    Dsn.parse(settings.database_url.get_secret_value()),
    application=FUNCTION,
    limits=Limits(threads=settings.database_threads),
)
clock = SystemClock()
sink = http_sink(settings.sink, settings.event_routes, token=settings.token)

writer = Writer.of(settings.locale, approval_s=settings.gitea_approval_seconds)

ports = Ports(
    assess=Assessor(
        policy=policy_of(settings.namespaces),
        writer=writer,
        checks=settings.aiops_p5_blast_radius_check,
        opens=settings.aiops_p5_gitops_pr,
    ),
    reviews=PostgresReviews(
        database,
        settle_s=settings.gitea_settle_seconds,
        approval_s=settings.gitea_approval_seconds,
        announce=sink is not None,
    ),
    verdicts=PostgresVerdicts(
        database,
        read_s=settings.gitea_read_seconds,
        approvers=settings.approvers,
        announce=sink is not None,
    ),
    forge=forge_of(settings, HttpClient(), clock),
    notes=writer,
    clock=clock,
    committed=Relay(database, sink).nudge,
)
handle = serve(
    FUNCTION,
    settings,
    {
        "/": Route(
            read=EventReader(ACCEPTS, request_type=REQUEST_TYPE, ticks=True),
            use_case=create_handler(ports),
        )
    },
)
