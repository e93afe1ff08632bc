"""How a field's annotation is read: known types, how deep they may be, what stands beside them, enumerations."""

from __future__ import annotations

from collections import deque
from decimal import Decimal
from typing import Any, Literal, Optional, Union

import pytest

from functions.drift_check.core.declared import declaration
from functions.drift_check.core.unknowns import Unknown

HEAD = """
import typing
from datetime import timedelta
from enum import *
from typing import *
from uuid import uuid4
from pydantic import *
from pydantic_settings import *
from elsewhere import name, other

PORT = 1

class Mode(StrEnum):
    FAST = "fast"

"""
UNKNOWN = "unknown"


def declared(line, before=""):
    return declaration(f"{HEAD}{before}\nclass Settings(BaseSettings):\n    {line}\n", wanted="Settings").fields


def default(line, before=""):
    found = declared(line, before)[-1].default
    return UNKNOWN if isinstance(found, Unknown) else found


def nested(depth):
    return "list[" * depth + "int" + "]" * depth


def type_of(text, before=""):
    found = declared(f"x: {text}", before)[0].annotation
    return UNKNOWN if found.why else found.type


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("int", int),
        ("'int'", int),
        ("' int'", int),
        ("'not python('", UNKNOWN),
        ("list['int']", list[int]),
        ("None", None),
        ("1", UNKNOWN),
        ("nothing", UNKNOWN),
        ("nothing[int]", UNKNOWN),
        ("list[nothing]", UNKNOWN),
        ("object", Any),
        ("deque[int]", deque[int]),
        ("tuple[int, ...]", tuple[int, ...]),
        ("Optional[int]", Optional[int]),  # noqa: UP045 - as a file writes it
        ("Optional[int, str]", UNKNOWN),
        ("Union[int, str]", Union[int, str]),  # noqa: UP007 - as a file writes it
        ("int | str", Union[int, str]),  # noqa: UP007 - the type that is made
        ("int & str", UNKNOWN),
        ("Literal['a']", Literal["a"]),
        ("Literal[1, 'a']", Literal[1, "a"]),
        ("Literal[name]", UNKNOWN),
        ("list[Annotated[int, Field(gt=1)]]", list[int]),
        ("list[Annotated[int, 'a note']]", list[int]),
        ("list[Annotated[int, AfterValidator(name)]]", UNKNOWN),
        ("list[Annotated[int, BeforeValidator(name)]]", UNKNOWN),
        ("list[Annotated[list[int], NoDecode]]", UNKNOWN),
        ("list[Annotated[nothing, Field()]]", UNKNOWN),
        ("Annotated[int]", UNKNOWN),
        ("Annotated[()]", UNKNOWN),
        ("constr(min_length=1)", str),
        ("constr(to_lower=True)", UNKNOWN),
        ("constr(to_upper=True)", UNKNOWN),
        ("constr(strip_whitespace=True)", UNKNOWN),
        ("conint(gt=0)", int),
        ("conint(strict=True)", UNKNOWN),
        ("confloat(gt=0)", float),
        ("condecimal(gt=0)", Decimal),
        ("condecimal(strict=True)", UNKNOWN),
        ("conlist(int)", UNKNOWN),
        ("name.thing(1)", UNKNOWN),
    ],
)
def test_a_type_is_built_of_known_ones(text, expected):
    assert type_of(text) == expected


@pytest.mark.parametrize(
    ("text", "is_known"),
    [
        (nested(20), True),
        (nested(21), False),
        ("Optional[int | " + nested(18) + "]", True),
        ("Optional[int | " + nested(19) + "]", False),
        (" | ".join(["int"] * 21), True),
        (" | ".join(["int"] * 22), False),
    ],
)
def test_a_type_is_followed_so_deep(text, is_known):
    assert (type_of(text) != UNKNOWN) is is_known


@pytest.mark.parametrize(
    ("alias", "text", "expected"),
    [
        ("A = list[int]", "A", list[int]),
        ("A = int | None", "A", Optional[int]),  # noqa: UP045 - the type that is made
        ("A = int", "A", int),
        ("A = int", "list[A]", list[int]),
        ("B = int\nA = B", "A", int),
        ("A = 'int'", "A", UNKNOWN),
        ("A = name()", "A", UNKNOWN),
        ("A = A", "A", UNKNOWN),
        ("A = A", "list[A]", UNKNOWN),
        ("A = B\nB = A", "A", UNKNOWN),
        ("A = list['A']", "A", UNKNOWN),
        ("A = int\nA = int", "A", UNKNOWN),
        ("int = str", "int", str),
        ("class A: ...", "A", UNKNOWN),
        ("class A: ...", "list[A]", UNKNOWN),
    ],
)
def test_a_type_may_have_a_name_of_its_own(alias, text, expected):
    assert type_of(text, alias) == expected


