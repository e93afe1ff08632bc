"""How a text becomes a value under each configuration, and how values and reports read."""

from __future__ import annotations

from enum import Enum, StrEnum

import pytest

from functions.drift_check.core.acceptances import Acceptances
from functions.drift_check.core.comparing import Compared, Terms, compare
from functions.drift_check.core.declared import declaration
from functions.drift_check.core.printing import is_secret, plain, shown
from functions.drift_check.core.reporting import report
from shared.domain.drift import FieldStatus
from shared.testing.clocks import NOON

HEAD = "from pydantic import *\nfrom pydantic_settings import *\n"


def compared(body, data, config=""):
    source = f"{HEAD}class Settings(BaseSettings):\n    model_config = SettingsConfigDict({config})\n    {body}\n"
    return compare(declaration(source), data, Terms(accepted=Acceptances([], NOON.date()), salt=b""))


def statuses(*given, **options):
    return {each.name: str(each.status) for each in compared(*given, **options)}


@pytest.mark.parametrize(("value", "status"), [("~", "ok"), ("", "drift"), ("null", "drift")])
def test_a_word_stands_for_nothing(value, status):
    assert statuses("x: int | None = None", {"X": value}, config="env_parse_none_str='~'") == {"x": status}


@pytest.mark.parametrize(
    ("config", "value", "status"),
    [
        ("", " A ", "drift"),
        ("str_strip_whitespace=True", " a ", "ok"),
        ("str_strip_whitespace=True", "A", "drift"),
        ("str_to_lower=True", "A", "ok"),
        ("str_to_upper=True", "A", "ok"),
        ("str_to_upper=True", "B", "drift"),
    ],
)
def test_text_is_changed_as_the_configuration_says(config, value, status):
    assert statuses("x: str = 'a'", {"X": value}, config=config) == {"x": status}


@pytest.mark.parametrize(("config", "status"), [("", "ok"), ("enable_decoding=False", "drift")])
def test_json_is_decoded_unless_the_configuration_says_no(config, status):
    assert statuses("x: list[str] = []", {"X": "[]"}, config=config) == {"x": status}


@pytest.mark.parametrize(
    ("mode", "value", "status"),
    [("before", "1", "uncomparable"), ("after", "1", "ok"), ("after", "2", "uncomparable")],
)
@pytest.mark.parametrize("name", ["x", "*"])
def test_a_validator_of_the_class_is_heeded(mode, value, status, name):
    body = f"x: int = 1\n    @field_validator({name!r}, mode={mode!r})\n    def f(cls, v): ..."

    assert statuses(body, {"X": value}) == {"x": status}


def test_fields_of_different_types_are_parsed_each_as_its_own():
    body = "x: int = 1\n    y: list[str] = []\n    z: int = 1"

    assert statuses(body, {"X": "1", "Y": "[]", "Z": "2"}) == {"x": "ok", "y": "ok", "z": "drift"}


@pytest.mark.parametrize(
    ("body", "note"),
    [
        ("x: int = 1", "the application would refuse this value"),
        ("x: int | None = 1", None),
        ("x: int | None = 'no number'", None),
    ],
)
def test_nothing_is_not_what_another_default_says(body, note):
    (found,) = compared(body, {"X": "~"}, config="env_parse_none_str='~'")

    assert (str(found.status), found.note) == ("drift", note)


@pytest.mark.parametrize(
    ("default", "text", "status"), [("nan", "nan", "ok"), ("nan", "1", "drift"), ("1", "nan", "drift")]
)
def test_no_number_is_itself_and_nothing_else(default, text, status):
    assert statuses(f"x: float = float({default!r})", {"X": text}) == {"x": status}


class Text(StrEnum):
    A = "a"


class Mixed(str, Enum):  # noqa: UP042 - as older settings have it
    A = "a"


@pytest.mark.parametrize(
    ("value", "text"), [(Text.A, "a"), (Mixed.A, "a"), ("a", "a"), (b"\xff", "\N{REPLACEMENT CHARACTER}")]
)
def test_a_value_is_shown_as_a_plain_text(value, text):
    assert (type(plain(value)), plain(value)) == (str, text)


def test_a_secret_may_be_inside_of_a_value_or_no_text_at_all():
    assert is_secret({"password": ["hunter2"]})
    assert is_secret({"password": "hunter2"})
    assert not is_secret({"port": ["1"]})
    assert shown("\ud800", secret=True, salt=b"").startswith("sha256:")


@pytest.mark.parametrize(
    ("states", "status", "error"),
    [
        ([], "ok", None),
        (["ok", "accepted"], "ok", None),
        (["ok", "uncomparable"], "error", "1 of the fields cannot be compared."),
        (["uncomparable", "uncomparable", "accepted"], "error", "2 of the fields cannot be compared."),
        (["uncomparable", "orphan"], "drift", None),
        (["uncomparable", "missing"], "drift", None),
        (["ok", "drift"], "drift", None),
    ],
)
def test_a_report_says_how_many_fields_it_cannot_tell(states, status, error):
    found = report(
        "a", [Compared(f"x{number}", FieldStatus(state)) for number, state in enumerate(states)], ["A note."]
    )

    assert (str(found.status), found.error, found.notes) == (status, error, ["A note."])
    assert found.counts == {FieldStatus(state): states.count(state) for state in states}
