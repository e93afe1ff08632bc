"""The broker that events are sent to. It is asked, and sent nothing: a check has no effect."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from shared.adapters.endpoints import Endpoint
from shared.adapters.http import HttpClient
from shared.commands.findings import Check, Findings, ok, unset, wrong
from shared.domain.calls import CallFailed
from shared.runtime.settings import Settings

_TIMEOUT_S: Final = 3.0


class SinkSettings(Settings):
    """Where events go, and who sends them."""

    event_sink: str | None = None
    """A broker's URL."""
    k_sink: str | None = None
    """Set by Knative's SinkBinding; used when `EVENT_SINK` is unset."""

    @property
    def sink(self) -> str | None:
        """The URL events are sent to, if there is one."""
        return self.event_sink or self.k_sink


def sink(environ: Mapping[str, str]) -> Check:
    """What EVENT_SINK or K_SINK names."""

    async def look() -> Findings:
        url = SinkSettings.load(environ).sink
        if url is None:
            yield unset("sink", "EVENT_SINK is not set: results are replies, and nothing else is sent")
            return
        async with HttpClient() as http:
            try:
                status = (await Endpoint(http=http, url=url, timeout_s=_TIMEOUT_S).get()).status
            except CallFailed as error:
                yield wrong("sink", f"no answer ({error})", "Start the broker, or correct EVENT_SINK.")
                return
        # A broker takes POST alone: 405 is what a healthy one says to a question.
        if status == HTTPStatus.NOT_FOUND:
            yield wrong("sink", "answers 404", "No broker is at this path; correct EVENT_SINK.")
        elif status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            yield wrong("sink", f"answers {status}", "Look at the broker's log; events wait in the outbox meanwhile.")
        else:
            yield ok("sink", "the broker answers")

    return Check("events", look)
