"""A function that does nothing, for the bare framework to serve."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response


async def handle(_request: Request) -> Response:
    """Answer."""
    return Response(status_code=204)
