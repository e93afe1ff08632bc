"""Pairs of a settings class and a ConfigMap, and what is known of the field: a table to be read.

In ``FIELDS`` the field is called ``x``, so its key is ``X``; None is a key that is absent. In ``CLASSES`` whole files
stand beside whole ConfigMaps.
"""

from __future__ import annotations

from datetime import date
from textwrap import dedent

import pytest

from functions.drift_check.core.acceptances import Acceptances
from functions.drift_check.core.comparing import Terms, compare
from functions.drift_check.core.declared import declaration
from functions.drift_check.core.unknowns import CannotTell

OK, DRIFT, MISSING, ORPHAN, UNKNOWN = "ok", "drift", "missing", "orphan", "uncomparable"

PRELUDE = """
import datetime
import decimal
import pydantic
import pydantic as p
import typing as t
from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum, auto
from functools import partial
from os import environ
from pathlib import Path
from typing import Annotated, Any, ClassVar, Dict, FrozenSet, List, Literal, Optional, Set, Tuple, Union
from uuid import UUID, uuid4
from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, HttpUrl
from pydantic import PositiveInt, SecretStr, StrictInt, conint
from pydantic import Field as Setting
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

PORT = 8080
NAMES = ["a", "b"]
TWICE = 1
TWICE = 2
Seconds = Annotated[float, Field(gt=0)]
Strings = list[str]

class Mode(StrEnum):
    FAST = "fast"
    SLOW = "slow"

class Level(IntEnum):
    LOW = 1
    HIGH = 2

class Color(Enum):
    RED = auto()
    BLUE = auto()

class Odd(Enum):
    A = "a"
    @classmethod
    def _missing_(cls, value):
        return cls.A

class Inner(BaseModel):
    host: str = "h"

class Settings(BaseSettings):
    """

FIRST_DESIGN = [
    # The eleven pairs that the first design called drift. Ten are none.
    ('x: str = Field("info")', "info", OK),
    ("x: Annotated[int, Field(ge=1)] = 30", "30", OK),
    ('x: str = pydantic.Field(default="info")', "info", OK),
    ("x: list[str] = Field(default_factory=list)", "[]", OK),
    ("x: int = 30", "30", OK),
    ("x: bool = True", "true", OK),
    ('x: dict[str, int] = {"a": 1}', '{"a": 1}', OK),
    ("x: tuple[int, ...] = (1, 2)", "[1, 2]", OK),
    ("x: int = 60 * 5", "300", OK),
    ('x: str = "it\'s"', "it's", OK),
    # Nothing and an empty text are two values to the application: this one stays drift.
    ("x: str | None = None", "", DRIFT),
    # And what else it could not read.
    ("x: int = 30", None, OK),
    ("x: int", "30", OK),
    ("x: int", None, MISSING),
    ('x: Decimal = Decimal("1.50")', "1.5", OK),
    ("x: timedelta = timedelta(minutes=5)", "PT300S", OK),
]

