"""EVENT_ROUTES says the same as the Triggers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from shared.domain.errors import ConfigurationError
from shared.domain.events import PING
from shared.local.knative import manifests
from shared.local.reference import catalogue
from shared.local.routes import WAITING, routes
from shared.runtime.settings import ServingSettings

ROOT = Path(__file__).parents[2]
GATEWAY = "http://gateway.openfaas:8080/"
DEPLOYED = manifests.load(ROOT / "functions")


def test_who_has_a_trigger_has_a_route():
    found = routes(DEPLOYED.triggers, catalogue(ROOT), GATEWAY)

    assert "http://gateway.openfaas:8080/async-function/km-write" in found["dev.aftercare.execution.verified.v1"]
    for trigger in DEPLOYED.triggers:
        wanted = {event_type for event_type in catalogue(ROOT) if trigger.takes({"type": event_type})}
        routed = {event_type for event_type, urls in found.items() if _url(trigger) in urls}
        assert wanted <= routed


def test_a_route_may_wait_for_the_function_itself():
    found = routes(DEPLOYED.triggers, catalogue(ROOT), GATEWAY, WAITING)

    assert "http://gateway.openfaas:8080/function/km-write" in found["dev.aftercare.execution.verified.v1"]
    assert "async-function" not in str(found)


def test_ticks_come_from_the_cron_connector():
    assert PING not in routes(DEPLOYED.triggers, catalogue(ROOT), GATEWAY)


def test_the_settings_take_what_was_printed(tmp_path):
    found = routes(DEPLOYED.triggers, catalogue(ROOT), GATEWAY)
    file = tmp_path / "routes.json"
    file.write_text(json.dumps(found))
    settings = ServingSettings.load({"AUTH_MODE": "network", "EVENT_ROUTES_FILE": str(file)})

    assert settings.event_routes == found
    assert settings.announces


@pytest.mark.parametrize("wrong", ["{", "[]", '{"a": "http://x"}', '{"a": ["km-write"]}'])
def test_routes_that_lead_nowhere_stop_the_start(wrong):
    with pytest.raises(ConfigurationError, match="EVENT_ROUTES"):
        ServingSettings.load({"AUTH_MODE": "network", "EVENT_ROUTES": wrong})


def _url(trigger):
    return f"{GATEWAY.rstrip('/')}/async-function/{trigger.subscriber.service}"
