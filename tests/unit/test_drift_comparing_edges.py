"""What is said of each field and key: which keys set it, what is shown, and what is never shown."""

from __future__ import annotations

from datetime import timedelta

import pytest

from functions.drift_check.core.acceptances import Acceptance, Acceptances
from functions.drift_check.core.comparing import Terms, compare
from functions.drift_check.core.declared import declaration
from functions.drift_check.core.printing import shown
from functions.drift_check.core.unknowns import CannotTell
from shared.testing.clocks import NOON

HEAD = "from typing import *\nfrom pydantic import *\nfrom pydantic_settings import *\nfrom elsewhere import Common\n"
TODAY = NOON.date()
SALT = b"salt"
TOKEN = "ghp_" + "a1B2c3D4e5" * 3 + "F6g7H8"


def compared(body, data, *, base="BaseSettings", config="", accepted=(), only=()):
    source = f"{HEAD}class Settings({base}):\n    model_config = SettingsConfigDict({config})\n    {body}\n"
    terms = Terms(only=only, accepted=Acceptances(accepted, TODAY), salt=SALT)
    return {each.name: each for each in compare(declaration(source), data, terms)}


def statuses(*given, **options):
    return {name: str(each.status) for name, each in compared(*given, **options).items()}


def only_one(*given, **options):
    (found,) = compared(*given, **options).values()
    return found


PARTS = "a: dict[str, str] = {}\n    a__b: dict[str, str] = {}\n    c: int = 1"


@pytest.mark.parametrize(
    ("delimiter", "data", "expected"),
    [
        ("__", {}, {}),
        ("__", {"A__X": "1"}, {"a": "uncomparable"}),
        ("__", {"a__x": "1"}, {"a": "uncomparable"}),
        ("__", {"A__B": "{}"}, {}),
        ("__", {"A__B__X": "1"}, {"a": "uncomparable"}),
        ("__", {"A__": "1"}, {"a": "uncomparable"}),
        ("__", {"A_X": "1"}, {"A_X": "orphan"}),
        ("__", {"__A": "1"}, {"__A": "orphan"}),
        ("__", {"D__A": "1"}, {"D__A": "orphan"}),
        ("__", {"D__A__X": "1"}, {"D__A__X": "orphan"}),
        ("__", {"A__X": "1", "A__Y": "1", "C__X": "1"}, {"a": "uncomparable", "c": "uncomparable"}),
        ("X", {"AxB": "1", "CXB": "1"}, {"a": "uncomparable", "c": "uncomparable"}),
        ("", {"A__X": "1"}, {"A__X": "orphan"}),
    ],
)
def test_a_key_may_set_a_part_of_a_field(delimiter, data, expected):
    found = statuses(PARTS, data, config=f"env_nested_delimiter={delimiter!r}")

    assert {name: status for name, status in found.items() if status != "ok"} == expected


@pytest.mark.parametrize(
    ("delimiter", "key", "field"),
    [
        ("__", "A_B__X", "a_b"),
        ("__", "A_B__X__Y", "a_b"),
        ("__", "C__D__X", "c__d"),
        ("_", "A_B_X", "a_b"),
        ("_", "C__D_X", "c__d"),
        ("_", "E__X", "e_"),
    ],
)
def test_the_field_of_a_part_may_end_before_any_delimiter(delimiter, key, field):
    body = "\n    ".join(f"{name}: dict[str, str] = {{}}" for name in ("a_b", "c__d", "e_"))

    found = statuses(body, {key: "1"}, config=f"env_nested_delimiter={delimiter!r}")
    assert found == {"a_b": "ok", "c__d": "ok", "e_": "ok", field: "uncomparable"}


def test_a_part_says_why_it_cannot_be_compared_and_shows_the_default():
    found = compared("a: dict[str, str] = {}", {"A__X": "1"}, config="env_nested_delimiter='__'")["a"]

    assert (found.configured, found.default, found.note) == (None, "{}", "keys set parts of it")