FIELDS = [
    # texts
    ('x: str = "a"', "a", OK),
    ('x: str = "a"', "b", DRIFT),
    ('x: str = "a"', "", DRIFT),
    ('x: str = "a"', " a", DRIFT),
    ('x: str = "a"', "A", DRIFT),
    ('x: str = ""', "", OK),
    ('x: str = "a" "b"', "ab", OK),
    ('x: str = f"a"', "a", OK),
    ('x: str = f"a{PORT}"', "a8080", UNKNOWN),
    ('x: str = "30"', "30", OK),
    ('x: str = "true"', "True", DRIFT),
    ("x: str = 'say \"hi\"'", 'say "hi"', OK),
    ('x: str = "世界"', "世界", OK),
    ('x: str = "-" * 3', "---", OK),
    ('x: "str" = "a"', "a", OK),
    ('x: str = "a b".split()[0]', "a", UNKNOWN),
    ("x: str = str(PORT)", "8080", OK),
    # numbers
    ("x: int = 30", "31", DRIFT),
    ("x: int = -1", "-1", OK),
    ("x: int = +1", "1", OK),
    ("x: int = 30", "030", OK),
    ("x: int = 30", " 30 ", OK),
    ("x: int = 30", "30.0", OK),
    ("x: int = 30", "3e1", DRIFT),
    ("x: int = 30", "thirty", DRIFT),
    ("x: int = 30", "", DRIFT),
    ("x: int = 1_000", "1000", OK),
    ("x: int = 0x10", "16", OK),
    ("x: int = 2 ** 10", "1024", OK),
    ("x: int = 9 ** 9 ** 9", "1", UNKNOWN),
    ("x: int = 1 << 20", "1048576", OK),
    ("x: int = 1 << 10_000", "1", UNKNOWN),
    ("x: int = (2 + 3) * 4 - 1", "19", OK),
    ("x: int = 7 // 2", "3", OK),
    ("x: int = 1 // 0", "1", UNKNOWN),
    ("x: int = ~0", "-1", OK),
    ("x: float = 1", "1.0", OK),
    ("x: float = 0.5", ".5", OK),
    ("x: float = 1e3", "1000", OK),
    ("x: float = 1 / 4", "0.25", OK),
    ("x: float = 0.5", "0.50001", DRIFT),
    ('x: float = float("inf")', "inf", OK),
    ('x: float = float("nan")', "nan", OK),
    ('x: Decimal = Decimal("0.1")', "0.10", OK),
    ('x: decimal.Decimal = decimal.Decimal("0.1")', "0.2", DRIFT),
    ("x: PositiveInt = 5", "5", OK),
    ("x: conint(ge=1) = 5", "5", OK),
    ("x: StrictInt = 5", "5", UNKNOWN),
    ("x: int = Field(5, strict=True)", "5", UNKNOWN),
    ("x: int = PORT", "8080", OK),
    ("x: int = PORT + 1", "8081", OK),
    ("x: int = TWICE", "2", UNKNOWN),
    ("x: int = MISSING_NAME", "2", UNKNOWN),
    ("x: int = len(NAMES)", "2", UNKNOWN),
    ('x: int = int(environ.get("N", "2"))', "2", UNKNOWN),
    ('x: int = int(environ.get("N", "2"))', None, OK),
    # truth values
    ("x: bool = True", "True", OK),
    ("x: bool = True", "1", OK),
    ("x: bool = True", "yes", OK),
    ("x: bool = True", "on", OK),
    ("x: bool = True", "t", OK),
    ("x: bool = True", "false", DRIFT),
    ("x: bool = False", "off", OK),
    ("x: bool = False", "0", OK),
    ("x: bool = False", "", DRIFT),
    ("x: bool = not True", "no", OK),
    ("x: bool = True", "enabled", DRIFT),
    # lists, tuples, sets, mappings: JSON
    ('x: list[str] = ["a", "b"]', '["a","b"]', OK),
    ('x: list[str] = ["a", "b"]', '["b","a"]', DRIFT),
    ('x: list[str] = ["a"]', "a", DRIFT),
    ('x: list[str] = ["a"]', "", DRIFT),
    ("x: list[int] = [1, 2]", '["1", 2]', OK),
    ("x: List[int] = [1]", "[1]", OK),
    ("x: t.List[int] = [1]", "[1]", OK),
    ("x: Sequence[int] = [1]", "[1]", OK),
    ("x: Strings = NAMES", '["a", "b"]', OK),
    ("x: list = []", "[]", OK),
    ("x: list[int] = [1] * 3", "[1, 1, 1]", OK),
    ("x: list[int] = [1] + [2]", "[1, 2]", OK),
    ("x: list[int] = [*NAMES]", "[1]", UNKNOWN),
    ("x: list[int] = [i for i in range(3)]", "[0, 1, 2]", UNKNOWN),
    ("x: Tuple[int, str] = (1, 'a')", '[1, "a"]', OK),
    ("x: tuple[int, ...] = ()", "[]", OK),
    ("x: set[int] = {1, 2}", "[2, 1, 1]", OK),
    ("x: Set[int] = set()", "[]", OK),
    ("x: frozenset[str] = frozenset({'a'})", '["a"]', OK),
    ("x: FrozenSet[str] = frozenset()", '["a"]', DRIFT),
    ('x: dict[str, int] = {"b": 2, "a": 1}', '{"a": 1, "b": 2}', OK),
    ("x: Dict[str, int] = dict(a=1)", '{"a": 1}', OK),
    ("x: Mapping[str, int] = {}", "{}", OK),
    ('x: dict[str, list[int]] = {"a": [1]}', '{"a": [1, 2]}', DRIFT),
    ("x: dict[str, int] = {}", "[]", DRIFT),
    ("x: dict[str, int] = {**{}}", "{}", UNKNOWN),
    ("x: Annotated[list[str], NoDecode] = []", "[]", DRIFT),
    # optional, unions, literals, enumerations
    ("x: Optional[int] = None", "3", DRIFT),
    ("x: Optional[int] = 3", "3", OK),
    ("x: Optional[int] = 3", "", DRIFT),
    ("x: int | None = 3", "3", OK),
    ("x: None | int = None", None, OK),
    ("x: int | str = 3", "3", DRIFT),
    ("x: int | str = '3'", "3", OK),
    ("x: Union[list[str], str] = 'a'", "a", OK),
    ("x: Union[list[str], str] = ['a']", '["a"]', OK),
    ("x: list[str] | None = None", "null", OK),
    ('x: Literal["a", "b"] = "a"', "a", OK),
    ('x: Literal["a", "b"] = "a"', "b", DRIFT),
    ('x: Literal["a", "b"] = "a"', "c", DRIFT),
    ("x: Literal[1, 2] = 1", "1", DRIFT),
    ("x: Mode = Mode.FAST", "fast", OK),
    ("x: Mode = Mode.FAST", "slow", DRIFT),
    ("x: Mode = 'fast'", "fast", OK),
    ("x: Mode = Mode.FAST", "FAST", DRIFT),
    ("x: str = Mode.FAST.value", "fast", OK),
    ("x: Level = Level.HIGH", "2", OK),
    ("x: Color = Color.RED", "1", DRIFT),
    ("x: Odd = Odd.A", "b", UNKNOWN),
    ("x: Optional[Mode] = None", "slow", DRIFT),
    ("x: list[Mode] = [Mode.FAST]", '["fast"]', OK),
    ("x: Any = None", "a", DRIFT),
    # other types
    ('x: Path = Path("/etc/app")', "/etc/app/", OK),
    ('x: Path = Path("/etc") / "app"', "/etc/app", OK),
    ('x: Path = "/etc/app"', "/etc/other", DRIFT),
    ('x: HttpUrl = "http://a.example"', "http://a.example/", OK),
    ('x: HttpUrl = "http://a.example"', "http://b.example/", DRIFT),
    ('x: UUID = UUID("00000000-0000-0000-0000-000000000001")', "00000000000000000000000000000001", OK),
    ("x: UUID = Field(default_factory=uuid4)", "00000000000000000000000000000001", UNKNOWN),
    ("x: UUID = Field(default_factory=uuid4)", None, OK),
    ("x: timedelta = timedelta(seconds=90)", "PT1M30S", OK),
    ("x: datetime.date = datetime.date(2030, 1, 2)", "2030-01-02", OK),
    ('x: SecretStr = SecretStr("s")', "s", OK),
    ('x: SecretStr = SecretStr("s")', "t", DRIFT),
    ('x: SecretStr = "s"', "s", OK),
    ("x: SecretStr | None = None", "t", DRIFT),
    ("x: bytes = b'ab'", "ab", OK),
    ("x: Unheard = 3", "3", UNKNOWN),
    ('x: Unheard = "3"', "3", OK),
    ("x: Inner = Inner()", '{"host": "h"}', UNKNOWN),
    ("x: Inner = Inner()", None, OK),
    ("x: Seconds = 3", "3.0", OK),
    ("x: Seconds = 3", "4", DRIFT),
    # Field
    ("x: int = Field(30)", "30", OK),
    ("x: int = Field(default=30, ge=1, description='d')", "31", DRIFT),
    ("x: int = p.Field(30)", "30", OK),
    ("x: int = Setting(30)", "30", OK),
    ("x: int = pydantic.fields.Field(30)", "30", OK),
    ("x: int = Field(...)", None, MISSING),
    ("x: int = ...", None, MISSING),
    ("x: int = Field(ge=1)", None, MISSING),
    ("x: Annotated[int, Field(default=30)]", "30", OK),
    ("x: Annotated[int, Field(default=30)]", None, OK),
    ("x: dict[str, int] = Field(default_factory=dict)", "{}", OK),
    ("x: set[int] = Field(default_factory=set)", "[1]", DRIFT),
    ("x: list[int] = Field(default_factory=lambda: [1, 2])", "[1, 2]", OK),
    ("x: list[int] = Field(default_factory=lambda: [1, 2])", "[1]", DRIFT),
    ("x: list[int] = Field(default_factory=lambda data: [1])", "[1]", UNKNOWN),
    ("x: list[int] = Field(default_factory=partial(list, (1,)))", "[1]", UNKNOWN),
    ("x: int = Field(**{'default': 3})", "3", UNKNOWN),
    # validators beside the type
    ("x: Annotated[int, AfterValidator(abs)] = 3", "3", OK),
    ("x: Annotated[int, AfterValidator(abs)] = 3", "-3", UNKNOWN),
    ("x: Annotated[int, BeforeValidator(len)] = 3", "3", UNKNOWN),
    ("x: Annotated[str, BeforeValidator(str.upper)] = 'A'", "A", OK),
    # no fields
    ("x: ClassVar[int] = 3", "4", ORPHAN),
    ("x = 3", "4", ORPHAN),
    ("_x: int = 3", "4", ORPHAN),
    ("if PORT:\n        x: int = 3", "3", UNKNOWN),
    ("x: int = 1\n    x: int = 2", "2", OK),
    ("PORT: int = 1\n    x: int = PORT", "1", UNKNOWN),
]

