"""A request as its bytes, and the statuses that are right for it.

Every bad request carries a canary, so that answers and logs can be searched for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

CANARY: Final = "CANARY-hunter2-7f3a"
TOKEN: Final = "right-token-for-tests"

MALFORMED, UNAUTHORIZED, LARGE, MEDIA, CONTRACT = 400, 401, 413, 415, 422
HUNG_UP: Final = 0
"""Instead of a status: the connection was closed without an answer, which acknowledges nothing."""

EVENT: Final = "application/cloudevents+json"
BATCH: Final = "application/cloudevents-batch+json"
JSON: Final = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is sent.

    Attributes:
        raw: every byte of it.
        expected: the statuses that are right.
        name: which kind of bad request it is.
        alone: on a connection of its own, because what follows on it would not be understood.
        hangs_up: nothing follows, although more was promised.
    """

    raw: bytes
    expected: tuple[int, ...]
    name: str = ""
    alone: bool = False
    hangs_up: bool = False

    @property
    def has_body_back(self) -> bool:
        """Whether an answer may have a body."""
        return not self.raw.startswith(b"HEAD ")


def http(
    body: bytes,
    *expected: int,
    path: str = "/",
    method: str = "POST",
    headers: Mapping[str, str | None] | None = None,
    chunk: int = 0,
    alone: bool = False,
) -> Request:
    """A well-formed HTTP request; None takes a header away, and ``chunk`` is the size of chunks, if it has any."""
    sized = {"transfer-encoding": "chunked"} if chunk else {"content-length": str(len(body))}
    given = {"host": "function", "x-note": CANARY, "authorization": f"Bearer {TOKEN}", **sized, **(headers or {})}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in given.items() if value is not None)]
    head = "\r\n".join([*lines, "", ""]).encode("latin-1")
    return Request(raw=head + (_chunked(body, chunk) if chunk else body), expected=expected, alone=alone)


def _chunked(body: bytes, size: int) -> bytes:
    chunks = [body[start : start + size] for start in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
