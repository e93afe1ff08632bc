"""What of a settings class is understood: the names of types, validators, arithmetic."""

from __future__ import annotations

import pytest

from functions.drift_check.core.acceptances import Acceptances
from functions.drift_check.core.comparing import Terms, compare
from functions.drift_check.core.declared import declaration
from shared.testing.clocks import NOON


def status(line, text, imports="from pydantic import *"):
    source = f"from pydantic_settings import BaseSettings\n{imports}\nclass Settings(BaseSettings):\n    x: {line}\n"
    terms = Terms(accepted=Acceptances([], NOON.date()), salt=b"")
    return {each.name: str(each.status) for each in compare(declaration(source), {"X": text}, terms)}.get("x")


TYPES = {
    "typing": "Any",
    "ipaddress": "IPv4Address IPv6Address IPv4Network IPv6Network",
    "pathlib": "Path PosixPath PurePath PurePosixPath",
    "pydantic": """
        FilePath DirectoryPath NewPath EmailStr SecretStr PositiveFloat NegativeFloat NonNegativeFloat
        NonPositiveFloat PositiveInt NegativeInt NonNegativeInt NonPositiveInt AmqpDsn AnyHttpUrl AnyUrl
        AnyWebsocketUrl ByteSize ClickHouseDsn CockroachDsn FileUrl FtpUrl HttpUrl IPvAnyAddress
        IPvAnyInterface IPvAnyNetwork KafkaDsn MariaDBDsn MongoDsn MySQLDsn NatsDsn PostgresDsn RedisDsn
        WebsocketUrl
    """,
}


@pytest.mark.parametrize(
    ("module", "name"), [(module, name) for module, text in TYPES.items() for name in text.split()]
)
def test_a_type_is_known_by_its_name(module, name):
    imports = f"from {module} import {name}"

    # None is the default of no such field, so whatever is configured differs; of an unknown type nobody could say.
    assert status(f"{name} | None = None", "text that no such field has", imports) == "drift"
    assert status(f"{name}s | None = None", "text", f"from {module} import {name}s") == "uncomparable"


@pytest.mark.parametrize(
    ("name", "default", "text"),
    [
        ("Dict[str, int]", "{}", "{}"),
        ("FrozenSet[str]", "frozenset()", "[]"),
        ("List[str]", "[]", "[]"),
        ("Mapping[str, str]", "{}", "{}"),
        ("MutableMapping[str, str]", "{}", "{}"),
        ("Sequence[str]", "[]", "[]"),
        ("Set[str]", "set()", "[]"),
        ("Tuple[str, ...]", "()", "[]"),
    ],
)
def test_a_collection_is_known_by_its_old_name(name, default, text):
    assert status(f"{name} = {default}", text, f"from typing import {name.partition('[')[0]}") == "ok"


@pytest.mark.parametrize(
    "name", ["Doc", "Ge", "Gt", "Interval", "Le", "Len", "Lt", "MaxLen", "MinLen", "MultipleOf", "Other"]
)
def test_what_only_limits_a_value_leaves_it_as_it_is(name):
    found = status(
        f"Annotated[int, {name}(1)] = 3", "3", f"from typing import Annotated\nfrom annotated_types import {name}"
    )

    assert found == ("uncomparable" if name == "Other" else "ok")


HEAD = "from pydantic import *\nfrom pydantic_settings import *\nclass Settings(BaseSettings):\n"


def compared(body, data):
    return compare(declaration(HEAD + body), data, Terms(accepted=Acceptances([], NOON.date()), salt=b""))


@pytest.mark.parametrize(
    ("config", "key"),
    [("", "TIMEOUT_S"), ("    model_config = SettingsConfigDict(case_sensitive=True)\n", "Timeout_s")],
)
def test_a_missing_key_is_named_as_it_would_be_read(config, key):
    (found,) = compared(f"{config}    Timeout_s: int\n", {})

    assert (found.status, found.note.endswith(f"; it would be {key}"), found.line > 0) == ("missing", True, True)


@pytest.mark.parametrize(
    ("method", "said"),
    [
        ("@classmethod\n    def settings_customise_sources(cls): ...", ["chooses its sources itself"]),
        ("@model_validator(mode='after')\n    def whole(self): ...", ["whole sees all fields"]),
        ("@root_validator\n    def whole(cls, values): ...", ["whole sees all fields"]),
        ("def whole(self): ...", []),
    ],
)
def test_what_else_may_change_a_field_is_said(method, said):
    notes = declaration(f"{HEAD}    x: int = 1\n    {method}\n").validators.notes

    assert [part in note for part, note in zip(said, notes, strict=True)] == [True] * len(said)


@pytest.mark.parametrize(
    ("decorator", "before", "after"),
    [
        ("field_validator('x')", False, True),
        ("field_validator('x', mode='after')", False, True),
        ("field_validator('x', mode='before')", True, False),
        ("field_validator('x', mode='plain')", True, False),
        ("field_validator('x', mode=mode)", True, False),
        ("field_validator(*names)", False, True),
        ("field_validator('y')", False, False),
        ("validator('x')", False, True),
        ("validator('x', pre=True)", True, False),
        ("other('x')", False, False),
    ],
)
def test_a_validator_works_on_the_text_or_on_the_value(decorator, before, after):
    found = declaration(f"{HEAD}    x: int = 1\n    @{decorator}\n    def f(cls, v): ...\n").validators

    assert (found.changes_text("x"), found.changes_value("x")) == (before, after)


@pytest.mark.parametrize(
    ("expression", "known"),
    [
        ("1 << 255", True),
        ("1 << 256", False),
        ("2 ** 128", True),
        ("2 ** 129", False),
        ("(1 << 127) + (1 << 127)", True),
        ("(1 << 128) + (1 << 127)", False),
        ("1 << -1", False),
        ("1 << 100_000", False),
        ("'a' * 3", True),
        ("'%s' % 1", False),
        ("7 % 3", True),
        ("'a' + 'b'", True),
        ("-5", True),
        ("not True", True),
        ("1 if True else 2", False),
        ("f(1)", False),
    ],
)
def test_only_arithmetic_that_cannot_run_away_is_done(expression, known):
    (found,) = compared(f"    x: object = {expression}\n", {"X": "no such value"})

    assert (found.status == "drift") is known
