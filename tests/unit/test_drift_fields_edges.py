"""What a field declares, to the last detail: its variables, its default, its type, and enumerations of the file."""

from __future__ import annotations

from collections import deque
from typing import Any, Literal, Optional, Union

import pytest

from functions.drift_check.core.declared import Required, declaration
from functions.drift_check.core.unknowns import CannotTell, Unknown

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
REQUIRED = Required.REQUIRED


def declared(line, before=""):
    return declaration(f"{HEAD}{before}\nclass Settings(BaseSettings):\n    {line}\n", wanted="Settings").fields


def default(line, before=""):
    found = declared(line, before)[-1].default
    return UNKNOWN if isinstance(found, Unknown) else found


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("1", 1),
        ("...", REQUIRED),
        ("Field()", REQUIRED),
        ("Field(...)", REQUIRED),
        ("Field(1)", 1),
        ("Field(None)", None),
        ("Field(default=1)", 1),
        ("Field(1, 2)", UNKNOWN),
        ("Field(*given)", UNKNOWN),
        ("Field(**given)", UNKNOWN),
        ("Field(1, **given)", UNKNOWN),
        ("other(1)", UNKNOWN),
        ("Field(default_factory=int)", 0),
        ("Field(default_factory=list)", []),
        ("Field(default_factory=timedelta)", UNKNOWN),
        ("Field(default_factory=uuid4)", UNKNOWN),
        ("Field(default_factory=Mode)", UNKNOWN),
        ("Field(default_factory=name())", UNKNOWN),
        ("Field(default_factory=lambda: 3)", 3),
        ("Field(default_factory=lambda: uuid4())", UNKNOWN),
        ("Field(default_factory=lambda a: 3)", UNKNOWN),
        ("Field(default_factory=lambda a, /: 3)", UNKNOWN),
        ("Field(default_factory=lambda *, a: 3)", UNKNOWN),
        ("Field(default_factory=lambda *a: 3)", UNKNOWN),
        ("Field(default_factory=lambda **a: 3)", UNKNOWN),
        ("Mode.FAST.value", "fast"),
        ("Mode.FAST.name", "FAST"),
        ("Mode.FAST.other", UNKNOWN),
        ("Mode.SLOW", UNKNOWN),
        ("Mode.SLOW.value", UNKNOWN),
        ("Mode.value", UNKNOWN),
        ("name.FAST", UNKNOWN),
        ("name.FAST.value", UNKNOWN),
        ("name().value", UNKNOWN),
    ],
)
def test_a_default_is_what_is_written_or_unknown(given, expected):
    assert default(f"x: Any = {given}") == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("import PORT", UNKNOWN),
        ("import PORT.a", UNKNOWN),
        ("import a.PORT", 1),
        ("import a as PORT", UNKNOWN),
        ("import PORT as a", 1),
        ("from a import PORT", UNKNOWN),
        ("def PORT(self): ...", UNKNOWN),
        ("class PORT: ...", UNKNOWN),
        ("for PORT in name: ...", UNKNOWN),
        ("with name as PORT: ...", UNKNOWN),
        ("global PORT", UNKNOWN),
        ("PORT = 2", UNKNOWN),
        ("PORT: ClassVar[int] = 2", UNKNOWN),
        ("if name: PORT = 2", UNKNOWN),
        ("def f(self):\n        PORT = 2", 1),
        ("pass", 1),
    ],
)
def test_what_a_class_binds_itself_hides_what_the_module_binds(line, expected):
    assert default(f"{line}\n    x: int = PORT") == expected


def test_a_factory_that_the_class_binds_itself_is_no_builtin():
    assert default("def list(): ...\n    x: Any = Field(default_factory=list)") == UNKNOWN


@pytest.mark.parametrize("base", ["class Base(BaseSettings):\n    PORT: int = 2\n", "class Base: PORT = 2\n"])
def test_what_a_base_binds_hides_nothing_of_a_class(base):
    source = f"{HEAD}{base}class Settings(Base, BaseSettings):\n    x: int = PORT\n"

    assert declaration(source).fields[-1].default == 1