@pytest.mark.parametrize(
    ("body", "data", "status", "configured", "default", "note"),
    [
        ("x: int = 1", {}, "ok", None, None, "the key is absent, so the default applies"),
        ("x: int = 1", {"X": "1"}, "ok", None, None, None),
        ("x: str = 'a'", {"X": "a"}, "ok", None, None, None),
        ("x: int", {"X": "1"}, "ok", None, None, "required, and set"),
        ("x: int", {"X": "one"}, "drift", "one", None, "the application would refuse this value"),
        ("x: int", {}, "missing", None, None, "required, and nothing sets it here; it would be X"),
        ("x: int = 1", {"X": "2"}, "drift", "2", "1", None),
        ("x: int = 1", {"X": ""}, "drift", "", "1", "the application would refuse this value"),
        ("x: int = f()", {"X": "2"}, "uncomparable", "2", None, "of the default, it is what a call returns"),
        ("x: Nope = 1", {"X": "2"}, "uncomparable", "2", "1", "its type Nope is not known here"),
        ("x: Nope = 'a'", {"X": "a"}, "ok", None, None, None),
        ("x: Nope", {"X": "a"}, "uncomparable", "a", None, "its type Nope is not known here"),
        ("x: dict[str] = 1", {"X": "2"}, "uncomparable", "2", "1", "its type is not known here"),
        ("x: int = 1", {"X": "1", "x": "1"}, "uncomparable", "1", "1", "two keys differ in case only"),
        ("x: int = Field(1, alias=AliasPath('A', 0))", {"A": "[1]"}, "uncomparable", "[1]", "1", "path into the value"),
        ("x: int = Field(1, alias=AliasPath('A', 0))", {}, "ok", None, None, "the key is absent"),
        ("x: int = Field(1, alias=f())", {}, "uncomparable", None, "1", "its alias is made when the code runs"),
        ("x: int = Field(alias='A')", {}, "missing", None, None, "it would be A"),
        ("x: Annotated[int, BeforeValidator(f)] = 1", {"X": "1"}, "uncomparable", "1", "1", "reads the text first"),
        ("x: Annotated[int, AfterValidator(f)] = 1", {"X": "1"}, "ok", None, None, None),
        ("x: Annotated[int, AfterValidator(f)] = 1", {"X": "2"}, "uncomparable", "2", "1", "may change it back"),
        ("x: Annotated[int, AfterValidator(f)]", {"X": "2"}, "ok", None, None, "required, and set"),
        ("x: int = True", {"X": "1"}, "ok", None, None, None),
        ("x: int = 'a'", {"X": "1"}, "drift", "1", "a", None),
        ("x: str = 1", {"X": "1"}, "drift", "1", "1", None),
        ("x: object = 1", {"X": "1"}, "drift", "1", "1", None),
        ("x: float = float('nan')", {"X": "nan"}, "ok", None, None, None),
        ("x: float = float('nan')", {"X": "1"}, "drift", "1", "NaN", None),
        ("x: float = 1", {"X": "nan"}, "drift", "nan", "1", None),
        ("x: list[float] = [float('nan')]", {"X": "[1]"}, "drift", "[1]", "[NaN]", None),
        ("x: list[str] = '[]'", {"X": "[]"}, "drift", "[]", "[]", None),
        ("x: list[str] = []", {"X": "[" * 100_000}, "drift", "[" * 200 + "…", "[]", "would refuse this value"),
        ("x: list[str] | int = 3", {"X": "3"}, "ok", None, None, None),
        ("x: list[str] | int = 3", {"X": "three"}, "drift", "three", "3", "would refuse this value"),
        ("x: list[str] | str = 'a'", {"X": "a"}, "ok", None, None, None),
        ("x: list[str] | str = 'a'", {"X": "b"}, "drift", "b", "a", None),
        ("x: Annotated[list[str], NoDecode] = []", {"X": "[]"}, "drift", "[]", "[]", "would refuse this value"),
        ("x: bytes = b'a'", {"X": "b"}, "drift", "b", "a", None),
        ("x: Literal[['a']] = 1", {"X": "b"}, "uncomparable", "b", "1", ""),
    ],
    ids=lambda value: str(value)[:60],
)
def test_a_field_says_what_is_known_of_it(body, data, status, configured, default, note):
    found = only_one(body, data)

    assert (str(found.status), found.configured, found.default) == (status, configured, default)
    assert (found.note is None) if note is None else (note in found.note)
    assert (found.name, found.line) == ("x", 7)


def test_only_a_key_that_is_there_twice_is_doubtful():
    found = compared("x: int = 1\n    y: int = 1", {"X": "1", "x": "1", "Y": "1"})

    assert {name: str(each.status) for name, each in found.items()} == {"x": "uncomparable", "y": "ok"}


@pytest.mark.parametrize(
    ("data", "status"),
    [
        ({"A": "{}", "B": "{}"}, "ok"),
        ({"A": "{}", "a": "{}"}, "uncomparable"),
        ({"B": "{}", "b": "{}"}, "uncomparable"),
        ({"A__X": "1"}, "uncomparable"),
        ({"B__X": "1"}, "uncomparable"),
    ],
)
def test_each_name_of_a_field_may_make_it_doubtful(data, status):
    body = "x: dict[str, str] = Field({}, alias=AliasChoices('A', 'B'))"

    assert statuses(body, data, config="env_nested_delimiter='__'") == {"x": status}


def test_two_keys_of_one_spelling_are_two_where_case_counts():
    assert statuses("x: int = 1", {"x": "1", "X": "1"}, config="case_sensitive=True") == {"x": "ok", "X": "orphan"}


