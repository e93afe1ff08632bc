"""What is read from the text of a class is what the class is: the same class, imported, takes the same variables.

The classes of the table of pairs and classes that Hypothesis writes are really executed here, by pydantic-settings
where it is installed and else by :class:`StandIn`, which does of it what these classes need.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager, suppress
from decimal import Decimal
from importlib import import_module
from importlib.util import find_spec
from math import isfinite
from types import UnionType
from typing import Any, Union, get_args, get_origin

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import AliasChoices, BaseModel, ConfigDict, ValidationError

from functions.drift_check.core.declared import declaration
from functions.drift_check.core.unknowns import Unknown
from tests.unit.test_drift_pairs import DRIFT, FIELDS, FIRST_DESIGN, OK, PRELUDE, statuses

REAL = find_spec("pydantic_settings") is not None
REFUSED = object()


class StandIn(BaseModel):
    """``BaseSettings`` of pydantic-settings 2.16, as far as variables of one level go."""

    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True, validate_default=True)

    def __init__(self) -> None:
        config: Mapping[str, Any] = self.model_config
        sensitive = config.get("case_sensitive", False)
        environ = {key if sensitive else key.lower(): value for key, value in os.environ.items()}
        found = {}
        for name, field in type(self).model_fields.items():
            alias = field.validation_alias
            names = alias.choices if isinstance(alias, AliasChoices) else [alias or config.get("env_prefix", "") + name]
            key = next((each for each in names if (each if sensitive else each.lower()) in environ), None)
            if key is not None:
                text = environ[key if sensitive else key.lower()]
                found[key if alias else name] = text if NoDecode in field.metadata else decoded(field.annotation, text)
        super().__init__(**found)


class NoDecode:
    """The annotation of that name."""


def decoded(annotation, text):
    union = get_origin(annotation) in (Union, UnionType)
    if union and any(is_complex(each) for each in get_args(annotation)):
        with suppress(ValueError):
            return json.loads(text)
    return json.loads(text) if is_complex(annotation) else text


def is_complex(annotation):
    bare = get_origin(annotation) or annotation
    complex_ = (BaseModel, Mapping, Sequence, AbstractSet)
    return isinstance(bare, type) and issubclass(bare, complex_) and not issubclass(bare, str | bytes)


@contextmanager
def environment(variables):
    kept = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in kept.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def imported(source):
    """The class that the text is, executed."""
    module = {"__name__": "settings_under_test"}
    if not REAL:
        source = source.replace(
            "from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict",
            "from pydantic import ConfigDict as SettingsConfigDict",
        )
        module |= {"BaseSettings": StandIn, "NoDecode": NoDecode}
    exec(compile(source, "settings_under_test", "exec", dont_inherit=True), module)
    return module["Settings"]


def value_of(made, name, variables):
    """What the application would see; ``REFUSED`` when it would not start."""
    refusals = (ValidationError, ValueError)
    if REAL:
        refusals = (*refusals, import_module("pydantic_settings").SettingsError)
    with environment(variables):
        try:
            return getattr(made(), name)
        except refusals:
            return REFUSED


def is_same(one, other):
    return type(one) is type(other) and (one == other or repr(one) == repr(other) == "nan")


# Of the rest nothing can be executed, or nothing is the same twice.
KNOWN = [
    each
    for each in [*FIRST_DESIGN, *FIELDS]
    if each[2] in (OK, DRIFT) and "Unheard" not in each[0] and "uuid4" not in each[0]
]


@pytest.mark.parametrize(("line", "text", "status"), KNOWN)
def test_the_table_of_pairs_is_what_happens(line, text, status):
    made = imported(f"{PRELUDE}{line}\n")
    configured = value_of(made, "x", {} if text is None else {"X": text})
    default = made.model_fields["x"].get_default(call_default_factory=True)
    if not made.model_fields["x"].is_required():
        absent = value_of(made, "x", {})
        default = default if absent is REFUSED else absent  # a default that does not fit its own type

    is_ok = configured is not REFUSED and (made.model_fields["x"].is_required() or is_same(configured, default))
    assert (OK if is_ok else DRIFT) == status


# --- Classes that nobody wrote ---------------------------------------------------------------------------------------

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0", exclude_categories=["Cs"]), max_size=8)
INTS = st.integers(-(10**12), 10**12)
FLOATS = st.floats(allow_nan=True, allow_infinity=True, width=64)
SCALARS = [("int", INTS), ("bool", st.booleans()), ("str", TEXTS), ("float", FLOATS)]
HASHABLE = [("int", INTS), ("str", TEXTS)]
MODES = st.sampled_from(["Mode.FAST", "Mode.SLOW"])


@st.composite
def typed(draw):
    """A type, and the source of a value of it."""
    name, values = draw(st.sampled_from(SCALARS))
    inner, keys = draw(st.sampled_from(HASHABLE))
    choices = draw(st.lists(TEXTS, min_size=1, max_size=3, unique=True))
    shape = draw(st.sampled_from(["one", "one", "one", "optional", "list", "tuple", "set", "dict", "literal", "mode"]))
    made = {
        "optional": lambda: (draw(st.sampled_from([f"Optional[{name}]", f"{name} | None"])), draw(st.none() | values)),
        "list": lambda: (f"list[{name}]", draw(st.lists(values, max_size=3))),
        "tuple": lambda: (f"tuple[{name}, ...]", tuple(draw(st.lists(values, max_size=3)))),
        "set": lambda: (f"set[{inner}]", draw(st.sets(keys, max_size=3))),
        "dict": lambda: (f"dict[str, {name}]", draw(st.dictionaries(TEXTS, values, max_size=3))),
        "literal": lambda: (f"Literal[{', '.join(map(repr, choices))}]", choices[0]),
        "mode": lambda: ("Mode", draw(MODES)),
        "one": lambda: (name, draw(values)),
    }
    return made[shape]()


def written(kind, value):
    """The source of a value."""
    if kind == "Mode":
        return value
    if isinstance(value, float):
        return repr(value) if isfinite(value) else f"float({str(value)!r})"
    if isinstance(value, list | tuple | set) and value:
        items = ", ".join(written("", each) for each in value)
        return {list: f"[{items}]", tuple: f"({items},)", set: f"{{{items}}}"}[type(value)]
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key!r}: {written('', each)}" for key, each in value.items()) + "}"
    return repr(value)


@st.composite
def fields(draw):
    """One field: its type, the source of its default, and the line without its name."""
    kind, value = draw(typed())
    literal = written(kind, value)
    form = draw(st.sampled_from(["= {0}", "= Field({0})", "= p.Field(default={0}, description='d')", "annotated"]))
    if isinstance(value, list | dict | set) and draw(st.booleans()):
        form = "= Setting(default_factory=lambda: {0})"
    if form == "annotated":
        return kind, value, f"Annotated[{kind}, Field(description='d')] = {literal}"
    return kind, value, f"{kind} {form.format(literal)}"


@st.composite
def texts(draw, kind, value):
    """What a ConfigMap may set: the value in another spelling, another value, or anything."""
    plain = value.removeprefix("Mode.").lower() if kind == "Mode" else value
    if isinstance(plain, set | tuple):
        plain = list(plain)
    own = plain if isinstance(plain, str) else json.dumps(plain)
    return draw(st.sampled_from([own, own, f" {own}", own.upper(), f"{own}0"]) | TEXTS | INTS.map(str))


@st.composite
def cases(draw):
    """A class, and for each of its fields a variable."""
    prefix = draw(st.sampled_from(["", "APP_"]))
    sensitive = draw(st.booleans())
    lines = [f"model_config = SettingsConfigDict(env_prefix={prefix!r}, case_sensitive={sensitive})"]
    variables = {}
    for number in range(draw(st.integers(1, 3))):
        kind, value, rest = draw(fields())
        lines.append(f"f{number}: {rest}")
        key = f"{prefix}f{number}"
        variables[key if sensitive else key.upper()] = draw(texts(kind, value))
    return PRELUDE.rstrip() + "\n" + "".join(f"    {line}\n" for line in lines), variables


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(cases())
def test_what_is_read_is_what_is_imported(case):
    source, variables = case
    variables = {key: text for key, text in variables.items() if "\0" not in text}
    made = imported(source)
    declared = {each.name: each for each in declaration(source).fields}
    found = statuses(source, variables)

    assert list(declared) == list(made.model_fields)
    for key, text in variables.items():
        name = key.lower().removeprefix("app_")
        default = made.model_fields[name].get_default(call_default_factory=True)
        assert not isinstance(declared[name].default, Unknown)
        read = declared[name].default
        # Equal sets may be written in different orders.
        assert read == default if isinstance(default, set) else str(read) == str(default)
        configured, absent = value_of(made, name, {key: text}), value_of(made, name, {})
        expected = OK if configured is not REFUSED and is_same(configured, absent) else DRIFT
        assert found[name] == expected, (source.splitlines()[-3:], key, text)


@given(st.randoms(use_true_random=False))
def test_arithmetic_is_that_of_python_or_unknown(chance: random.Random):
    def expression(depth):
        if depth == 0 or chance.random() < 0.2:
            return str(chance.choice([0, 1, 2, 3, 7, 60, 3600, 0.5, 10**9]))
        sign = chance.choice(["+", "-", "*", "/", "//", "%", "**", "<<", "|"])
        return f"({expression(depth - 1)} {sign} {expression(depth - 1)})"

    text = expression(3)
    [field] = declaration(f"class Settings(BaseSettings):\n    x: float = {text}").fields
    if not isinstance(field.default, Unknown):
        assert repr(field.default) == repr(eval(text))


def test_the_oracle_tells_values_apart():
    assert {status for _, _, status in KNOWN} == {OK, DRIFT}
    assert is_same(Decimal(1), Decimal("1.0"))
    assert not is_same(True, 1)
