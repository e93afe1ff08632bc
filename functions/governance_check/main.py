"""governance-check, composed: the environment becomes adapters, adapters become ``handle``."""

from __future__ import annotations

import os

from functions.governance_check.composition import compose
from functions.governance_check.handler import create_handler
from functions.governance_check.model import ACCEPTS, FUNCTION, REQUEST_TYPE
from functions.governance_check.settings import Settings
from shared.adapters.http import HttpClient, http_sink
from shared.runtime.requests import EventReader
from shared.runtime.serving import Route, serve

settings = Settings.load(os.environ)
sink = http_sink(settings.sink, settings.event_routes, token=settings.token)
ports = compose(settings, HttpClient(), sink).ports
handle = serve(
    FUNCTION,
    settings,
    {"/": Route(read=EventReader(ACCEPTS, request_type=REQUEST_TYPE, ticks=True), use_case=create_handler(ports))},
)
