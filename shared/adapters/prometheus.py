"""Prometheus' query API: one instant query, all its series.

A value is what the server evaluated now, however old the samples behind it are; who needs their age asks for
``timestamp()`` of them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict

from shared.adapters.endpoints import Endpoint, meaning, parsed
from shared.adapters.http import Answer
from shared.domain.calls import CallFailed, FailureKind

SERIES_LIMIT: Final = 10_000
"""More series than this are no measurement of one target."""


_ERRORS: Final = {
    "bad_data": FailureKind.REFUSED,
    "timeout": FailureKind.TIMEOUT,
    "canceled": FailureKind.TIMEOUT,
    "execution": FailureKind.UNREACHABLE,
    "internal": FailureKind.UNREACHABLE,
    "unavailable": FailureKind.UNREACHABLE,
    "not_found": FailureKind.NOT_FOUND,
}


class _Envelope(BaseModel):
    """What every answer is in. Warnings are left aside: the values beside them are what they are."""

    model_config = ConfigDict(strict=True, extra="ignore")

    status: Literal["success", "error"]
    errorType: str = ""  # noqa: N815 - their name
    data: Any = None


class _Vector(BaseModel):
    """The only result that measures anything here: a value for each series."""

    model_config = ConfigDict(strict=True, extra="ignore")

    resultType: Literal["vector"]  # noqa: N815 - their name
    result: list[Any]


class _Element(BaseModel):
    """One series. A native histogram has no single value, and is refused."""

    model_config = ConfigDict(extra="ignore")

    metric: dict[str, str]
    value: tuple[float, str]


@dataclass(frozen=True, slots=True)
class Series:
    """One series of a vector; ``labels`` are those beside its name."""

    name: str
    labels: Mapping[str, str]
    value: float

    def __str__(self) -> str:
        labels = ",".join(f'{label}="{value}"' for label, value in sorted(self.labels.items()))
        return f"{self.name}{{{labels}}}"


class PrometheusApi:
    """One Prometheus, or whatever answers as it does.

    Args:
        endpoint: its address, up to ``/api/v1``.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    async def instant(self, query: str) -> list[Series]:
        """Evaluate a query now; nothing found is an empty list.

        Raises:
            CallFailed: REFUSED for a query that is none, TOO_LARGE, or another failure.
        """
        asked = {"query": query, "timeout": f"{math.ceil(self._endpoint.timeout_s)}s"}
        answer = await self._endpoint.get("/api/v1/query", asked, {"accept": "application/json"})
        if answer.status != HTTPStatus.OK:
            raise CallFailed(_failure(answer))
        envelope = parsed(_Envelope, answer.body)
        if envelope.status == "error":
            raise CallFailed(_ERRORS.get(envelope.errorType, FailureKind.UNREADABLE))
        return _series(envelope.data)


def _failure(answer: Answer) -> FailureKind:
    """By Prometheus' own word for it; a proxy in front of it has only its status."""
    try:
        kind = _ERRORS.get(parsed(_Envelope, answer.body).errorType)
    except CallFailed:
        kind = None
    return kind or meaning(answer.status)


def _series(data: Any) -> list[Series]:
    try:
        found = _Vector.model_validate(data).result
        if len(found) > SERIES_LIMIT:
            raise CallFailed(FailureKind.TOO_LARGE)
        return [_one(_Element.model_validate(each)) for each in found]
    except ValueError as error:  # pydantic's is one, and so is that of a value that is no number
        raise CallFailed(FailureKind.UNREADABLE) from error


def _one(element: _Element) -> Series:
    labels = dict(element.metric)
    return Series(labels.pop("__name__", ""), labels, float(element.value[1]))
