"""What a name of a settings file means, and when it means nothing that is known."""

from __future__ import annotations

import ast

import pytest

from functions.drift_check.core.names import Names
from functions.drift_check.core.unknowns import Unknown


def names(source):
    return Names.of(ast.parse(source))


def expression(text):
    return ast.parse(text, mode="eval").body


@pytest.mark.parametrize(
    ("source", "text", "meaning"),
    [
        ("", "int", "int"),
        ("", "List", None),
        ("", "f()", None),
        ("", "int.real", None),
        ("", "f().real", None),
        ("import typing", "typing.List", "List"),
        ("import typing as t", "t.List", "List"),
        ("import a.b", "a.b.c", "a.b.c"),
        ("import a.b", "b.c", None),
        ("import a.b as c", "c.d", "a.b.d"),
        ("import a.b as c", "a.b.d", None),
        ("import a as int", "int", "a"),
        ("import a", "a.b.c.d", "a.b.c.d"),
        ("from a import b", "b", "a.b"),
        ("from a import b as c", "c", "a.b"),
        ("from a import b as c", "b", None),
        ("from . import b", "b", "..b"),
        ("from .typing import List", "List", ".typing.List"),
        ("from typing import List as L", "L", "List"),
        ("from typing import *", "List", "List"),
        ("from typing import *", "int", "int"),
        ("from a import *", "int", None),
        ("from .typing import *", "List", None),
        ("from a import *\nfrom typing import *", "List", None),
        ("from a import *\nfrom typing import *", "int", None),
        ("from pydantic import Field\nfrom pydantic.fields import Field", "Field", "Field"),
        ("from a import b\nfrom c import b", "b", None),
        ("import a\na = 1", "a.b", None),
        ("import a\nfor a in x: ...", "a.b", None),
        ("import a\ndef f():\n    a = 1", "a.b", "a.b"),
    ],
)
def test_a_name_means_what_it_is_imported_as(source, text, meaning):
    assert names(source).meaning(expression(text)) == meaning


@pytest.mark.parametrize(
    "module",
    [
        *("annotated_types", "builtins", "collections", "datetime", "decimal", "enum", "ipaddress", "pathlib"),
        *("pydantic", "pydantic_settings", "types", "typing", "typing_extensions", "uuid"),
    ],
)
def test_of_a_familiar_module_only_the_last_part_of_a_name_counts(module):
    source = f"import {module}.part\nfrom {module} import Thing"

    assert [names(source).meaning(expression(text)) for text in ("Thing", f"{module}.part.Other")] == ["Thing", "Other"]
    assert names(f"from {module}s import Thing").meaning(expression("Thing")) == f"{module}s.Thing"


@pytest.mark.parametrize(
    ("source", "is_bound"),
    [
        ("int = 1", True),
        ("int: str = 1", True),
        ("int: str", True),
        ("x: int", False),
        ("int, b = 1, 2", True),
        ("a = int = 1", True),
        ("a.int = 1", False),
        ("int += 1", True),
        ("(int := 1)", True),
        ("print(int)", False),
        ("del int", True),
        ("global int", True),
        ("import a.int", False),
        ("class int: ...", True),
        ("class A:\n    int = 1", False),
        ("def int(): ...", True),
        ("async def int(): ...", True),
        ("def f():\n    int = 1", False),
        ("for int in x: ...", True),
        ("for a in x:\n    int = 1", True),
        ("for a in x: ...\nelse:\n    int = 1", True),
        ("while x:\n    int = 1", True),
        ("with x as int: ...", True),
        ("with x as y:\n    int = 1", True),
        ("if x:\n    int = 1", True),
        ("if x: ...\nelif y: ...\nelse:\n    int = 1", True),
        ("if x:\n    if y:\n        int = 1", True),
        ("try:\n    int = 1\nexcept E: ...", True),
        ("try: ...\nexcept E:\n    int = 1", True),
        ("try: ...\nexcept E: ...\nelse:\n    int = 1", True),
        ("try: ...\nfinally:\n    int = 1", True),
        ("match x:\n    case 1:\n        int = 1", True),
        ("match x:\n    case 1:\n        if y:\n            int = 1", True),
    ],
)
def test_a_builtin_is_none_once_the_module_binds_its_name(source, is_bound):
    assert names(source).meaning(expression("int")) == (None if is_bound else "int")


@pytest.mark.parametrize(
    ("source", "is_constant", "is_class"),
    [
        ("a = 1", True, False),
        ("a: int = 1", True, False),
        ("a: int", False, False),
        ("a = 1\na = 1", False, False),
        ("a = 1\nimport a", False, False),
        ("a = 1\nclass a: ...", False, False),
        ("a = 1\ndel a", False, False),
        ("class a: ...", False, True),
        ("if x:\n    class a: ...", False, True),
        ("class a: ...\nclass a: ...", False, False),
        ("class a: ...\nimport a", False, False),
        ("class a: ...\ndef a(): ...", False, False),
        ("class b: ...", False, False),
    ],
)
def test_a_constant_and_a_class_are_bound_once(source, is_constant, is_class):
    def constant(found):
        try:
            return found.value("a") is not None
        except Unknown:
            return False

    assert constant(names(source)) is is_constant
    assert (names(source).own_class(expression("a")) is not None) is is_class
    assert names(source).own_class(expression("a.b")) is None
