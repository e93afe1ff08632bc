"""What ``aftercare doctor`` looks at for verify-execution: that its sensors would be answered, and may read.

Reading is tried by reading: a question about rights would be a POST, and the account of a sensor may only get and list.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from pydantic import RootModel

from functions.verify_execution.settings import Settings
from shared.adapters.endpoints import Endpoint
from shared.adapters.http import HttpClient
from shared.adapters.kubernetes.access import in_cluster
from shared.adapters.kubernetes.api import CONTROLLER_REVISIONS, PODS, WORKLOADS
from shared.adapters.kubernetes.kubeconfig import kubeconfig
from shared.adapters.kubernetes.objects import Page
from shared.adapters.prometheus import PrometheusApi
from shared.commands.findings import Check, Finding, Findings, ok, unset, wrong
from shared.domain.calls import CallFailed, FailureKind
from shared.domain.errors import ConfigurationError

_READ: Final = {each.plural: each.group for each in WORKLOADS.values()} | {
    PODS.plural: PODS.group,
    CONTROLLER_REVISIONS.plural: CONTROLLER_REVISIONS.group,
}


class _Alerts(RootModel[list[Any]]):
    """A list; what is in it does not matter here."""


def checks(environ: Mapping[str, str]) -> list[Check]:
    """One for each kind of sensor that asks a service.

    Raises:
        ConfigurationError: the settings are wrong.
    """
    settings = Settings.load(environ)
    return [
        Check("prometheus", lambda: _prometheus(settings)),
        Check("alertmanager", lambda: _alertmanager(settings)),
        Check("kubernetes", lambda: _kubernetes(settings, environ)),
    ]


async def _prometheus(settings: Settings) -> Findings:
    if settings.prometheus_url is None:
        yield unset("prometheus", "PROMETHEUS_URL is not set: no metric counts for a verdict")
        return
    async with HttpClient() as http:
        endpoint = Endpoint(http=http, url=settings.prometheus_url, timeout_s=settings.sensor_timeout_seconds)
        try:
            targets = await PrometheusApi(endpoint).instant("up")
        except CallFailed as error:
            yield wrong("prometheus", f"no answer ({error})", "Start Prometheus, or correct PROMETHEUS_URL.")
            return
    if targets:
        yield ok("prometheus", f"answers; targets that it scrapes: {len(targets)}")
    else:
        yield wrong("prometheus", "answers, and scrapes nothing", "Look at its /targets page and its configuration.")


async def _alertmanager(settings: Settings) -> Findings:
    if settings.alertmanager_url is None:
        yield unset("alertmanager", "ALERTMANAGER_URL is not set: Prometheus is asked which alerts fire")
        return
    async with HttpClient() as http:
        endpoint = Endpoint(http=http, url=settings.alertmanager_url, timeout_s=settings.sensor_timeout_seconds)
        try:
            await endpoint.ask(_Alerts, "/api/v2/alerts", {"filter": 'alertname="aftercare-doctor"'})
        except CallFailed as error:
            yield wrong("alertmanager", f"no answer ({error})", "Start Alertmanager, or correct ALERTMANAGER_URL.")
            return
    yield ok("alertmanager", "answers")


async def _kubernetes(settings: Settings, environ: Mapping[str, str]) -> Findings:
    if settings.kubeconfig is None and settings.kubernetes_service_host is None:
        yield unset("kubernetes", "no KUBECONFIG, and this is no pod: no workload is read")
        return
    try:
        access = in_cluster(environ) if settings.kubeconfig is None else kubeconfig(settings.kubeconfig)
    except ConfigurationError as error:
        yield wrong("kubernetes", "its address or login cannot be used", str(error))
        return
    async with HttpClient(tls=access.tls) as http:
        endpoint = Endpoint(
            http=http, url=access.url, authorize=access.authorize, timeout_s=settings.sensor_timeout_seconds
        )
        failures = await asyncio.gather(*(_listing(endpoint, plural) for plural in _READ))
    yield _rights({plural: kind for plural, kind in zip(_READ, failures, strict=True) if kind is not None})


async def _listing(endpoint: Endpoint, plural: str) -> FailureKind | None:
    """Why objects of a kind cannot be listed in all namespaces; None when they can."""
    try:
        await endpoint.ask(Page, f"{_READ[plural]}/{plural}", {"limit": "1"})
    except CallFailed as error:
        return error.kind
    return None


def _rights(failed: Mapping[str, FailureKind]) -> Finding:
    if not failed:
        return ok("kubernetes", f"answers, and lets us list {', '.join(_READ)}")
    kinds = sorted(set(failed.values()))
    if kinds == [FailureKind.DENIED]:
        return wrong(
            "kubernetes",
            f"does not let us list {', '.join(failed)} in all namespaces",
            "Bind a ClusterRole with get and list on them to the account; where it may not look, nothing is verified.",
        )
    return wrong(
        "kubernetes",
        f"no answer about {', '.join(failed)} ({', '.join(kinds)})",
        "Look at the API server, or correct the server and the login in KUBECONFIG.",
    )
