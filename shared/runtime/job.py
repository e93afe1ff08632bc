"""One event, from a file, through a function, for platforms that start a job per event.

``FUNCTION_SOURCE=... FUNCTION_TARGET=handle python -m shared.runtime.job FILE`` hands the CloudEvent in FILE, in
structured mode, to the very application that is served otherwise, and ends with 0 when the answer is a 2xx, 1 when
another try may be better, 2 when none will be. A second try is harmless: the inbox knows the event.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from functions_framework.aio import create_asgi_app

from shared.domain.errors import ConfigurationError
from shared.runtime.standard_error import as_lines

DONE: Final = 0
AGAIN: Final = 1
NEVER: Final = 2
_CLIENT_ERROR: Final = 400
_SERVER_ERROR: Final = 500
_LAST_WORDS_S: Final = 10.0
_LOG: Final = logging.getLogger("job")


def main(arguments: list[str]) -> int:
    """Handle the event; returns the exit code."""
    if len(arguments) != 1:
        _LOG.critical("Name one file that holds a CloudEvent: python -m shared.runtime.job FILE")
        return NEVER
    try:
        body = Path(arguments[0]).read_bytes()
        return asyncio.run(_handled(body))
    except OSError as error:
        _LOG.critical("%s cannot be read (%s); mount the event there.", arguments[0], type(error).__name__)
    except ConfigurationError as error:
        _LOG.critical("The job cannot start: %s.", str(error).rstrip("."))
    return NEVER


async def _handled(body: bytes) -> int:
    status = await _status(create_asgi_app(), body)  # type: ignore[no-untyped-call]
    others = asyncio.all_tasks() - {asyncio.current_task()}
    if others:  # what was committed is being announced; what is not by then, a sweep of the outbox sends
        await asyncio.wait(others, timeout=_LAST_WORDS_S)
    if status >= _SERVER_ERROR:
        return AGAIN
    return NEVER if status >= _CLIENT_ERROR else DONE


async def _status(app: Any, body: bytes) -> int:
    """What the application answers to a POST of this body."""
    answered: list[int] = []
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/",
        "raw_path": b"/",
        "root_path": "",
        "query_string": b"",
        "headers": [(b"content-type", b"application/cloudevents+json"), (b"content-length", b"%d" % len(body))],
        "client": None,
        "server": None,
    }

    async def receive() -> Mapping[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Mapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            answered.append(message["status"])

    await app(scope, receive, send)
    return answered[0]


if __name__ == "__main__":
    as_lines()
    sys.exit(main(sys.argv[1:]))
