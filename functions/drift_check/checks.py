"""What ``aftercare doctor`` looks at for drift-check: that what a tick is to compare can be read."""

from __future__ import annotations

from collections.abc import Mapping

from functions.drift_check.configmaps import ConfigMapReader, opened_cluster
from functions.drift_check.core.unknowns import CannotTell
from functions.drift_check.model import FUNCTION, LiveConfigMap
from functions.drift_check.settings import Settings, Watched
from shared.commands.findings import Check, Finding, Findings, ok, unset, wrong
from shared.domain.calls import CallFailed


def checks(environ: Mapping[str, str]) -> list[Check]:
    """One for all comparisons of a tick.

    Raises:
        ConfigurationError: the settings are wrong.
    """
    settings = Settings.load(environ)
    return [Check(FUNCTION, lambda: _comparisons(settings, environ))]


async def _comparisons(settings: Settings, environ: Mapping[str, str]) -> Findings:
    if not settings.drift_checks:
        yield unset("comparisons", "DRIFT_CHECKS is empty: ticks compare nothing")
        return
    timeout_s = settings.cluster_timeout_seconds
    async with opened_cluster(environ, kubeconfig=settings.kubeconfig, timeout_s=timeout_s) as api:
        for each in settings.drift_checks:
            yield await _comparison(each, ConfigMapReader(api))


async def _comparison(watched: Watched, configmaps: ConfigMapReader) -> Finding:
    place, settings = watched.configmap, watched.settings
    try:
        configmaps.text(str(settings.path))
        if isinstance(place, LiveConfigMap):
            found = await configmaps.live(place.namespace, place.name)
        else:
            found = configmaps.written(configmaps.text(str(place.path)), namespace=place.namespace, name=place.name)
    except CannotTell as error:
        return wrong("comparison", str(error), "Correct DRIFT_CHECKS, or what it names.")
    except CallFailed as error:
        fix = "Let the account of drift-check get this ConfigMap, and look whether it is there."
        return wrong("comparison", f"the cluster does not give {place.namespace}/{place.name} ({error})", fix)
    return ok("comparison", f"{found.place} and {settings.path} can be read")
