"""The sensors that the settings make possible."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from functions.verify_execution.core.readings import Direction
from functions.verify_execution.observing import Sensor
from functions.verify_execution.sensors.addresses import Addresses
from functions.verify_execution.sensors.alerts import AlertmanagerSensor, PrometheusAlertSensor
from functions.verify_execution.sensors.docker import DockerSensor
from functions.verify_execution.sensors.http_probe import HttpProbeSensor
from functions.verify_execution.sensors.metrics_scrape import Gauge, ScrapeSensor
from functions.verify_execution.sensors.prometheus import PrometheusSensor
from functions.verify_execution.settings import Settings
from shared.adapters.endpoints import Endpoint
from shared.adapters.http import HttpClient
from shared.adapters.kubernetes.access import Access, in_cluster
from shared.adapters.prometheus import PrometheusApi
from shared.domain.ports import Clock

_UNIX: Final = "unix://"


def sensors(settings: Settings, environ: Mapping[str, str], http: HttpClient, clock: Clock) -> list[Sensor]:
    """All that can be asked.

    Raises:
        ConfigurationError: an address is not understood, or a cluster cannot be reached with what is given.
    """
    return [
        *_kubernetes(settings, environ, clock),
        *_prometheus(settings, http, clock),
        *_docker(settings, clock),
        *_own_endpoints(settings, http, clock),
    ]


def _kubernetes(settings: Settings, environ: Mapping[str, str], clock: Clock) -> Iterator[Sensor]:
    if settings.kubeconfig is None and settings.kubernetes_service_host is None:
        return
    # What an API server can say is an eighth of a start; where there is none nobody waits for it.
    from functions.verify_execution.sensors.kubernetes import KubernetesSensor, NeighboursSensor  # noqa: PLC0415
    from shared.adapters.kubernetes.api import ClusterApi  # noqa: PLC0415

    access = _access(settings, environ)
    api = ClusterApi(
        Endpoint(
            http=HttpClient(tls=access.tls),
            url=access.url,
            authorize=access.authorize,
            timeout_s=settings.sensor_timeout_seconds,
        )
    )
    yield KubernetesSensor(api, clock)
    yield NeighboursSensor(api, clock)


def _access(settings: Settings, environ: Mapping[str, str]) -> Access:
    if settings.kubeconfig is None:
        return in_cluster(environ)
    from shared.adapters.kubernetes.kubeconfig import kubeconfig  # noqa: PLC0415 - in a cluster there is none to parse

    return kubeconfig(settings.kubeconfig)


def _prometheus(settings: Settings, http: HttpClient, clock: Clock) -> Iterator[Sensor]:
    timeout_s = settings.sensor_timeout_seconds
    if settings.prometheus_url is not None:
        api = PrometheusApi(Endpoint(http=http, url=settings.prometheus_url, timeout_s=timeout_s))
        yield PrometheusSensor(api, clock)
        yield PrometheusSensor(api, clock, about_target=True)
        if settings.alertmanager_url is None:
            yield PrometheusAlertSensor(api, clock)
    if settings.alertmanager_url is not None:
        yield AlertmanagerSensor(Endpoint(http=http, url=settings.alertmanager_url, timeout_s=timeout_s), clock)


def _docker(settings: Settings, clock: Clock) -> Iterator[Sensor]:
    host = settings.docker_host
    if host is None:
        return
    socket = host.removeprefix(_UNIX) if host.startswith(_UNIX) else None
    url = host if socket is None else "http://docker"
    http = HttpClient(unix_socket=socket)
    yield DockerSensor(Endpoint(http=http, url=url, timeout_s=settings.sensor_timeout_seconds), clock)


def _own_endpoints(settings: Settings, http: HttpClient, clock: Clock) -> Iterator[Sensor]:
    timeout_s = settings.sensor_timeout_seconds
    if settings.http_probes:
        yield HttpProbeSensor(http, Addresses.parse("HTTP_PROBES", settings.http_probes), clock, timeout_s=timeout_s)
    if settings.metrics_endpoints and settings.metrics_gauge is not None:
        addresses = Addresses.parse("METRICS_ENDPOINTS", settings.metrics_endpoints)
        gauge = Gauge(metric=settings.metrics_gauge, direction=Direction.LOWER)
        yield ScrapeSensor(http, addresses, gauge, clock, timeout_s=timeout_s)