@pytest.mark.parametrize(
    ("text", "flags", "calls"),
    [
        ("int", (False, False, True), 0),
        ("Annotated[int, Field()]", (False, False, True), 1),
        ("Annotated[int, pydantic.Field()]", (False, False, True), 1),
        ("Annotated[int, Field(), Field()]", (False, False, True), 2),
        ("Annotated[int, Field]", (False, False, True), 0),
        ("Annotated[int, 'a note']", (False, False, True), 0),
        ("Annotated[int, NoDecode]", (False, False, False), 0),
        ("Annotated[int, NoDecode, Field()]", (False, False, False), 1),
        ("Annotated[int, AfterValidator(name)]", (False, True, True), 0),
        ("Annotated[int, BeforeValidator(name)]", (True, False, True), 0),
        ("Annotated[int, PlainValidator(name)]", (True, False, True), 0),
        ("Annotated[int, name]", (True, False, True), 0),
        ("Annotated[int, name.Doc('a note')]", (False, False, True), 0),
        ("Annotated[int, name.Other('a note')]", (True, False, True), 0),
        ("Annotated[int, name[1]]", (True, False, True), 0),
        ("Annotated[Annotated[int, NoDecode, Field()], AfterValidator(name)]", (False, True, False), 1),
        ("Annotated[Annotated[int, BeforeValidator(name)], Field()]", (True, False, True), 1),
    ],
)
def test_what_stands_beside_a_type_is_known_by_its_name(text, flags, calls):
    found = declared(f"x: {text}", "import pydantic")[0].annotation

    assert (found.before, found.after, found.decode) == flags
    assert len(found.fields) == calls
    assert found.type is int


def test_the_name_of_a_type_brings_what_stands_beside_it():
    source = "Positive = Annotated[int, Field(gt=0), AfterValidator(name)]"
    found = declared("x: Positive", source)[0].annotation

    assert (found.type, found.after, len(found.fields)) == (int, True, 1)
    assert type_of("list[Positive]", source) == UNKNOWN


@pytest.mark.parametrize(("last", "is_known"), [(18, True), (19, False)])
def test_names_of_types_are_followed_so_far(last, is_known):
    source = "\n".join(["A0 = int", *(f"A{number} = A{number - 1}" for number in range(1, last + 1))])

    assert (type_of(f"list[A{last}]", source) != UNKNOWN) is is_known


def test_types_that_are_written_alike_are_read_once():
    first, second, other = declared("x: dict[str, int | None]\n    y: dict[str, int | None]\n    z: dict[str, int]")

    assert first.annotation is second.annotation
    assert first.annotation is not other.annotation


@pytest.mark.parametrize(
    ("base", "body", "value"),
    [
        ("Enum", "A = 'a'", "a"),
        ("StrEnum", "A = 'a'", "a"),
        ("StrEnum", "A = auto()", "a"),
        ("IntEnum", "A = 1", 1),
        ("IntEnum", "A = auto()", 1),
        ("Enum", "A = auto()", 1),
        ("Enum", "A = auto(1)", None),
        ("str, Enum", "A = 'a'", "a"),
        ("int, Enum", "A = 1", 1),
        ("float, Enum", "A = 1.5", 1.5),
        ("bytes, Enum", "A = b'a'", None),
        ("str, StrEnum", "A = 'a'", None),
        ("Enum, str", "A = 'a'", None),
        ("str, int, Enum", "A = 'a'", None),
        ("other", "A = 'a'", None),
        ("other()", "A = 'a'", None),
        ("str", "A = 'a'", None),
        ("Enum, boundary=name", "A = 'a'", None),
        ("Enum", "'''Words.'''\n    pass\n    A = 'a'", "a"),
        ("Enum", "A = 'a'\n    B = 'b'", "a"),
        ("Enum", "A = 'a'\n    B_ = 'b'", "a"),
        ("Enum", "A = 'a'\n    _ignore_ = 'b'", None),
        ("Enum", "A = 'a'\n    _b = 'b'", None),
        ("Enum", "A = 'a'\n    B = name()", None),
        ("Enum", "A = 'a'\n    A = 'b'", None),
        ("Enum", "A = 'a'\n    def label(self): ...", "a"),
        ("Enum", "A = 'a'\n    def label_(self): ...\n    B = 'b'", "a"),
        ("Enum", "A = 'a'\n    def _missing_(cls, value): ...", None),
        ("Enum", "A = 'a'\n    def _missing(cls, value): ...", None),
        ("Enum", "A = 'a'\n    B, C = 'b', 'c'", None),
        ("Enum", "A = 'a'\n    print(A)", None),
        ("StrEnum", "A = 1", None),
    ],
)
def test_an_enumeration_is_known_if_all_it_does_is_list_its_members(base, body, value):
    found = declared("x: E = E.A", f"class E({base}):\n    {body}\n")[0]

    if value is None:
        assert isinstance(found.default, Unknown)
        assert found.annotation.why
    else:
        assert found.default.value == value
        assert found.annotation.type is type(found.default)
        assert issubclass(found.annotation.type, str) is (base in ("StrEnum", "str, Enum"))


@pytest.mark.parametrize("decorator", ["unique", "name(1)"])
def test_a_decorated_enumeration_may_be_anything(decorator):
    assert default("x: E = E.A", f"@{decorator}\nclass E(Enum):\n    A = 'a'\n") == UNKNOWN


@pytest.mark.parametrize(
    ("body", "expected"),
    [("A = 'a'\n    B = A", UNKNOWN), ("A = PORT", 1), ("A = E.A", UNKNOWN), ("A = Mode.FAST", "fast")],
)
def test_members_may_name_constants_but_not_each_other(body, expected):
    assert default("x: Any = E.A.value", f"class E(Enum):\n    {body}\n") == expected