@pytest.mark.parametrize(
    ("body", "data", "options", "status", "configured", "note"),
    [
        ("x: int = 1", {"Y": "2"}, {}, "orphan", "2", "no field reads this key"),
        ("x: int = 1", {"Y": ""}, {}, "orphan", "", "no field reads this key"),
        ("x: int = 1", {"Y": ""}, {"config": "env_ignore_empty=True"}, "orphan", "", "no field reads this key"),
        ("x: int = 1", {"Y": "2"}, {"base": "Common"}, "uncomparable", "2", "Common of another file may"),
        ("x: int = Field(1, alias=f())", {"Y": "2"}, {}, "uncomparable", "2", "whose alias is not known may read"),
        ("x: int = Field(1, **f())", {"Y": "2"}, {}, "uncomparable", "2", "whose alias is not known may read"),
    ],
)
def test_a_key_that_no_field_reads_is_said(body, data, options, status, configured, note):
    found = compared(body, data, **options)["Y"]

    assert (str(found.status), found.configured, found.default, found.line) == (status, configured, None, 0)
    assert note in found.note


def test_keys_come_after_fields_and_by_name():
    assert list(compared("b: int = 1\n    a: int = 1", {"D": "", "c": "", "B": "1"})) == ["b", "a", "D", "c"]


@pytest.mark.parametrize(
    ("body", "data", "name", "is_hidden"),
    [
        ("x: str = 'a'", {"X": "b"}, "x", False),
        ("x: SecretStr = 'a'", {"X": "b"}, "x", True),
        ("x: float = float('nan')", {"X": "1"}, "x", False),
        ("db_password: float = float('nan')", {"DB_PASSWORD": "1"}, "db_password", True),
        (f"x: list[float | str] = [float('nan'), {TOKEN!r}]", {"X": "[1]"}, "x", True),
        ("x: SecretStr | None = None", {"X": "b"}, "x", True),
        ("x: SecretBytes = b'a'", {"X": "b"}, "x", True),
        ("db_password: str = 'a'", {"DB_PASSWORD": "b"}, "db_password", True),
        ("x: str = Field('a', alias='DB_PASSWORD')", {"DB_PASSWORD": "b"}, "x", True),
        (f"x: str = {TOKEN!r}", {"X": "b"}, "x", True),
        ("x: str = 'a'", {"X": TOKEN}, "x", True),
        ("x: str = f()", {"X": TOKEN}, "x", True),
        ("x: str = f()", {"X": "b"}, "x", False),
        ("x: int", {"X": TOKEN}, "x", True),
        ("x: Nope = SecretStr('a')", {"X": "b"}, "x", True),
        ("x: int = 1", {"DB_PASSWORD": "b"}, "DB_PASSWORD", True),
        ("x: int = 1", {"Y": TOKEN}, "Y", True),
        ("x: int = 1", {"Y": "b"}, "Y", False),
    ],
)
def test_a_secret_is_shown_as_a_hash_with_its_salt(body, data, name, is_hidden):
    found = compared(body, data)[name]
    text = next(iter(data.values()))

    assert found.configured == shown(text, secret=is_hidden, salt=SALT)
    assert found.configured.startswith("sha256:") is is_hidden
    assert found.default is None or found.default.startswith("sha256:") is is_hidden or found.default == "null"


def exception(field, *, days=0, value=None):
    return Acceptance(field=field, owner="o", reason="r", expires=TODAY + timedelta(days=days), value=value)


@pytest.mark.parametrize(
    ("accepted", "status", "note"),
    [
        ([], "drift", None),
        ([exception("x")], "accepted", f"accepted by o until {TODAY}: r"),
        ([exception("x", value="2")], "accepted", f"accepted by o until {TODAY}: r"),
        ([exception("x", value="3")], "drift", None),
        ([exception("y")], "drift", None),
        ([exception("x", days=-1)], "drift", f"the exception of o ended on {TODAY - timedelta(days=1)}"),
    ],
)
@pytest.mark.parametrize("field", ["x: int = 1", "x: int = Field(1, alias=AliasChoices('Q', 'X'))"])
def test_an_exception_holds_for_a_field_until_its_day(field, accepted, status, note):
    found = only_one(field, {"X": "2"}, accepted=accepted)

    assert (str(found.status), found.note, found.configured) == (status, note, "2")


def test_an_exception_that_is_over_leaves_the_reason():
    (found,) = compared("x: int", {}, accepted=[exception("x", days=-1)]).values()

    assert found.note.startswith("required, and nothing sets it here; it would be X; the exception of o ended on ")


def test_an_exception_may_name_a_key_and_changes_nothing_that_is_aligned():
    accepted = [exception("x"), exception("Y", value="2")]

    assert statuses("x: int = 1", {"X": "1", "Y": "2"}, accepted=accepted) == {"x": "ok", "Y": "accepted"}
    assert statuses("x: int = 1", {"X": "1", "Y": "3"}, accepted=accepted) == {"x": "ok", "Y": "orphan"}


def test_at_most_five_names_that_are_nowhere_are_listed():
    with pytest.raises(CannotTell, match=r"have b, c, d, e, f[.]$"):
        compared("a: int = 1", {}, only=["a", *"gfedcb"])
