"""Which class of a file is meant, what it inherits, and what its validators and exceptions come to."""

from __future__ import annotations

from datetime import date

import pytest
from pydantic import ValidationError

from functions.drift_check.core.acceptances import Acceptance
from functions.drift_check.core.declared import declaration
from functions.drift_check.core.unknowns import CannotTell

HEAD = """
from abc import ABC
from typing import *
from pydantic import *
from pydantic_settings import *
from elsewhere import Common, CommonSettings, Other
"""


def read(source, wanted=None):
    return declaration(HEAD + source, wanted=wanted)


@pytest.mark.parametrize(
    ("bases", "elsewhere"),
    [
        ("BaseSettings", []),
        ("BaseModel", []),
        ("BaseSettings, object", []),
        ("BaseSettings, abc.ABC", ["abc.ABC"]),
        ("BaseSettings, Generic[T]", []),
        ("Common", ["Common"]),
        ("Common[int]", ["Common[int]"]),
        ("BaseSettings, f()", ["f()"]),
        ("Own", []),
        ("Own[int]", []),
        ("Other, Own", ["Other"]),
        ("Deep", ["Other"]),
    ],
)
def test_a_base_of_another_file_may_read_any_key(bases, elsewhere):
    source = f"class Own(BaseModel): ...\nclass Deep(Other): ...\nclass Settings({bases}):\n    x: int = 1\n"

    assert read(source, "Settings").elsewhere == elsewhere


@pytest.mark.parametrize("base", ["ABC", "object", "Generic[T]"])
def test_what_python_itself_gives_reads_no_key(base):
    head = "from typing import ABC, Generic\n"

    assert declaration(f"{head}class Settings({base}):\n    x: int = 1", wanted="Settings").elsewhere == []


@pytest.mark.parametrize(
    ("source", "path"),
    [
        ("class A(BaseSettings): ...", "A"),
        ("class A(pydantic_settings.BaseSettings): ...", "A"),
        ("class A(CommonSettings): ...", "A"),
        ("class A(elsewhere.CommonSettings): ...", "A"),
        ("class A(Common): ...", None),
        ("class ASettings(Common): ...", "ASettings"),
        ("class SettingsA(Common): ...", None),
        ("class ASettings(BaseModel): ...", "ASettings"),
        ("class ASettings(BaseModel, Generic[T]): ...", "ASettings"),
        ("class ASettings(object): ...", None),
        ("class ASettings: ...", None),
        ("class A(BaseModel): ...", None),
        ("class A(BaseSettings): ...\nclass B(BaseModel): ...", "A"),
        ("class A(BaseSettings): ...\nclass B(A): ...", "B"),
        ("class A(BaseSettings): ...\nclass B(A): ...\nclass C(B): ...", "C"),
        ("class A(BaseSettings): ...\nclass B(A): ...\nclass C(A): ...", None),
        ("class A:\n    class B(BaseSettings): ...", "A.B"),
        ("class A:\n    class B:\n        class C(BaseSettings): ...", "A.B.C"),
        ("class A:\n    class B(BaseSettings): ...\n    class C(BaseSettings): ...", None),
        ("class A:\n    class B(BaseSettings): ...\nclass C(BaseSettings): ...", "C"),
        ("if x:\n    class A(BaseSettings): ...", "A"),
    ],
)
def test_the_class_that_is_meant_is_the_only_one_that_can_be(source, path):
    if path is None:
        with pytest.raises(CannotTell, match=r"No class of the file|more than one class of settings"):
            read(source)
    else:
        assert read(source).path == path


@pytest.mark.parametrize(
    ("source", "wanted", "line"),
    [
        ("class A: ...", "A", 1),
        ("class A: ...\nclass B: ...", "B", 2),
        ("class A:\n    class B: ...", "A.B", 2),
        ("class A:\n    class B: ...", "B", 2),
        ("class A:\n    class B: ...\nclass B: ...", "B", 3),
        ("class A:\n    class B: ...\nclass B: ...", "A.B", 2),
    ],
)
def test_a_class_is_found_by_its_path_or_its_name(source, wanted, line):
    found = declaration(source, wanted=wanted)

    assert found.line == line


def test_at_most_ten_classes_are_listed():
    source = "\n".join(f"class C{number}: ..." for number in range(11))

    with pytest.raises(CannotTell, match=r"it has C0 \(line 1\), .*, C9 \(line 10\)\.$"):
        declaration(source, wanted="Nope")
    with pytest.raises(CannotTell, match=r"it has none\.$"):
        declaration("", wanted="Nope")


@pytest.mark.parametrize(
    ("bases", "defaults"),
    [
        ("A, B", {"x": "a", "y": "b", "z": "a"}),
        ("B, A", {"x": "b", "y": "b", "z": "a"}),
        ("B", {"x": "b", "y": "b"}),
    ],
)
def test_fields_are_inherited_as_python_would(bases, defaults):
    source = "class A(BaseSettings):\n    x: str = 'a'\n    z: str = 'a'\n"
    source += "class B(BaseSettings):\n    x: str = 'b'\n    y: str = 'b'\n"
    found = read(f"{source}class Settings({bases}): ...", "Settings")

    assert {each.name: each.default for each in found.fields} == defaults


@pytest.mark.parametrize(
    ("head", "body", "prefix"),
    [
        ("", "", ""),
        ("", "class Config:\n        env_prefix = 'P_'", "P_"),
        ("", "class Config:\n        pass\n        a.b = 1\n        env_prefix = 'P_'", "P_"),
        ("", "class Other:\n        env_prefix = 'P_'", ""),
        (", env_prefix='P_'", "", "P_"),
        (", **other", "", ""),
        (", env_prefix='P_'", "model_config = SettingsConfigDict(env_prefix='Q_')", "P_"),
        ("", "other = SettingsConfigDict(env_prefix='Q_')", ""),
        ("", "model_config: dict", ""),
    ],
)
def test_a_prefix_may_stand_in_three_places(head, body, prefix):
    (found,) = read(f"class Settings(BaseSettings{head}):\n    x: int = 1\n    {body}\n").fields

    assert list(found.keys) == [f"{prefix}x"]


@pytest.mark.parametrize(
    ("decorator", "before", "after"),
    [
        ("field_validator('x', 'y')", "", "xy"),
        ("field_validator('y', mode='before')", "y", ""),
        ("field_validator(name)", "", "xy"),
        ("field_validator()", "", "xy"),
        ("field_validator", "", ""),
        ("validator('y', pre=True)", "y", ""),
        ("validator('y', pre=False)", "y", ""),
        ("functools.wraps('x')", "", ""),
    ],
)
def test_a_validator_is_for_the_fields_it_names(decorator, before, after):
    source = (
        f"class Settings(BaseSettings):\n    x: int = 1\n    y: int = 1\n    @{decorator}\n    def f(cls, v): ...\n"
    )
    found = read(source).validators

    assert "".join(name for name in "xy" if found.changes_text(name)) == before
    assert "".join(name for name in "xy" if found.changes_value(name)) == after


@pytest.mark.parametrize("name", ["field", "owner", "reason", "value"])
def test_an_exception_has_bounded_texts(name):
    longest = {"field": 256, "owner": 128, "reason": 1024, "value": 4096}
    whole = {part: "a" * length for part, length in longest.items()}

    assert Acceptance(expires=date(2030, 1, 1), **whole)
    with pytest.raises(ValidationError):
        Acceptance(expires=date(2030, 1, 1), **{**whole, name: whole[name] + "a"})
    if name != "value":
        with pytest.raises(ValidationError):
            Acceptance(expires=date(2030, 1, 1), **{**whole, name: ""})