@pytest.mark.parametrize(
    ("given", "keys", "why"),
    [
        ("Field(1)", ["P_x"], ""),
        ("Field(1, alias=None)", ["P_x"], ""),
        ("Field(1, alias='A')", ["A"], ""),
        ("Field(1, alias='A', validation_alias='B')", ["B"], ""),
        ("Field(1, alias=name())", [], "made when the code runs"),
        ("Field(1, **name)", ["P_x"], "unpacks another value"),
        ("Field(1, alias=AliasChoices('A', 'B'))", ["A", "B"], ""),
        ("Field(1, alias=AliasChoices('A', name()))", ["A"], "made when the code runs"),
        ("Field(1, alias=AliasPath('A'))", ["A"], ""),
        ("Field(1, alias=AliasPath('A', 0))", ["A"], "a path into the value"),
        ("Field(1, alias=AliasPath())", [], "made when the code runs"),
        ("Field(1, alias=AliasPath(name(), 0))", [], "made when the code runs"),
        ("Field(1, alias=AliasChoices('A', AliasPath('B', 0)))", ["A", "B"], "a path into the value"),
        ("Field(1, alias=AliasChoices(AliasPath('A', 0), name()))", ["A"], "made when the code runs"),
        ("Field(1, alias=AliasChoices(name(), AliasPath('B', 0)))", ["B"], "made when the code runs"),
        ("Field(1, alias=other('A'))", [], "made when the code runs"),
    ],
)
def test_an_alias_names_the_variables(given, keys, why):
    (found,) = declared(f"model_config = SettingsConfigDict(env_prefix='P_')\n    x: int = {given}")

    assert list(found.keys) == keys
    assert why in found.indirect
    assert bool(found.indirect) is bool(why)
    assert found.may_read_any_key is (why in ("made when the code runs", "unpacks another value"))


@pytest.mark.parametrize(
    ("config", "keys"),
    [
        ("", [["x"], ["A"]]),
        ("env_prefix='P_'", [["P_x"], ["A"]]),
        ("env_prefix='P_', env_prefix_target='variable'", [["P_x"], ["A"]]),
        ("env_prefix='P_', env_prefix_target='alias'", [["x"], ["P_A"]]),
        ("env_prefix='P_', env_prefix_target='all'", [["P_x"], ["P_A"]]),
        ("validate_by_alias=False", [["x"], ["y"]]),
        ("validate_by_name=True", [["x"], ["A", "y"]]),
        ("populate_by_name=True", [["x"], ["A", "y"]]),
        ("alias_generator=None", [["x"], ["A"]]),
    ],
)
@pytest.mark.parametrize(
    "written",
    [
        "model_config = SettingsConfigDict({})",
        "model_config = ConfigDict({})",
        "model_config = dict({})",
        "model_config: Any = SettingsConfigDict({})",
    ],
)
def test_the_configuration_says_how_variables_are_named(config, keys, written):
    found = declared(f"{written.replace('{}', config)}\n    x: int = 1\n    y: int = Field(1, alias='A')")

    assert [list(each.keys) for each in found] == keys


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ("{'env_prefix': 'P_'}", None),
        ("{**name}", "model_config is made when the code runs"),
        ("{name: 'P_'}", "model_config is made when the code runs"),
        ("name", "model_config is made when the code runs"),
        ("other(env_prefix='P_')", "model_config is made when the code runs"),
        ("SettingsConfigDict(name)", "model_config is made when the code runs"),
        ("SettingsConfigDict(**name)", "model_config is made when the code runs"),
        ("SettingsConfigDict(env_prefix=name)", "^env_prefix of the class is made when the code runs"),
        ("SettingsConfigDict(env_prefix=1)", "^env_prefix of the class is not a text"),
        ("SettingsConfigDict(env_nested_delimiter=1)", "^env_nested_delimiter of the class is not a text"),
        ("SettingsConfigDict(case_sensitive='a')", "^case_sensitive of the class is not a truth value"),
        ("SettingsConfigDict(case_sensitive=None)", None),
        ("SettingsConfigDict(alias_generator=name)", "makes its aliases by a function"),
        ("SettingsConfigDict(title=name)", None),
    ],
)
def test_a_configuration_that_cannot_be_read_is_said(config, said):
    if said is None:
        assert declared(f"model_config = {config}\n    x: int = 1")
    else:
        with pytest.raises(CannotTell, match=said):
            declared(f"model_config = {config}\n    x: int = 1")


@pytest.mark.parametrize(
    ("line", "is_field"),
    [
        ("x: int", True),
        ("x: 'int'", True),
        ("x: ClassVar", False),
        ("x: ClassVar[int]", False),
        ("x: typing.ClassVar[int]", False),
        ("x: 'ClassVar[int]'", False),
        ("x: 'typing.ClassVar[int]'", False),
        ("x: 'MyClassVar'", True),
        ("x: 'list[ClassVar]'", True),
        ("x: list[ClassVar]", True),
        ("_x: int", False),
        ("x_: int", True),
        ("x.y: int = 1", False),
        ("model_config: int", False),
    ],
)
def test_not_every_annotation_is_a_field(line, is_field):
    assert bool(declared(line)) is is_field


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
