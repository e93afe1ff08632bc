"""Answers OK, as functions-framework does for a CloudEvent function: to a broker that is a failure, sent again."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from functions.km_write import main

_SUCCESS = range(200, 300)


async def handle(request: Request) -> Response:
    """The sound one, with another body."""
    answer = await main.handle(request)
    return PlainTextResponse("OK") if request.method == "POST" and answer.status_code in _SUCCESS else answer
