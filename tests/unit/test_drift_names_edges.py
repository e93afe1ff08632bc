"""What a name of a settings file means, and which values can be read without running anything."""

from __future__ import annotations

import ast
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import PurePosixPath
from uuid import UUID

import pytest
from pydantic import SecretBytes, SecretStr

from functions.drift_check.core.literals import Literals
from functions.drift_check.core.names import Names
from functions.drift_check.core.unknowns import Unknown

UNKNOWN = "unknown"


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


IMPORTS = (
    "from datetime import *\nfrom decimal import *\nfrom pathlib import *\nfrom pydantic import *\nfrom uuid import *"
)


def value(text, source=IMPORTS, local=()):
    def member(_node):
        raise Unknown("there are no members here")

    literals = Literals(names(source), member)
    literals.local = frozenset(local)
    try:
        return literals.value(expression(text))
    except Unknown:
        return UNKNOWN


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("bool(1)", True),
        ("bytes([1, 2])", b"\x01\x02"),
        ("bytes('a', 'utf-8')", b"a"),
        ("bytes(3)", UNKNOWN),
        ("date(2030, 1, 2)", date(2030, 1, 2)),
        ("datetime(2030, 1, 2)", datetime(2030, 1, 2)),  # noqa: DTZ001 - as a file may write it
        ("datetime.now()", UNKNOWN),
        ("Decimal('1.5')", Decimal("1.5")),
        ("dict(a=1)", {"a": 1}),
        ("dict(**{})", UNKNOWN),
        ("float('1.5')", 1.5),
        ("frozenset([1])", frozenset({1})),
        ("int('5')", 5),
        ("int(2.5)", 2),
        ("int(Decimal('1'))", UNKNOWN),
        ("int('five')", UNKNOWN),
        ("list((1, 2))", [1, 2]),
        ("list(*[(1, 2)])", UNKNOWN),
        ("Path('/a')", PurePosixPath("/a")),
        ("PosixPath('/a')", PurePosixPath("/a")),
        ("PurePath('/a')", PurePosixPath("/a")),
        ("SecretBytes(b'a')", SecretBytes(b"a")),
        ("SecretStr('a')", SecretStr("a")),
        ("set([1])", {1}),
        ("str(1)", "1"),
        ("time(1, 2)", time(1, 2)),
        ("timedelta(days=1)", timedelta(days=1)),
        ("timedelta(days=1) * 2", timedelta(days=2)),
        ("timedelta(days=1) / 2", timedelta(hours=12)),
        ("tuple([1])", (1,)),
        ("UUID('00000000-0000-0000-0000-000000000001')", UUID(int=1)),
        ("print(1)", UNKNOWN),
        ("(lambda: 1)()", UNKNOWN),
        ("[1, 'a', None]", [1, "a", None]),
        ("(1, ...)", UNKNOWN),
        ("{1, 2}", {1, 2}),
        ("{'a': [1]}", {"a": [1]}),
        ("{**{}}", UNKNOWN),
        ("{[]: 1}", UNKNOWN),
        ("{'a': 1} | {'b': 2}", {"a": 1, "b": 2}),
        ("6 & 3", 2),
        ("6 ^ 3", 5),
        ("6 >> 1", 3),
        ("f''", ""),
        ("f'a'", "a"),
        ("f'{1}'", UNKNOWN),
        ("1 < 2", UNKNOWN),
        ("a.b", UNKNOWN),
        ("nothing", UNKNOWN),
        ("+5", 5),
        ("~5", -6),
        ("not 0", True),
        ("-'a'", UNKNOWN),
        ("2 * 'ab'", "abab"),
        ("'ab' * -1", ""),
        ("(1, 2) * 2", (1, 2, 1, 2)),
        ("b'a' * 2", b"aa"),
        ("[1] * 2", [1, 1]),
        ("[[0]] * 2", UNKNOWN),
        ("[[0], 1] * 2", UNKNOWN),
        ("'a' * 'b'", UNKNOWN),
        ("'a' * 1.5", UNKNOWN),
        ("b'%d' % 1", UNKNOWN),
        ("Decimal(7) % 4", Decimal(3)),
        ("Decimal(7) ** 4", UNKNOWN),
        ("2 ** -1", 0.5),
        ("2 ** 0", 1),
        ("0.5 ** 4", 0.0625),
        ("0.5 ** 5", UNKNOWN),
        ("1 ** 256", 1),
        ("1 ** 257", UNKNOWN),
        ("1 ** -257", UNKNOWN),
        ("(1 << 255) ** 0", 1),
        ("1 << 0", 1),
        ("0 << 256", 0),
        ("0 << 257", UNKNOWN),
        ("1 << 1.0", UNKNOWN),
        ("(1 << 191) * 1.5", float(3 << 190)),
        ("(1 << 192) * 1.5", UNKNOWN),
    ],
)
def test_what_is_written_out_has_a_value(text, expected):
    found = value(text)

    assert (type(found), found) == (type(expected), expected)


LONGEST = "('a' * 65_536)"


@pytest.mark.parametrize(
    ("text", "is_known"),
    [
        (LONGEST, True),
        ("'a' * 65_537", False),
        ("65_537 * 'a'", False),
        ("[0] * 65_537", False),
        ("'a' * 65_535 + 'b'", True),
        (f"{LONGEST} + 'b'", False),
        (f"[{LONGEST}, {LONGEST}] + [1]", True),
        ("-" * 61 + "1", True),
        ("-" * 62 + "1", False),
        (f"[{', '.join([LONGEST] * 7)}]", True),
        (f"[{', '.join([LONGEST] * 8)}]", False),
    ],
    ids=str,
)
def test_a_value_has_a_bounded_size(text, is_known):
    assert (value(text) != UNKNOWN) is is_known


def test_a_file_has_a_bounded_number_of_values():
    source = f"a = [{'0,' * 5_000}]"

    assert value(f"[{'a,' * 99}]", source) != UNKNOWN
    assert value(f"[{'a,' * 101}]", source) == UNKNOWN


@pytest.mark.parametrize(
    ("text", "local", "expected"),
    [("a", (), 1), ("a", ("a",), UNKNOWN), ("a", ("b",), 1), ("int('1')", ("int",), UNKNOWN), ("int('1')", ("a",), 1)],
)
def test_a_name_that_the_class_binds_is_not_followed(text, local, expected):
    assert value(text, "a = 1", local) == expected
