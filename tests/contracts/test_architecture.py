"""The direction of imports, and that each function stands on its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FUNCTIONS = sorted(path.parent.name for path in (ROOT / "functions").glob("*/main.py"))
ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "AUTH_MODE": "network",
    # Nobody is there: composing a function must not need its servers.
    "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing",
    "REDIS_URL": "redis://127.0.0.1:1/0",
}
COMPOSE = """
import json, sys
from functions.{function} import main
print(json.dumps([callable(main.handle), sorted(name.partition(".")[0] for name in sys.modules)]))
"""


def python(source, **environment):
    argv = [sys.executable, "-W", "error", "-c", source]
    return subprocess.run(argv, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)


def test_imports_go_in_one_direction():
    argv = [Path(sys.executable).with_name("lint-imports"), "--no-cache"]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_composes_without_servers_and_loads_only_what_its_image_has(function):
    done = python(COMPOSE.format(function=function), **ENVIRONMENT)

    assert done.returncode == 0, done.stderr
    serves, modules = json.loads(done.stdout)
    assert serves
    assert not {"sqlalchemy", "alembic", "typer", "pytest", "hypothesis", "fakeredis"} & set(modules)


def test_a_function_without_authentication_does_not_start():
    environment = {name: value for name, value in ENVIRONMENT.items() if name != "AUTH_MODE"}
    done = python(COMPOSE.format(function="km_write"), **environment)

    assert done.returncode != 0
    assert done.stderr.strip().splitlines()[-1].startswith("shared.domain.errors.ConfigurationError: AUTH_MODE ")


def test_a_setting_that_is_wrong_is_named_and_not_repeated():
    url = "postgresql://u:hunter2-CANARY@h:port/x"
    done = python(COMPOSE.format(function="km_write"), **{**ENVIRONMENT, "DATABASE_URL": url})

    assert done.returncode != 0
    assert "DATABASE_URL cannot be read" in done.stderr
    assert "CANARY" not in done.stderr
