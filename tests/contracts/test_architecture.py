"""The direction of imports, and that each function stands on its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

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
from importlib import import_module
serving = [name for name in sys.argv[1:] if callable(import_module(f"functions.{name}.main").handle)]
print(json.dumps([serving, sorted(name.partition(".")[0] for name in sys.modules)]))
"""


def composed(*functions, **environment):
    """A process that has imported what serves them."""
    argv = [sys.executable, "-W", "error", "-c", COMPOSE, *functions]
    return subprocess.run(argv, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)


def test_imports_go_in_one_direction():
    argv = [Path(sys.executable).with_name("lint-imports"), "--no-cache"]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout


def test_functions_compose_without_servers_and_load_only_what_their_images_have():
    done = composed(*FUNCTIONS, **ENVIRONMENT)

    assert done.returncode == 0, done.stderr
    serving, modules = json.loads(done.stdout)
    assert serving == FUNCTIONS
    assert not {"sqlalchemy", "alembic", "typer", "pytest", "hypothesis", "fakeredis"} & set(modules)


def test_a_function_without_authentication_does_not_start():
    environment = {name: value for name, value in ENVIRONMENT.items() if name != "AUTH_MODE"}
    done = composed("km_write", **environment)

    assert done.returncode != 0
    assert done.stderr.strip().splitlines()[-1].startswith("shared.domain.errors.ConfigurationError: AUTH_MODE ")


def test_a_setting_that_is_wrong_is_named_and_not_repeated():
    url = "postgresql://u:hunter2-CANARY@h:port/x"
    done = composed("km_write", **{**ENVIRONMENT, "DATABASE_URL": url})

    assert done.returncode != 0
    assert "DATABASE_URL cannot be read" in done.stderr
    assert "CANARY" not in done.stderr
