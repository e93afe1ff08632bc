"""Every event type in the code has a model, and every model a type that is named as the others are."""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path

import pytest

from shared.domain.contract import Contract, validated
from shared.domain.errors import Unprocessable
from shared.domain.events import TYPE_PREFIX, to_structured
from shared.domain.writes import ACCEPTED
from shared.testing.events import alert_resolved, execution_verified, remediation_approved, write_requested

ROOT = Path(__file__).parents[2]
NAME = re.compile(r"dev\.aftercare\.[a-z]+\.[a-z]+(-[a-z]+)?\.v[1-9]")
MODELS = [
    importlib.import_module(f"functions.{path.parent.name}.model") for path in (ROOT / "functions").glob("*/model.py")
]
SPOKEN = {event_type: model for module in MODELS for event_type, model in {**module.ACCEPTS, **module.EMITS}.items()}
SAMPLES = [write_requested(), alert_resolved(), execution_verified(), remediation_approved()]


def types_of(path):
    """The event types that a module writes out."""
    source = path.read_text(encoding="utf-8")
    if TYPE_PREFIX not in source:
        return set()
    texts = {node.value for node in ast.walk(ast.parse(source)) if is_text(node)}
    return {text for text in texts if text.startswith(TYPE_PREFIX) and text != TYPE_PREFIX and " " not in text}


def is_text(node):
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


PRODUCTION = ["functions", "shared/domain", "shared/adapters", "shared/runtime"]
FILES = [path for folder in PRODUCTION for path in (ROOT / folder).rglob("*.py")]
WRITTEN = [event_type for path in FILES for event_type in types_of(path)]


def test_every_type_in_the_code_has_a_model():
    assert set(WRITTEN) - set(SPOKEN) == set()


def test_types_are_named_alike():
    assert [event_type for event_type in WRITTEN if not NAME.fullmatch(event_type)] == []


def test_a_type_is_written_out_once():
    assert sorted(WRITTEN) == sorted(set(WRITTEN))


@pytest.mark.parametrize("event_type", sorted(set(WRITTEN)))
def test_every_type_has_one_strict_model(event_type):
    models = {{**module.ACCEPTS, **module.EMITS}.get(event_type) for module in MODELS} - {None}

    assert models == {SPOKEN[event_type]}
    assert issubclass(SPOKEN[event_type], Contract)
    assert SPOKEN[event_type].__doc__


def test_km_write_renders_exactly_what_it_accepts():
    assert set(ACCEPTED) == set(importlib.import_module("functions.km_write.model").ACCEPTS)


@pytest.mark.parametrize("event", SAMPLES, ids=lambda event: event.type)
def test_the_samples_keep_the_contract(event):
    model = SPOKEN[event.type]

    assert validated(model, to_structured(event)["data"])
    with pytest.raises(Unprocessable):
        validated(model, {**event.data, "surprise": 1})
