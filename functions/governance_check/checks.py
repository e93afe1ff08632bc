"""What ``aftercare doctor`` looks at for governance-check: that Prometheus knows every objective."""

from __future__ import annotations

from collections.abc import Mapping

from functions.governance_check.core.objectives import judge
from functions.governance_check.metrics import PrometheusMetrics
from functions.governance_check.settings import Settings
from shared.adapters.endpoints import Endpoint
from shared.adapters.http import HttpClient
from shared.adapters.prometheus import PrometheusApi
from shared.commands.findings import Check, Findings, ok, unset, wrong
from shared.domain.calls import CallFailed
from shared.domain.governance import ObjectiveStatus


def checks(environ: Mapping[str, str]) -> list[Check]:
    """One, which asks for every objective.

    Raises:
        ConfigurationError: the settings are wrong.
    """
    settings = Settings.load(environ)
    return [Check("objectives", lambda: _objectives(settings))]


async def _objectives(settings: Settings) -> Findings:
    if settings.prometheus_url is None:
        yield unset("objectives", "PROMETHEUS_URL is not set: every objective is skipped")
        return
    policy = settings.policy
    async with HttpClient() as http:
        endpoint = Endpoint(http=http, url=settings.prometheus_url, timeout_s=settings.prometheus_timeout_seconds)
        metrics = PrometheusMetrics(PrometheusApi(endpoint))
        for objective in policy.objectives:
            try:
                report = judge(objective, await metrics.samples(objective), sample_age_s=policy.sample_age_s)
            except CallFailed as error:
                yield wrong(objective.name, f"no answer ({error})", "Start Prometheus, or correct SLO_OBJECTIVES.")
                continue
            if report.status is ObjectiveStatus.SKIPPED:
                fix = "Load the recording rules, or name a query that has data in SLO_OBJECTIVES."
                yield wrong(objective.name, f"is not measured ({report.reason})", fix)
            else:
                yield ok(objective.name, f"is measured: {report.value:g}")