HEAD = """
from pydantic import AliasChoices, AliasPath, Field, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from typing import Optional
"""

CLASSES = [
    (
        "the prefix belongs to the key",
        """
        class Settings(BaseSettings):
            model_config = SettingsConfigDict(env_prefix="APP_")
            port: int = 1
        """,
        {"APP_PORT": "1", "PORT": "2"},
        {"port": OK, "PORT": ORPHAN},
    ),
    (
        "a prefix in a dict, in the class's head, in Config",
        """
        class A(BaseSettings):
            model_config = {"env_prefix": "A_"}
            a: int = 1
        class B(A, env_prefix="B_"):
            b: int = 1
        class Settings(B):
            class Config:
                env_prefix = "C_"
            c: int = 1
        """,
        {"C_A": "1", "C_B": "1", "C_C": "2"},
        {"a": OK, "b": OK, "c": DRIFT},
    ),
    (
        "names in any case",
        "class Settings(BaseSettings):\n    portNumber: int = 1",
        {"PORTNUMBER": "2"},
        {"portNumber": DRIFT},
    ),
    (
        "names in their own case",
        "class Settings(BaseSettings):\n    model_config = SettingsConfigDict(case_sensitive=True)\n    port: int = 1",
        {"PORT": "2"},
        {"port": OK, "PORT": ORPHAN},
    ),
    (
        "two keys that differ in case only",
        "class Settings(BaseSettings):\n    port: int = 1",
        {"PORT": "1", "port": "2"},
        {"port": UNKNOWN},
    ),
    (
        "an alias instead of the name, without the prefix",
        """
        class Settings(BaseSettings):
            model_config = SettingsConfigDict(env_prefix="APP_")
            port: int = Field(1, alias="LISTEN")
        """,
        {"LISTEN": "2", "APP_PORT": "1"},
        {"port": DRIFT, "APP_PORT": ORPHAN},
    ),
    (
        "an alias beside the name",
        """
        class Settings(BaseSettings):
            model_config = SettingsConfigDict(populate_by_name=True)
            port: int = Field(1, validation_alias="LISTEN")
        """,
        {"PORT": "2"},
        {"port": DRIFT},
    ),
    (
        "the first alias that is set",
        """
        class Settings(BaseSettings):
            port: int = Field(1, validation_alias=AliasChoices("A", "B"))
            size: int = Field(1, validation_alias=AliasChoices("C", "D"))
        """,
        {"B": "1", "C": "1", "D": "2"},
        {"port": OK, "size": OK},
    ),
    (
        "validation_alias before alias",
        "class Settings(BaseSettings):\n    port: int = Field(1, alias='A', validation_alias='B')",
        {"A": "1", "B": "2"},
        {"port": DRIFT, "A": ORPHAN},
    ),
    (
        "a path into a value is not followed",
        "class Settings(BaseSettings):\n    port: int = Field(1, validation_alias=AliasPath('A', 0))",
        {"A": "[1]"},
        {"port": UNKNOWN},
    ),
    (
        "an alias that is computed may read any key",
        "class Settings(BaseSettings):\n    port: int = Field(1, alias=name())",
        {"A": "1"},
        {"port": UNKNOWN, "A": UNKNOWN},
    ),
    (
        "fields of bases in the file, and what is declared again",
        """
        class Base(BaseSettings):
            a: int = 1
            b: int = 1
        class Mixed:
            c: int = 1
        class Settings(Base, Mixed):
            b: int = 2
        """,
        {"A": "1", "B": "2", "C": "3"},
        {"a": OK, "b": OK, "c": DRIFT},
    ),
    (
        "a base of another file may read what no field here reads",
        "from elsewhere import Common\nclass Settings(Common):\n    a: int = 1",
        {"A": "2", "B": "1"},
        {"a": DRIFT, "B": UNKNOWN},
    ),
    (
        "of families the last class, not its bases, nor one inside of another",
        """
        class Base(BaseSettings):
            a: int = 1
            class Settings(BaseSettings):
                a: int = 3
        class Service(Base):
            a: int = 2
        class Unrelated:
            a: int = 4
        """,
        {"A": "2"},
        {"a": OK},
    ),
    (
        "an empty text is as good as none",
        "class Settings(BaseSettings):\n    model_config = SettingsConfigDict(env_ignore_empty=True)\n    a: int = 1",
        {"A": ""},
        {"a": OK},
    ),
    (
        "a word for nothing",
        """
        class Settings(BaseSettings):
            model_config = SettingsConfigDict(env_parse_none_str="null")
            a: Optional[int] = None
            b: Optional[int] = 1
            c: int = 1
        """,
        {"A": "null", "B": "null", "C": "null"},
        {"a": OK, "b": DRIFT, "c": DRIFT},
    ),
    (
        "parts of a field",
        """
        class Settings(BaseSettings):
            model_config = SettingsConfigDict(env_nested_delimiter="__")
            db: dict[str, str] = {}
        """,
        {"DB__HOST": "h", "OTHER__HOST": "h"},
        {"db": UNKNOWN, "OTHER__HOST": ORPHAN},
    ),
    (
        "texts that are stripped before they are compared",
        """
        class Settings(BaseSettings):
            model_config = SettingsConfigDict(str_strip_whitespace=True, str_to_lower=True)
            a: str = "info"
        """,
        {"A": " INFO "},
        {"a": OK},
    ),
    (
        "lists that are not decoded",
        """
        class Settings(BaseSettings):
            model_config = SettingsConfigDict(enable_decoding=False)
            a: list[int] = []
        """,
        {"A": "[]"},
        {"a": DRIFT},
    ),
    (
        "a validator of the class before parsing, and one after",
        """
        class Settings(BaseSettings):
            a: int = 1
            b: int = 1
            c: int = 1
            @field_validator("a", mode="before")
            def _a(cls, value): return 1
            @field_validator("b", "c")
            def _b(cls, value): return abs(value)
        """,
        {"A": "1", "B": "1", "C": "-1"},
        {"a": UNKNOWN, "b": OK, "c": UNKNOWN},
    ),
    (
        "a rebound builtin is no builtin",
        "def list():\n    return [1]\nclass Settings(BaseSettings):\n    a: list = Field(default_factory=list)",
        {"A": "[]"},
        {"a": UNKNOWN},
    ),
    (
        "either import of the base",
        """
        try:
            from pydantic_settings import BaseSettings as Base
        except ImportError:
            from pydantic import BaseSettings as Base
        class Settings(Base):
            a: int = 1
        """,
        {"A": "1", "B": ""},
        {"a": OK, "B": ORPHAN},
    ),
    (
        "nothing set, nothing wrong",
        "class Settings(BaseSettings):\n    a: int = 1\n    b: list[str] = []",
        {},
        {"a": OK, "b": OK},
    ),
]


