"""drift-check over HTTP, with its ports in memory."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from types import SimpleNamespace

import pytest

from functions.drift_check.configmaps import ConfigMapReader
from functions.drift_check.core.configmaps import ConfigMap
from functions.drift_check.handler import Ports, create_handler
from functions.drift_check.model import ACCEPTS, REQUEST_TYPE
from functions.drift_check.settings import Settings, Watched
from shared.domain.calls import CallFailed, FailureKind
from shared.domain.drift import DRIFT_CHECKED, DRIFT_DETECTED
from shared.domain.errors import ConfigurationError, DatabaseUnavailable
from shared.domain.events import PING, Event
from shared.domain.failures import LOST_CONNECTION
from shared.runtime.requests import EventReader
from shared.runtime.serving import Route, serve
from shared.testing.clocks import FakeClock
from tests.contracts.test_drift_checks import INTERVAL_S, MemoryChecks
from tests.senders import PROBLEM, STRUCTURED, binary, plain, structured, tick

SETTINGS = "from pydantic_settings import BaseSettings\nclass Settings(BaseSettings):\n    port: int = 8080\n"
MANIFEST = "kind: ConfigMap\nmetadata: {name: api, namespace: prod}\ndata: {PORT: '%s'}\n"
LIVE = {"namespace": "prod", "name": "api"}
PINGED = Event(id="ping-1", source="/ping", type=PING, data={})


def asked(port="8080", id_="r-1", **changes):
    data = {"configmap": {"yaml": MANIFEST % port}, "settings": {"source": SETTINGS}} | changes
    return Event(id=id_, source="/http", type=REQUEST_TYPE, data=data)


class MemoryConfigMaps(ConfigMapReader):
    """Files and YAML as ever, and a cluster in memory."""

    def __init__(self):
        super().__init__(None)
        self.cluster = {("prod", "api"): {"PORT": "8080"}}
        self.failures = []
        self.hangs = False

    async def live(self, namespace, name):
        if self.hangs:
            await asyncio.Event().wait()
        if self.failures:
            raise CallFailed(self.failures.pop())
        if (namespace, name) not in self.cluster:
            raise CallFailed(FailureKind.NOT_FOUND)
        return ConfigMap(namespace=namespace, name=name, data=self.cluster[namespace, name])


@pytest.fixture
def place(client, settings, tmp_path):
    def make(*watched, configmaps=None, deadline_s=5.0):
        clock = FakeClock()
        (tmp_path / "settings.py").write_text(SETTINGS)
        ports = Ports(
            configmaps=configmaps or MemoryConfigMaps(),
            checks=MemoryChecks(clock),
            clock=clock,
            salt=lambda: b"salt",
            watched=[Watched.model_validate(each) for each in watched],
        )
        route = Route(read=EventReader(ACCEPTS, request_type=REQUEST_TYPE, ticks=True), use_case=create_handler(ports))
        handle = serve("drift-check", settings(), {"/": route}, deadline_s=deadline_s)
        return SimpleNamespace(http=client(handle), ports=ports, clock=clock, checks=ports.checks, folder=tmp_path)

    return make


def watched(folder, **changes):
    return {"configmap": LIVE, "settings": {"path": str(folder / "settings.py")}, **changes}


class TestRequest:
    async def test_a_plain_one_is_answered_with_the_report(self, place):
        answer = await place().http.post("/", **plain(asked("9090")))

        assert answer.status_code == 200
        report = answer.json()
        assert (report["status"], report["counts"]) == ("drift", {"drift": 1})
        assert report["subject"] == "prod/api against Settings"
        assert report["fields"] == [{"name": "port", "status": "drift", "configured": "9090", "default": "8080"}]

    @pytest.mark.parametrize("style", [structured, binary])
    async def test_an_event_is_answered_with_an_event(self, place, style):
        here = place()
        answer = await here.http.post("/", **style(asked("9090")))

        assert (answer.status_code, answer.headers["content-type"]) == (200, STRUCTURED)
        assert (answer.json()["type"], answer.json()["data"]["status"]) == (DRIFT_CHECKED, "drift")
        assert [each.type for each in here.checks.announced.values()] == [DRIFT_CHECKED, DRIFT_DETECTED]

    async def test_a_repeat_has_the_same_answer(self, place):
        here = place()
        first = await here.http.post("/", **plain(asked("9090")))
        again = await here.http.post("/", **plain(asked("9090")))
        assert first.json() == again.json()
        assert len(here.checks.announced) == 2

    async def test_a_live_one(self, place):
        answer = await place().http.post("/", **plain(asked(configmap=LIVE)))
        assert answer.json()["status"] == "ok"

    async def test_all_that_a_request_may_say(self, place):
        settings = {"source": SETTINGS, "class": "Settings", "env_prefix": "APP_"}
        accept = [{"field": "port", "owner": "o", "reason": "r", "expires": "2099-01-01"}]
        manifest = {"yaml": MANIFEST.replace("PORT", "APP_PORT") % 1, "namespace": "prod", "name": "api"}
        request = asked(configmap=manifest, settings=settings, fields=["port"], accept=accept)
        answer = await place().http.post("/", **plain(request))
        assert answer.json()["counts"] == {"accepted": 1}

    @pytest.mark.parametrize(
        ("changes", "sentence"),
        [
            ({"configmap": {"yaml": "a: ["}}, "cannot be read"),
            ({"settings": {"source": "class Settings("}}, "not Python"),
            ({"settings": {"source": SETTINGS, "class": "Nope"}}, "no class Nope"),
            ({"fields": ["nope"]}, "Neither the settings nor the ConfigMap have nope"),
            ({"configmap": {"namespace": "prod", "name": "nope"}}, "cluster does not give"),
        ],
    )
    async def test_what_cannot_be_told_is_a_result_that_says_why(self, place, changes, sentence):
        answer = await place().http.post("/", **plain(asked(**changes)))
        assert (answer.status_code, answer.json()["status"]) == (200, "error")
        assert sentence in answer.json()["error"]

    @pytest.mark.parametrize("kind", [FailureKind.TIMEOUT, FailureKind.UNREACHABLE, FailureKind.THROTTLED])
    async def test_a_cluster_that_may_answer_later_is_asked_later(self, place, kind):
        here = place()
        here.ports.configmaps.failures.append(kind)
        answer = await here.http.post("/", **plain(asked(configmap=LIVE)))
        assert (answer.status_code, answer.headers["content-type"]) == (503, PROBLEM)
        assert here.checks.announced == {}

    @pytest.mark.parametrize("kind", [FailureKind.DENIED, FailureKind.NOT_FOUND, FailureKind.TOO_LARGE])
    async def test_a_cluster_that_refuses_is_a_result(self, place, kind):
        here = place()
        here.ports.configmaps.failures.append(kind)
        answer = await here.http.post("/", **plain(asked(configmap=LIVE)))
        assert (answer.status_code, answer.json()["status"]) == (200, "error")

    async def test_without_a_cluster_a_live_one_cannot_be_told(self, place):
        answer = await place(configmaps=ConfigMapReader(None)).http.post("/", **plain(asked(configmap=LIVE)))
        assert "No cluster is configured" in answer.json()["error"]

    @pytest.mark.parametrize(
        "changes",
        [
            {"configmap": {}},
            {"configmap": {"path": "/etc/passwd"}},
            {"settings": {"path": "/etc/passwd"}},
            {"settings": {}},
            {"surprise": 1},
            {"accept": [{"field": "a"}]},
        ],
    )
    async def test_what_breaks_the_contract_is_refused(self, place, changes):
        answer = await place().http.post("/", **plain(asked(**changes)))
        assert (answer.status_code, answer.headers["content-type"]) == (422, PROBLEM)

    async def test_an_id_with_other_content_is_refused(self, place):
        here = place()
        await here.http.post("/", **plain(asked("1")))
        assert (await here.http.post("/", **plain(asked("2")))).status_code == 422

    async def test_without_a_database_nothing_is_acknowledged(self, place):
        here = place()
        here.checks.failures.append(DatabaseUnavailable(LOST_CONNECTION))
        assert (await here.http.post("/", **plain(asked()))).status_code == 503

    async def test_a_secret_is_in_no_answer_and_no_log_line(self, place, capsys):
        source = SETTINGS + '    db_password: str = "CANARY-ONE"\n'
        manifest = MANIFEST.replace("PORT", "DB_PASSWORD") % "CANARY-TWO"
        request = asked(configmap={"yaml": manifest}, settings={"source": source})
        answer = await place().http.post("/", **plain(request))

        assert answer.json()["counts"] == {"ok": 1, "drift": 1}
        assert "CANARY" not in answer.text + capsys.readouterr().out


class TestTick:
    @pytest.mark.parametrize("style", [tick, structured, binary])
    async def test_what_the_settings_name_is_compared(self, place, tmp_path, style):
        here = place(watched(tmp_path))
        here.ports.configmaps.cluster["prod", "api"]["PORT"] = "1"
        answer = await here.http.post("/", **style(PINGED))

        assert (answer.status_code, answer.json()["data"]["counts"]) == (200, {"drift": 1})
        assert DRIFT_DETECTED in [each.type for each in here.checks.announced.values()]

    async def test_once_per_slot_and_unchanged_drift_is_not_announced_again(self, place, tmp_path):
        here = place(watched(tmp_path))
        here.ports.configmaps.cluster["prod", "api"]["PORT"] = "1"
        first = await here.http.post("/", **tick())
        again = await here.http.post("/", **structured(PINGED))
        here.clock.advance(INTERVAL_S)
        later = await here.http.post("/", **tick())

        assert first.json() == again.json()
        assert later.json()["id"] != first.json()["id"]
        types = [each.type for each in here.checks.announced.values()]
        assert (types.count(DRIFT_CHECKED), types.count(DRIFT_DETECTED)) == (2, 1)

    async def test_a_comparison_that_fails_stops_no_other(self, place, tmp_path):
        manifest = tmp_path / "configmap.yaml"
        manifest.write_text(MANIFEST % 8080)
        here = place(
            watched(tmp_path, settings={"path": str(tmp_path / "nope.py")}),
            watched(tmp_path, configmap={"namespace": "prod", "name": "nope"}),
            watched(tmp_path, configmap={"path": str(manifest), "name": "api"}),
            watched(tmp_path, fields=["nope"]),
            watched(tmp_path),
        )
        here.ports.configmaps.cluster["prod", "api"] = {"PORT": "\ud800"}
        await here.http.post("/", **tick())
        found = [each for each in here.checks.announced.values() if each.type == DRIFT_CHECKED]
        assert [each.data["status"] for each in found] == ["error", "error", "ok", "error", "drift"]

    @pytest.mark.parametrize("kind", [FailureKind.TIMEOUT, FailureKind.DENIED])
    async def test_a_cluster_that_has_no_answer_is_a_result_and_the_next_tick_asks_again(self, place, tmp_path, kind):
        here = place(watched(tmp_path))
        here.ports.configmaps.failures.append(kind)
        first = await here.http.post("/", **tick())
        here.clock.advance(INTERVAL_S)
        later = await here.http.post("/", **tick())
        assert (first.json()["data"]["status"], later.json()["data"]["status"]) == ("error", "ok")

    async def test_another_owner_means_later(self, place, tmp_path):
        here = place(watched(tmp_path))
        await here.checks.claim_slot()
        assert (await here.http.post("/", **structured(PINGED))).status_code == 503

    async def test_a_commit_that_fails_gives_the_slot_back(self, place, tmp_path):
        here = place(watched(tmp_path))
        here.checks.failures_at_the_end.append(DatabaseUnavailable(LOST_CONNECTION))
        answers = [await here.http.post("/", **tick()) for _ in range(2)]

        assert [answer.status_code for answer in answers] == [503, 200]
        assert answers[1].json()["data"]["status"] == "ok"

    async def test_a_deadline_gives_the_slot_back(self, place, tmp_path):
        here = place(watched(tmp_path), deadline_s=0.2)
        here.ports.configmaps.hangs = True
        first = await here.http.post("/", **tick())
        here.ports.configmaps.hangs = False

        assert (first.status_code, (await here.http.post("/", **tick())).status_code) == (503, 200)

    async def test_nothing_to_compare_is_no_failure(self, place):
        assert (await place().http.post("/", **tick())).status_code == 204

    async def test_a_defect_is_a_result_too(self, place, tmp_path):
        here = place(watched(tmp_path))
        here.ports.configmaps.cluster["prod", "api"] = None
        broken = replace(here.ports, salt=lambda: b"")
        answer = await create_handler(broken)([PINGED])
        assert (answer[0].outcome, answer[0].result.data["status"]) == ("checked", "error")


class TestSettings:
    GIVEN = {"AUTH_MODE": "network", "DATABASE_URL": "postgresql://u@h/d"}
    CHECK = {"configmap": LIVE, "settings": {"path": "/etc/aftercare/settings.py", "class": "Settings"}}

    def load(self, **changes):
        return Settings.load({**self.GIVEN, **changes})

    def test_checks_are_json(self):
        assert self.load(DRIFT_CHECKS=json.dumps([self.CHECK])).drift_checks[0].settings.class_ == "Settings"
        assert self.load().drift_checks == []

    @pytest.mark.parametrize("text", ["[", "{}", '[{"configmap": {}}]', "[1]"])
    def test_what_is_none_is_refused_by_name(self, text):
        with pytest.raises(ConfigurationError, match="DRIFT_CHECKS"):
            self.load(DRIFT_CHECKS=text)

    def test_several_need_a_sink(self):
        two = json.dumps([self.CHECK, self.CHECK])
        with pytest.raises(ConfigurationError, match="set EVENT_SINK"):
            self.load(DRIFT_CHECKS=two)
        assert len(self.load(DRIFT_CHECKS=two, EVENT_SINK="http://broker").drift_checks) == 2
