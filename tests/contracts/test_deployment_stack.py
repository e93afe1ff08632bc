"""``stack.yml`` says what the Knative manifests say, in OpenFaaS' words, and nothing that its free edition refuses."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from functions.km_write.settings import Settings as KmWriteSettings
from shared.local import stack
from shared.local.knative.manifest_shapes import conform
from tests.manifest_kinds import STACK, STACK_FUNCTION
from tests.rendering import BASE, ROOT, container, environment, parsed, pod, secrets

MANIFESTS = {path.parent.name: parsed(path.read_text(encoding="utf-8")) for path in BASE.glob("*/knative.yaml")}
LOADED = stack.load(environ={})
COMMON = yaml.safe_load((ROOT / "templates/openfaas/environment.yml").read_text(encoding="utf-8"))["environment"]
SECRETS = "/var/openfaas/secrets/"
REFUSED = {"com.openfaas.scale.zero", "com.openfaas.scale.target", "com.openfaas.scale.type"}


@pytest.fixture(params=LOADED.functions, ids=lambda function: function.name)
def function(request):
    return request.param


def manifest(function, kind):
    return [each for each in MANIFESTS[function.handler.name] if each["kind"] == kind]


def service(function):
    [found] = manifest(function, "Service")
    return found


def seconds(duration):
    assert duration.endswith("s")
    return int(duration[:-1])


def test_it_has_every_function_that_is_deployed_and_the_free_edition_takes_them():
    assert {function.handler.name for function in LOADED.functions} == set(MANIFESTS)
    assert len(LOADED.functions) <= 15


def test_no_field_would_be_ignored():
    document = yaml.safe_load((ROOT / "stack.yml").read_text(encoding="utf-8"))
    for name, fields in document.pop("functions").items():
        conform(fields, STACK_FUNCTION, name)
    conform(document, STACK)


def test_a_function_is_the_same_on_both_platforms(function):
    assert function.name == service(function)["metadata"]["name"]
    assert function.image == container(service(function))["image"]
    assert function.build_args == {"FUNCTION": function.handler.name}
    assert function.handler == (BASE / function.handler.name).relative_to(ROOT)


def test_it_takes_as_many_requests_for_as_long_and_uses_as_much(function):
    there, here = pod(service(function)), function.fields
    assert (
        here["environment"]["CONCURRENCY"] == here["environment"]["max_inflight"] == str(there["containerConcurrency"])
    )
    assert seconds(here["environment"]["exec_timeout"]) == there["timeoutSeconds"]
    assert {"requests": here["requests"], "limits": here["limits"]} == container(service(function))["resources"]


def test_the_watchdog_waits_longer_than_it_lets_the_function_take(function):
    given = {
        name: seconds(value) for name, value in function.fields["environment"].items() if name.endswith("_timeout")
    }
    assert given["exec_timeout"] < given["write_timeout"] == given["read_timeout"]


def test_it_scales_between_the_same_bounds_but_never_to_nothing(function):
    scale = service(function)["spec"]["template"]["metadata"]["annotations"]
    labels = function.fields["labels"]
    assert labels["com.openfaas.scale.max"] == scale["autoscaling.knative.dev/max-scale"]
    assert int(labels["com.openfaas.scale.min"]) == max(1, int(scale["autoscaling.knative.dev/min-scale"]))
    assert REFUSED & set(labels) == set()


def test_ticks_come_at_the_same_times(function):
    schedules = [ping["spec"]["schedule"] for ping in manifest(function, "PingSource")]
    annotations = function.fields.get("annotations", {})
    assert ([annotations["schedule"]] if annotations.get("topic") == "cron-function" else []) == schedules


def test_an_edition_that_can_try_again_is_asked_to(function):
    annotations = function.fields.get("annotations", {})
    codes = set(annotations.get("com.openfaas.retry.codes", "").split(",")) - {""}
    assert bool(codes) is bool(manifest(function, "Trigger"))
    assert codes in (set(), {"408", "429", "500", "502", "503", "504"})  # never what will not get better


def test_every_secret_is_there_and_read_on_both_platforms(function):
    files = {
        name: value for name, value in {**COMMON, **function.fields["environment"]}.items() if name.endswith("_FILE")
    }
    assert {value.removeprefix(SECRETS) for value in files.values()} == set(function.fields["secrets"])
    assert set(function.fields["secrets"]) == secrets(service(function)) | {"aftercare-token"}
    there = {name for name in environment(service(function)) if name.endswith("_FILE")}
    assert set(files) == there | {"AUTH_TOKEN_FILE"}


def test_what_is_set_there_is_set_here(function):
    of_the_platform = {"APP_BIND", "FUNCTION_SOURCE", "FUNCTION_TARGET", "AUTH_MODE", "EVENT_SINK"}
    wanted = {name: value for name, value in environment(service(function)).items() if name not in of_the_platform}
    given = {**COMMON, **function.fields["environment"]}
    assert {name: given.get(name) for name in wanted} == wanted


def test_everyone_must_show_a_token():
    assert COMMON["AUTH_MODE"] == "bearer"
    assert [each.name for each in LOADED.functions if "AUTH_MODE" in each.fields["environment"]] == []


def test_only_who_has_a_schedule_is_open_to_a_cron_connector(function):
    opened = function.fields["environment"].get("AUTH_OPEN_TICKS", "false")
    assert (opened == "true") is bool(manifest(function, "PingSource"))


def test_everyone_is_told_who_wants_which_event(function):
    assert function.fields["environment_file"] == ["templates/openfaas/environment.yml", str(stack.ROUTES)]


def test_the_routes_are_made_from_the_triggers():
    written = (ROOT / stack.ROUTES).read_text(encoding="utf-8")
    assert written == stack.routes_file(), "run `make stack`: the Triggers have changed"


def test_the_routes_can_be_read_by_a_function():
    given = {**COMMON, **yaml.safe_load(stack.routes_file())["environment"]}
    literal = {name.removesuffix("_FILE"): value for name, value in given.items()}
    settings = KmWriteSettings.load({**literal, "DATABASE_URL": "postgresql://u@h/d", "REDIS_URL": "redis://h"})
    names = {f"{stack.GATEWAY}/async-function/{each.name}" for each in LOADED.functions}
    routed = {url for urls in (settings.event_routes or {}).values() for url in urls}
    assert routed != set()
    assert routed <= names
    assert settings.event_routes == json.loads(given["EVENT_ROUTES"])


def test_the_template_is_where_the_tool_looks_for_it(function):
    assert (ROOT / "template").is_symlink()
    assert (ROOT / "template").readlink() == Path("templates")
    described = yaml.safe_load((ROOT / "template" / function.language / "template.yml").read_text(encoding="utf-8"))
    assert described["language"] == function.language
    assert described["handler_folder"] == "function"
    # It replaces what the image says, so both must start the same.
    assert described["fprocess"].split() == list(container(service(function))["command"])


def test_an_image_may_be_named_after_another_registry():
    [function] = [
        each
        for each in stack.load(environ={"REGISTRY": "r.example/team", "TAG": "7"}).functions
        if each.name == "km-write"
    ]
    assert function.image == "r.example/team/aftercare/km-write:7"


def test_no_folder_of_a_function_is_left_out_of_its_build():
    assert [str(path) for name in ("build", "template") for path in BASE.glob(f"*/{name}")] == []


@pytest.mark.skipif(shutil.which("faas-cli") is None, reason="no faas-cli on this machine: install it to compare")
def test_the_tool_itself_lays_out_the_same_builds(tmp_path):
    clone = tmp_path / "clone"
    left_out = shutil.ignore_patterns(".venv", ".git", ".aftercare", ".*_cache", "build", "__pycache__")
    shutil.copytree(ROOT, clone, symlinks=True, ignore=left_out)
    argv = ["faas-cli", "build", "--shrinkwrap", "-f", "stack.yml"]
    done = subprocess.run(argv, cwd=clone, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr

    def tree(folder):
        return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    for function in LOADED.functions:
        assert tree(stack.shrinkwrap(LOADED, function, into=tmp_path)) == tree(clone / function.context), function.name
