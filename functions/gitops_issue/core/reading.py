"""Words become one command of kubectl: a verb, its flags, its other words, and the program that it would run.

The same walk as kubectl's: flags may stand anywhere, before the verb only the global ones, and ``--`` ends them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from functions.gitops_issue.core.flags import FlagReader, Given
from functions.gitops_issue.core.verbs import GLOBAL, GROUPS, VERBS, Verb
from functions.gitops_issue.core.words import NotUnderstood, split

# What runs other programs: the commonest reason why something is not one kubectl command.
_SHELLS: Final = frozenset(
    {"sh", "bash", "dash", "ash", "zsh", "ksh", "fish", "busybox", "pwsh", "python", "python3", "perl"}
)
_WRAPPERS: Final = frozenset(
    {"env", "sudo", "su", "xargs", "nohup", "timeout", "watch", "eval", "exec", "command", "nsenter"}
)

_VERB_LIKE: Final = re.compile(r"[a-z]+(?:-[a-z]+)*(?: [a-z]+(?:-[a-z]+)*)?")
_LONGEST_SHOWN: Final = 20


@dataclass(frozen=True, slots=True)
class Command:
    """One command.

    Attributes:
        verb: what it does.
        words: the words after the verb that are no flags.
        given: its flags.
        program: what comes after ``--`` where the verb runs a program; empty without one.
    """

    verb: Verb
    words: tuple[str, ...]
    given: Given
    program: tuple[str, ...] = ()


def read(text: str) -> Command:
    """The command that a text means.

    Raises:
        NotUnderstood: it is not exactly one kubectl command of those that are known.
    """
    left = split(text)
    if not left:
        raise NotUnderstood("text:empty")
    if left.pop(0) != "kubectl":
        raise NotUnderstood(_stranger(split(text)[0]))
    reader = FlagReader(left)
    verb = _verb(left, reader)
    words: list[str] = []
    program: tuple[str, ...] = ()
    while left:
        word = left.pop(0)
        if word == "--":
            if verb.runs:
                program = tuple(left)
            else:
                words += left
            break
        if word.startswith("-") and word != "-":
            reader.take(word, verb.flags)
        else:
            words.append(word)
    return Command(verb, tuple(words), reader.given(), program)


def _verb(left: list[str], reader: FlagReader) -> Verb:
    """The verb, which is taken off the words with everything before it."""
    said = ""
    while left:
        word = left.pop(0)
        if word.startswith("-") and len(word) > 1 and word != "--":
            reader.take(word, GLOBAL)
            continue
        said = f"{said} {word}".strip()
        if said not in GROUPS:
            break
    if said not in VERBS:
        raise NotUnderstood(f"verb:{_shown(said)}")
    return VERBS[said]


def _stranger(program: str) -> str:
    """The rule for a command that is not kubectl's."""
    return f"shell:{program}" if program in _SHELLS | _WRAPPERS else "program:not-kubectl"


def program_rule(program: tuple[str, ...]) -> str:
    """The rule for a program that may not be run."""
    name = program[0].rpartition("/")[2]
    return f"shell:{name}" if name in _SHELLS | _WRAPPERS else "program:not-understood"


def _shown(said: str) -> str:
    """A stranger's word in the name of the rule, if it looks like a verb at all: it might be a misplaced secret."""
    if not said:
        return "missing"
    return said if len(said) <= _LONGEST_SHOWN and _VERB_LIKE.fullmatch(said) else "not-known"