def statuses(source, data, **terms):
    found = compare(declaration(source), data, Terms(accepted=Acceptances([], date(2030, 1, 1)), salt=b"", **terms))
    return {each.name: str(each.status) for each in found}


def of_field(line, text):
    name = "_x" if line.startswith("_") else "x"
    found = statuses(f"{PRELUDE}{line}\n", {} if text is None else {name.upper(): text})
    return found.get("x") or found[name.upper()]


def test_there_are_enough_pairs():
    assert len(FIRST_DESIGN) + len(FIELDS) + len(CLASSES) >= 150


@pytest.mark.parametrize(("line", "text", "status"), FIRST_DESIGN)
def test_what_the_first_design_got_wrong(line, text, status):
    assert of_field(line, text) == status


@pytest.mark.parametrize(("line", "text", "status"), FIELDS)
def test_a_field(line, text, status):
    assert of_field(line, text) == status


@pytest.mark.parametrize(("source", "data", "expected"), [each[1:] for each in CLASSES], ids=[c[0] for c in CLASSES])
def test_a_class(source, data, expected):
    assert statuses(HEAD + dedent(source), data) == expected


def test_every_status_is_in_the_table():
    seen = {status for _, _, status in FIELDS} | {s for _, _, _, expected in CLASSES for s in expected.values()}
    assert seen == {OK, DRIFT, MISSING, ORPHAN, UNKNOWN}


class TestOnlySomeFields:
    SOURCE = HEAD + "class Settings(BaseSettings):\n    a: int = 1\n    b: int"

    def test_the_others_do_not_count(self):
        assert statuses(self.SOURCE, {"A": "1", "C": "1"}, only={"a"}) == {"a": OK}

    def test_a_key_may_be_named(self):
        assert statuses(self.SOURCE, {"A": "1", "C": "1"}, only={"C"}) == {"C": ORPHAN}

    def test_one_that_is_nowhere_is_no_agreement(self):
        with pytest.raises(CannotTell, match="Neither the settings nor the ConfigMap have nope"):
            statuses(self.SOURCE, {"A": "1"}, only={"nope"})
