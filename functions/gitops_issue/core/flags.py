"""Flags as kubectl's parser (pflag) reads them: ``--name value``, ``--name=value``, ``-nvalue``, ``-n=value``, ``-it``.

A verb declares its flags in a few characters each: ``all`` is a switch, ``selector/l=`` takes a value and has a short
form, ``filename/f=*`` may be given several times, ``dry-run=?client`` has that value when none is given. A flag that
is not declared is not understood, whatever it may do.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final

from functions.gitops_issue.core.words import NotUnderstood

_DECLARED: Final = re.compile(r"([a-z-]+)(?:/(\w))?(?:(=)(?:(\*)|\?(\w+))?)?")
_SAFE_NAME: Final = re.compile(r"[a-z][a-z-]{0,39}")
_YES: Final = frozenset({"1", "t", "T", "true", "TRUE", "True"})
_NO: Final = frozenset({"0", "f", "F", "false", "FALSE", "False"})


class Takes(Enum):
    """What follows a flag."""

    NOTHING = auto()
    VALUE = auto()
    VALUES = auto()
    PERHAPS = auto()


@dataclass(frozen=True, slots=True)
class Flag:
    """One flag: its long name, what it takes, and its value when none is given."""

    name: str
    takes: Takes
    implied: str


Known = Mapping[str, Flag]
"""Flags by what is written: ``--selector`` and ``-l``."""


def declared(*texts: str) -> dict[str, Flag]:
    """The flags that these declarations mean."""
    known: dict[str, Flag] = {}
    for text in texts:
        found = _DECLARED.fullmatch(text)
        if found is None:
            raise ValueError(text)
        name, short, equals, many, implied = found.groups()
        takes = Takes.NOTHING if not equals else Takes.VALUES if many else Takes.PERHAPS if implied else Takes.VALUE
        flag = Flag(name, takes, implied or "true")
        known[f"--{name}"] = flag
        if short:
            known[f"-{short}"] = flag
    return known


@dataclass(frozen=True, slots=True)
class Given:
    """The flags of one command: the values of each, in the order given; a switch that is on has the value ``true``."""

    by_name: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __contains__(self, name: str) -> bool:
        return name in self.by_name

    def values(self, name: str) -> tuple[str, ...]:
        """Every value of a flag, lists taken apart."""
        return tuple(part for value in self.by_name.get(name, ()) for part in value.split(","))

    def value(self, name: str) -> str | None:
        """The value of a flag; None when it is not given."""
        found = self.by_name.get(name)
        return found[-1] if found else None


class FlagReader:
    """Collects the flags of a command, one argument after the other."""

    def __init__(self, arguments: list[str]) -> None:
        self._left = arguments
        self._found: dict[str, list[str]] = {}

    def given(self) -> Given:
        """What was collected."""
        return Given({name: tuple(values) for name, values in self._found.items() if values})

    def take(self, argument: str, known: Known) -> None:
        """Read one argument that starts with a dash, and the value after it where it has one.

        Raises:
            NotUnderstood: the flag is not known, has no value, or was given before with another one.
        """
        if argument.startswith("--"):
            name, equals, value = argument.partition("=")
            self._add(_find(known, name), value if equals else None)
            return
        letters = argument[1:]
        while letters:
            flag, letters = _find(known, f"-{letters[0]}"), letters[1:]
            if letters.startswith("="):
                self._add(flag, letters[1:])
                return
            if flag.takes in (Takes.VALUE, Takes.VALUES):
                self._add(flag, letters or None)
                return
            self._add(flag, None)

    def _add(self, flag: Flag, value: str | None) -> None:
        if value is None and flag.takes in (Takes.VALUE, Takes.VALUES):
            if not self._left:
                raise NotUnderstood(f"flag:--{flag.name}")
            value = self._left.pop(0)
        found = self._found.setdefault(flag.name, [])
        value = flag.implied if value is None else value
        if flag.takes is Takes.NOTHING:
            # Once on is on: a later "off" does not make a command any safer here.
            found += ["true"] if _switched(flag, value) else []
        elif flag.takes is not Takes.VALUES and found and found != [value]:
            raise NotUnderstood(f"flag:--{flag.name}:contradictory")
        else:
            found[:] = [*found, value] if flag.takes is Takes.VALUES else [value]


def _switched(flag: Flag, value: str) -> bool:
    if value in _YES:
        return True
    if value in _NO:
        return False
    raise NotUnderstood(f"flag:--{flag.name}")


def _find(known: Known, written: str) -> Flag:
    found = known.get(written)
    if found is None:
        # A flag's name may be anything, also a secret that lost its flag, and the rule is shown to people.
        safe = written if len(written) == len("-x") or _SAFE_NAME.fullmatch(written[2:]) else "--*"
        raise NotUnderstood(f"flag:{safe}")
    return found
