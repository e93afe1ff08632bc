"""Each function as its image starts it: its own code and packages alone, the manifest's command, a real event."""

from __future__ import annotations

import json
import socket
import subprocess
from importlib.util import cache_from_source
from pathlib import Path

import httpx
import pytest
import yaml

from shared.local import stack
from shared.local.processes import Program, Supervisor
from shared.runtime.job import AGAIN, DONE, NEVER
from tests.images import Image, make
from tests.rendering import BASE, ROOT, container, environment
from tests.tables import reading

FUNCTIONS = {function.name: function for function in stack.load(environ={}).functions}
EVENTS = ROOT / "tests" / "events"
# What each is asked; a tick, unless it is named here.
REQUESTS = {
    "alert-bridge": ("POST", "/alertmanager", "alertmanager-webhook-firing.json", "application/json"),
    "console": ("GET", "/metrics", None, None),
    "km-write": ("POST", "/", "knowledge-write-requested.json", "application/cloudevents+json"),
}
UNCHECKED_HASH = (1).to_bytes(4, "little")  # PEP 552: never compared with its source
TICK = ("POST", "/", None, None)


def service(function):
    documents = yaml.safe_load_all((BASE / function.handler.name / "knative.yaml").read_text(encoding="utf-8"))
    [found] = [each for each in documents if each["kind"] == "Service"]
    return found


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def program(function, image: Image, log: Path, url: str, **addresses: str) -> Program:
    """What a cluster would start, with this machine's addresses."""
    _, *arguments = container(service(function))[
        "command"
    ]  # a script in the image: its folder is not searched for modules
    given = {name: value for name, value in environment(service(function)).items() if not name.endswith("_FILE")}
    given |= {"AUTH_MODE": "network", "APP_BIND": url.removeprefix("http://"), **addresses}
    given.pop("EVENT_SINK", None)
    argv = [*image.python, "-P", "-m", "gunicorn", *arguments]
    return Program(
        name=function.name, argv=argv, log=log, env=image.environment(**given), cwd=image.home, ready=f"{url}/readyz"
    )


def ask(url: str, name: str) -> httpx.Response:
    method, path, file, media_type = REQUESTS.get(name, TICK)
    content = b"" if file is None else (EVENTS / file).read_bytes()
    headers = {} if media_type is None else {"content-type": media_type}
    with httpx.Client(trust_env=False) as client:
        return client.request(method, f"{url}{path}", content=content, headers=headers, timeout=20.0)


@pytest.fixture(scope="module")
def km_write(tmp_path_factory):
    return make(FUNCTIONS["km-write"], tmp_path_factory.mktemp("km-write") / "image")


def run(image: Image, *arguments: str, **environment: str):
    return subprocess.run(
        [*image.python, *arguments],
        cwd=image.home,
        env=image.environment(**environment),
        capture_output=True,
        text=True,
        check=False,
    )


def test_each_starts_from_its_image_alone_and_answers_an_event(km_write, tmp_path, database_url, redis_url):
    addresses = {"DATABASE_URL": database_url, "REDIS_URL": redis_url}
    urls = {name: f"http://127.0.0.1:{free_port()}" for name in FUNCTIONS}
    images = {
        name: make(function, tmp_path / name, library=km_write.home / "shared")
        for name, function in FUNCTIONS.items()
        if name != "km-write"
    }
    with Supervisor() as supervisor:
        supervisor.start(
            *(
                program(FUNCTIONS[name], image, tmp_path / f"{name}.log", urls[name], **addresses)
                for name, image in {**images, "km-write": km_write}.items()
            )
        )
        answers = {name: ask(url, name) for name, url in urls.items()}

    failed = {
        name: f"{answer.status_code} {answer.text} {(tmp_path / f'{name}.log').read_text()}"
        for name, answer in answers.items()
        if answer.status_code not in (200, 202, 204)
    }
    assert failed == {}
    assert answers["km-write"].json()["type"] == "dev.aftercare.knowledge.written.v1"


def test_an_image_has_neither_the_laptop_nor_the_packages_of_others(km_write):
    assert sorted(path.name for path in km_write.home.iterdir()) == ["functions", "shared"]
    assert {path.name for path in (km_write.home / "functions").glob("[!_]*")} == {"km_write"}
    assert {path.name for path in (km_write.home / "shared").glob("[!_]*")} == {"adapters", "domain", "runtime"}
    assert not list(km_write.home.rglob("*.yaml"))
    for package, there in {"redis": True, "shared.runtime": True, "yaml": False, "pytest": False}.items():
        assert (run(km_write, "-c", f"import {package}").returncode == 0) is there, package


def test_an_image_is_compiled_and_readable_by_anyone(km_write):
    for source in km_write.home.rglob("*.py"):
        compiled = Path(cache_from_source(str(source)))
        assert compiled.exists(), source
        assert compiled.read_bytes()[4:8] == UNCHECKED_HASH, source
    for path in km_write.home.rglob("*"):
        assert path.stat().st_mode & 0o044 == 0o044, path


def test_a_job_handles_one_event_and_may_be_started_again(km_write, tmp_path, database_url, redis_url):
    source = {"FUNCTION_SOURCE": "functions/km_write/main.py", "FUNCTION_TARGET": "handle", "AUTH_MODE": "network"}
    there = {**source, "DATABASE_URL": database_url, "REDIS_URL": redis_url}
    gone = {**source, "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/x", "REDIS_URL": "redis://127.0.0.1:1/0"}
    event = EVENTS / "knowledge-write-requested.json"
    wrong = tmp_path / "event"
    wrong.write_text(json.dumps({**json.loads(event.read_text()), "data": {"path_type": "unheard-of"}}))

    assert [run(km_write, "-m", "shared.runtime.job", str(event), **there).returncode for _ in range(2)] == [DONE, DONE]
    assert run(km_write, "-m", "shared.runtime.job", str(event), **gone).returncode == AGAIN
    assert run(km_write, "-m", "shared.runtime.job", str(wrong), **there).returncode == NEVER
    with reading(database_url) as query:
        assert query("SELECT count(*) FROM knowledge_entries") == [[1]]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "Name one file that holds a CloudEvent: python -m shared.runtime.job FILE"),
        (["nothing"], "nothing cannot be read (FileNotFoundError); mount the event there."),
        (["/dev/null"], "The job cannot start: AUTH_MODE must be set to bearer, hmac or oidc"),
    ],
    ids=["no file", "a file that is not there", "a wrong setting"],
)
def test_a_job_that_cannot_begin_says_why_in_one_line_of_json(km_write, arguments, sentence):
    source = {"FUNCTION_SOURCE": "functions/km_write/main.py", "FUNCTION_TARGET": "handle"}
    stores = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/x", "REDIS_URL": "redis://127.0.0.1:1/0"}
    done = run(km_write, "-m", "shared.runtime.job", *arguments, **source, **stores)

    assert (done.returncode, done.stdout) == (NEVER, "")
    [line] = [json.loads(each) for each in done.stderr.splitlines()]
    assert line["detail"].startswith(sentence)
    assert (line["function"], line["level"], line["event"]) == ("km-write", "critical", "server.message")
