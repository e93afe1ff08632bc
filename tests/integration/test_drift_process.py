"""drift-check as it is deployed, with the cluster it reads; and ``aftercare drift`` as people and hooks use it."""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
import yaml
from typer.testing import CliRunner

from functions.drift_check.checks import checks
from functions.drift_check.cli import app
from functions.drift_check.configmaps import ConfigMapReader, cluster
from functions.drift_check.model import REQUEST_TYPE
from shared.adapters.http import HttpClient
from shared.commands.findings import examine
from shared.domain.calls import CallFailed, FailureKind
from shared.domain.contract import validated
from shared.domain.drift import DRIFT_CHECKED, DRIFT_DETECTED, DriftChecked
from shared.domain.events import PING, Event
from shared.local.simulators.kubernetes import KubernetesSimulator, kubeconfig
from tests.contracts.rigs import api_of
from tests.deployed import deployed
from tests.senders import plain, structured
from tests.tables import reading

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = "from pydantic_settings import BaseSettings\nclass Settings(BaseSettings):\n    port: int = 8080\n"
MANIFEST = "kind: ConfigMap\nmetadata: {name: api, namespace: prod}\ndata: {PORT: '%s'}\n"
LIVE = {"namespace": "prod", "name": "api"}
PINGED = Event(id="ping-1", source="/pingsources/drift-check", type=PING, data={})


def configmap(port, **changes):
    return {"kind": "ConfigMap", "metadata": LIVE, "data": {"PORT": port}, **changes}


@pytest.fixture
def simulator():
    return KubernetesSimulator()


async def test_a_tick_and_a_request_from_the_cluster_to_the_outbox(tmp_path, database_url, simulator):
    simulator.cluster.put(configmap("9090"))
    (tmp_path / "settings.py").write_text(SETTINGS)
    check = {"configmap": LIVE, "settings": {"path": str(tmp_path / "settings.py")}}
    asked = {"configmap": LIVE, "settings": {"source": SETTINGS}}
    async with simulator.serving() as kubernetes, httpx.AsyncClient(trust_env=False, verify=False, timeout=30) as http:
        (tmp_path / "kubeconfig").write_text(kubeconfig(kubernetes))
        settings = {"AUTH_MODE": "network", "DATABASE_URL": database_url, "DRIFT_CHECKS": json.dumps([check])}
        settings |= {"KUBECONFIG": str(tmp_path / "kubeconfig"), "EVENT_SINK": "http://127.0.0.1:1/"}
        with deployed(tmp_path, "drift_check", **settings) as (place,):
            ticked = await http.post(place.url, **structured(PINGED))
            again = await http.post(place.url, **structured(PINGED))
            answer = await http.post(place.url, **plain(Event(id="r", source="/", type=REQUEST_TYPE, data=asked)))

    assert (ticked.status_code, again.status_code, answer.status_code) == (204, 204, 200)
    assert validated(DriftChecked, answer.json()).status == "drift"
    with reading(database_url) as rows:
        sent = rows("SELECT event_type FROM outbox ORDER BY event_type")
    assert [each for [each] in sent] == [DRIFT_CHECKED, DRIFT_CHECKED, DRIFT_DETECTED, DRIFT_DETECTED]


class TestCluster:
    @pytest.fixture
    async def reader(self, simulator):
        async with (
            HttpClient(tls=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)) as http,
            simulator.serving() as url,
        ):
            yield lambda token="token": ConfigMapReader(api_of(url, http, token))

    async def test_a_configmap_by_its_name(self, simulator, reader):
        simulator.cluster.put(configmap("1", binaryData={"logo": "AAAA"}, immutable=True))
        found = await reader().live("prod", "api")
        assert (found.place, found.data, found.binary) == ("prod/api", {"PORT": "1"}, ["logo"])

    async def test_one_without_data(self, simulator, reader):
        simulator.cluster.put({"kind": "ConfigMap", "metadata": LIVE})
        assert (await reader().live("prod", "api")).data == {}

    @pytest.mark.parametrize(
        ("namespace", "name"), [("prod", "nope"), ("nope", "api"), ("prod", "../secrets/api"), ("", "")]
    )
    async def test_one_that_is_not_there(self, simulator, reader, namespace, name):
        simulator.cluster.put(configmap("1"))
        with pytest.raises(CallFailed) as raised:
            await reader().live(namespace, name)
        assert raised.value.kind is FailureKind.NOT_FOUND

    async def test_a_right_to_this_and_nothing_else(self, simulator, reader):
        simulator.cluster.put(configmap("1"))
        simulator.allow("narrow", namespaces=["prod"], plurals=["configmaps"])
        simulator.allow("other", plurals=["pods"])
        assert (await reader("narrow").live("prod", "api")).data == {"PORT": "1"}
        with pytest.raises(CallFailed) as raised:
            await reader("other").live("prod", "api")
        assert raised.value.kind is FailureKind.DENIED

    def test_without_a_cluster_there_is_none(self):
        assert cluster({}, kubeconfig=None, timeout_s=1) is None


