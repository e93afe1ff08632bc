"""Whether the alert still fires, by Alertmanager or by Prometheus itself.

Only the alert's name goes into a query, escaped; its labels are compared here. They differ between the two (external
labels are added on the way, others are dropped by relabelling), so an alert is taken for ours unless a label that both
have says otherwise: a doubt can only make it fire. And it may be ours under another pod: a restart gives the workload a
new one, and the same trouble then fires under the new name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pydantic import BaseModel, ConfigDict, RootModel

from functions.verify_execution.core.probes import equals
from functions.verify_execution.core.questions import Question
from functions.verify_execution.core.readings import AlertState, SensorKind
from functions.verify_execution.sensors.pod_names import stem
from shared.adapters.endpoints import Endpoint, both
from shared.adapters.prometheus import PrometheusApi
from shared.domain.calls import CallFailed, FailureKind
from shared.domain.ports import Clock

# What is another one when the pod is another one.
_OF_THE_POD: Final = frozenset({"container_id", "host_ip", "id", "instance", "node", "pod_ip", "replicaset", "uid"})
# An alert that fired within this time is one that this Prometheus knows.
_REMEMBERED: Final = "1d"


class _Alert(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore")

    labels: dict[str, str]


class _Alerts(RootModel[list[_Alert]]):
    """What Alertmanager holds: all that fire, silenced or not."""


class AlertmanagerSensor:
    """By Alertmanager; see :class:`functions.verify_execution.observing.Sensor`.

    Args:
        endpoint: its address, up to ``/api/v2``.
        clock: for the time of the reading.
    """

    def __init__(self, endpoint: Endpoint, clock: Clock) -> None:
        self._endpoint = endpoint
        self._clock = clock
        self.name = "alertmanager"
        self.kind = SensorKind.ALERT
        self.about_target = False
        self.required = False

    def suits(self, question: Question) -> bool:
        """Whatever began with an alert."""
        return bool(question.alertname)

    async def read(self, question: Question) -> AlertState:
        """A silence hides an alert from people; it does not end it."""
        at = self._clock.now()
        asked = {"filter": equals("alertname", question.alertname or "")}
        alerts = await self._endpoint.ask(_Alerts, "/api/v2/alerts", asked)
        return AlertState(at=at, firing=any(is_ours(question, alert.labels) for alert in alerts.root))


class PrometheusAlertSensor:
    """By the rules of a Prometheus; see :class:`functions.verify_execution.observing.Sensor`.

    Args:
        api: the one that evaluates the alert's rule.
        clock: for the time of the reading.
    """

    def __init__(self, api: PrometheusApi, clock: Clock) -> None:
        self._api = api
        self._clock = clock
        self.name = "prometheus-alerts"
        self.kind = SensorKind.ALERT
        self.about_target = False
        self.required = False

    def suits(self, question: Question) -> bool:
        """Whatever began with an alert."""
        return bool(question.alertname)

    async def read(self, question: Question) -> AlertState:
        """No such alert is good news only from a Prometheus that knows it; any other one knows nothing."""
        at = self._clock.now()
        alert = equals("alertname", question.alertname or "")
        firing, known = await both(
            self._api.instant(f'ALERTS{{{alert}, alertstate="firing"}}'),
            self._api.instant(f"last_over_time(ALERTS{{{alert}}}[{_REMEMBERED}])"),
        )
        if not any(is_ours(question, each.labels) for each in known):
            raise CallFailed(FailureKind.EMPTY)
        return AlertState(at=at, firing=any(is_ours(question, each.labels) for each in firing))


def is_ours(question: Question, labels: Mapping[str, str]) -> bool:
    """Whether an alert of the same name may be the one that is asked about."""
    asked = question.labels
    shared = {label for label in asked if label in labels}
    if "pod" in shared:
        if stem(labels["pod"]) not in (stem(asked["pod"]), question.target.name):
            return False
        shared -= {"pod", *_OF_THE_POD}
    return all(asked[label] == labels[label] for label in shared)
