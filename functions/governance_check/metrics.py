"""Prometheus: every series of an objective, and how old it really is.

An instant query stamps each value with the time of the evaluation, however long ago it was scraped; when that was only
``timestamp()`` says. What time it is now is asked of Prometheus as well, since two clocks never agree.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from functions.governance_check.core.objectives import Objective, Sample
from shared.adapters.endpoints import both
from shared.adapters.prometheus import PrometheusApi, Series
from shared.domain.calls import CallFailed, FailureKind

_NOW: Final = "timestamp(vector(1))"


class PrometheusMetrics:
    """See :class:`functions.governance_check.inspectors.Metrics`."""

    def __init__(self, api: PrometheusApi) -> None:
        self._api = api

    async def samples(self, objective: Objective) -> Sequence[Sample]:
        """Every series with its age: its own where it has the same labels, else that of the oldest."""
        series, (dated, now) = await both(self._api.instant(objective.query), self._dates(objective))
        by_labels = {frozenset(each.labels.items()): now - each.value for each in dated}
        oldest_s = max(by_labels.values(), default=None)
        return [Sample(each.value, by_labels.get(frozenset(each.labels.items()), oldest_s)) for each in series]

    async def _dates(self, objective: Objective) -> tuple[list[Series], float]:
        dated, answer = await both(self._api.instant(objective.dating_query), self._api.instant(_NOW))
        if len(answer) != 1:
            raise CallFailed(FailureKind.UNREADABLE)
        return dated, answer[0].value