async def test_the_doctor_says_which_comparison_cannot_be_made(tmp_path, simulator):
    simulator.cluster.put(configmap("1"))
    (tmp_path / "settings.py").write_text(SETTINGS)
    (tmp_path / "good.yaml").write_text(MANIFEST % 1)
    path = {"path": str(tmp_path / "settings.py")}
    checks_ = [
        {"configmap": LIVE, "settings": path},
        {"configmap": {"path": str(tmp_path / "good.yaml")}, "settings": path},
        {"configmap": {**LIVE, "name": "nope"}, "settings": path},
        {"configmap": LIVE, "settings": {"path": "/nope.py"}},
    ]
    environ = {"AUTH_MODE": "network", "DATABASE_URL": "postgresql://u@h/d", "EVENT_SINK": "http://sink"}
    async with simulator.serving() as url:
        (tmp_path / "kubeconfig").write_text(kubeconfig(url))
        environ |= {"KUBECONFIG": str(tmp_path / "kubeconfig"), "DRIFT_CHECKS": json.dumps(checks_)}
        [examined] = await examine(checks(environ), limit_s=10)
        [nothing] = await examine(checks({**environ, "DRIFT_CHECKS": "[]"}), limit_s=10)

    assert [each.state for each in examined.findings] == ["ok", "ok", "wrong", "wrong"]
    assert [each.state for each in nothing.findings] == ["unset"]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "settings.py").write_text(SETTINGS)
    (tmp_path / "good.yaml").write_text(MANIFEST % 8080)
    (tmp_path / "bad.yaml").write_text(MANIFEST % 9090)
    (tmp_path / "broken.yaml").write_text("a: [")
    (tmp_path / "broken.py").write_text("class Settings(")
    (tmp_path / "binary.py").write_bytes(b"\xff\xfe\x00")
    entry = "{field: port, owner: o, reason: r, expires: %s}"
    (tmp_path / "accepted.yaml").write_text(f"accepted: [{entry % '2999-01-01'}]")
    (tmp_path / "over.yaml").write_text(f"accepted: [{entry % '2001-01-01'}]")
    (tmp_path / "odd.yaml").write_text("accepted: [{field: port}]")
    return tmp_path


def drift(folder, *words, settings="settings.py", stdin=None, **environ):
    command = ["check", "--settings", str(folder / settings), *words]
    environ = {"NO_COLOR": "1", "COLUMNS": "160", "KUBECONFIG": None, **environ}
    return CliRunner().invoke(app, command, input=stdin, env=environ)


