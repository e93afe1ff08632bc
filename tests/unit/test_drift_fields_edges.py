"""What a field declares, to the last detail: its variables, its default, its type, and enumerations of the file."""

from __future__ import annotations

import pytest

from functions.drift_check.core.declared import LONGEST_SOURCE, Required, declaration
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
        ("Mode.FAST.upper", UNKNOWN),
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
    "factory", [bool, bytes, dict, float, frozenset, int, list, set, str, tuple], ids=lambda factory: factory.__name__
)
def test_a_factory_that_is_a_type_gives_its_empty_value(factory):
    found = default(f"x: Any = Field(default_factory={factory.__name__})")

    assert (type(found), found) == (factory, factory())


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


@pytest.mark.parametrize(
    ("given", "is_known"),
    [
        ("gt=0", True),
        ("strict=True", False),
        ("strict=False", False),
        ("discriminator='a'", False),
        ("**other", False),
        ("*other", False),
    ],
)
def test_a_field_may_change_how_its_type_is_parsed(given, is_known):
    (found,) = declared(f"x: int = Field({given})")

    assert (found.annotation.type, bool(found.annotation.why)) == ((int, False) if is_known else (None, True))


def test_settings_are_read_to_a_length_and_a_depth():
    source = f"class Settings(BaseSettings):\n    x: a{'.a' * 1_200} = 1\n"
    with pytest.raises(CannotTell, match="nested too deeply"):
        declaration(f"import a\n{source}")

    source = "class Settings(BaseSettings):\n    x: int = 1\n"
    assert declaration(source + "#" * (LONGEST_SOURCE - len(source))).fields
    with pytest.raises(CannotTell, match="longer than"):
        declaration(source + "#" * (LONGEST_SOURCE - len(source) + 1))
