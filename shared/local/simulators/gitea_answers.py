"""How the simulated Gitea answers: in pages, with its own words for what it refuses, or not to the end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from starlette.responses import JSONResponse, Response

if TYPE_CHECKING:
    from starlette.requests import Request

_USUAL_PAGE: Final = 30
_LONGEST_PAGE: Final = 50
_SWAGGER: Final = "/api/swagger"


def page(request: Request, entries: Sequence[Mapping[str, Any]]) -> Response:
    """A page of a list; never more than Gitea's own limit, whatever was asked."""

    def number(name: str) -> int:
        text = request.query_params.get(name, "")
        return int(text) if text.isdecimal() else 0

    size = min(number("limit") or _USUAL_PAGE, _LONGEST_PAGE)
    first = (max(number("page"), 1) - 1) * size
    return JSONResponse(list(entries[first : first + size]), headers={"x-total-count": str(len(entries))})


def refused(status: int, message: str) -> Response:
    """A message, and where the API is described."""
    return JSONResponse({"message": message, "url": _SWAGGER}, status)


async def broken_off() -> AsyncIterator[bytes]:
    """The beginning of an issue."""
    yield b'{"id": 1, "num'