class TestCommand:
    @pytest.mark.parametrize(
        ("manifest", "more", "code"),
        [
            ("good.yaml", [], 0),
            ("bad.yaml", [], 1),
            ("bad.yaml", ["--accept", "accepted.yaml"], 0),
            ("bad.yaml", ["--accept", "over.yaml"], 1),
            ("bad.yaml", ["--env-prefix", "APP_"], 1),
            ("good.yaml", ["--class", "Settings", "--field", "port", "--namespace", "prod", "--name", "api"], 0),
            ("good.yaml", ["--class", "Nope"], 2),
            ("good.yaml", ["--field", "nope"], 2),
            ("good.yaml", ["--name", "nope"], 2),
            ("good.yaml", ["--accept", "odd.yaml"], 2),
            ("good.yaml", ["--accept", "nope.yaml"], 2),
            ("broken.yaml", [], 2),
            ("nope.yaml", [], 2),
        ],
    )
    @pytest.mark.parametrize("output", ["text", "json", "sarif"])
    def test_it_ends_with_0_1_or_2(self, folder, manifest, more, code, output):
        words = [str(folder / each) if each.endswith(".yaml") else each for each in [manifest, *more]]
        done = drift(folder, "--configmap", *words, "--output", output)
        assert done.exit_code == code, done.output
        assert "Traceback" not in done.output
        if output != "text":
            document = json.loads(done.stdout)
            assert (document.get("version") == "2.1.0") is (output == "sarif")
        if code == 2:
            assert done.stderr.startswith("aftercare: ")

    @pytest.mark.parametrize("settings", ["broken.py", "binary.py", "nope.py", "."])
    def test_settings_that_cannot_be_read_are_no_drift(self, folder, settings):
        done = drift(folder, "--configmap", str(folder / "good.yaml"), settings=settings)
        assert (done.exit_code, done.stdout) == (2, "")
        assert done.stderr.count("\n") == 1

    def test_what_kustomize_prints_is_read_from_a_pipe(self, folder):
        assert drift(folder, "--configmap", "-", stdin=MANIFEST % 9090).exit_code == 1

    def test_a_crash_is_no_drift(self, folder):
        done = drift(folder, "--configmap", "-", stdin=b"\xff\xfe")
        assert (done.exit_code, done.stdout) == (2, "")
        assert "broke down (UnicodeDecodeError)" in done.stderr

    @pytest.mark.parametrize(
        "words", [[], ["--configmap", "a", "--live", "b/c"], ["--live", "nothing"], ["--live", "a/b"]]
    )
    def test_one_configmap_must_be_named(self, folder, words):
        assert drift(folder, *words).exit_code == 2

    def test_a_table_for_people(self, folder):
        done = drift(folder, "--configmap", str(folder / "bad.yaml"))
        assert done.stdout.splitlines()[1].split() == ["port", "drift", "9090", "8080"]
        assert "prod/api against Settings: 1 drift." in done.stdout
        assert "port" not in drift(folder, "--configmap", str(folder / "good.yaml")).stdout
        assert "port" in drift(folder, "--configmap", str(folder / "good.yaml"), "--all").stdout

    async def test_the_live_object(self, folder, simulator):
        simulator.cluster.put(configmap("9090"))
        async with simulator.serving() as url:
            (folder / "kubeconfig").write_text(kubeconfig(url))
            words = [sys.executable, "-c", "from functions.drift_check.cli import app; app()"]
            words += ["check", "--settings", str(folder / "settings.py"), "--live", "prod/api", "-o", "json"]
            environ = {"PATH": os.environ["PATH"], "KUBECONFIG": str(folder / "kubeconfig")}
            done = await _run(words, environ)
        assert (done.returncode, json.loads(done.stdout)["status"]) == (1, "drift")

    def test_markup_in_a_value_is_text(self, folder):
        (folder / "settings.py").write_text(SETTINGS + "    color: str = '[red]x[/red]'\n")
        manifest = MANIFEST.replace("PORT: '%s'", "COLOR: '[/blue]'")
        assert "[red]x[/red]" in drift(folder, "--configmap", "-", stdin=manifest).stdout

    def test_a_secret_is_in_no_output(self, folder):
        (folder / "settings.py").write_text(SETTINGS + "    db_password: str = 'CANARY-ONE'\n")
        manifest = MANIFEST.replace("PORT", "DB_PASSWORD") % "CANARY-TWO"
        for output in ("text", "json", "sarif"):
            done = drift(folder, "--configmap", "-", "--output", output, stdin=manifest)
            assert done.exit_code == 1
            assert "CANARY" not in done.output


async def _run(words, environ):
    run = {"env": environ, "cwd": ROOT, "capture_output": True, "text": True, "timeout": 60, "check": False}
    return await asyncio.to_thread(subprocess.run, words, **run)


def test_the_hook_names_the_command():
    [hook] = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    assert (hook["entry"], hook["language"], hook["pass_filenames"]) == ("aftercare drift check", "python", False)
