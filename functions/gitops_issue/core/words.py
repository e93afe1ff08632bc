"""A command's text becomes words, as any POSIX shell would split it, or it is refused.

Whoever carries the command out later may hand it to a shell or split it by a shell's rules, so only text is taken that
means the same to both: printable ASCII, quotes, and nothing that a shell would act upon.
"""

from __future__ import annotations

import re
from typing import Final

MAX_CHARACTERS: Final = 16_384

_PLAIN: Final = re.compile(r"[\t\x20-\x7e]*")
_WORD: Final = re.compile(r"""(?:[A-Za-z0-9@%+=:,./_!-]|'[^']*'|"(?:[^"\\$`]|\\["\\])*")+""")
_QUOTED: Final = re.compile(r"""'([^']*)'|"((?:[^"\\$`]|\\["\\])*)\"""")
_ESCAPED: Final = re.compile(r'\\(["\\])')
_BLANKS: Final = " \t"
_ACTED_UPON: Final = {
    **dict.fromkeys(";&|", "shell:chain"),
    **dict.fromkeys("<>", "shell:redirect"),
    **dict.fromkeys("$`", "shell:substitution"),
    **dict.fromkeys("()", "shell:group"),
    **dict.fromkeys("*?[]{}~", "shell:pattern"),
    **dict.fromkeys("#", "shell:comment"),
    **dict.fromkeys("\\", "shell:escape"),
    **dict.fromkeys("'\"", "shell:open-quote"),
}
# Named for the reader of the assessment: what these texts are part of is refused by the other rules as well.
_NOTORIOUS: Final = (
    (re.compile(r"\brm\s+-"), "text:rm-rf"),
    (
        re.compile(
            r"\b(?:drop|truncate)\s+(?:table|database|schema)\b|\bdelete\s+from\b|\bupdate\s+\w+\s+set\b", re.IGNORECASE
        ),
        "text:sql",
    ),
    (re.compile(r"\b(?:mkfs|dd\s+if=)"), "text:overwrite"),
)


class NotUnderstood(Exception):
    """The command means something that is not known here, so it is blocked; ``rule`` says what was met."""

    def __init__(self, rule: str) -> None:
        super().__init__(rule)
        self.rule = rule


def split(text: str) -> list[str]:
    """The words of a command, without their quotes.

    Raises:
        NotUnderstood: the text has characters that a shell acts upon, or that two readers would read differently.
    """
    if len(text) > MAX_CHARACTERS:
        raise NotUnderstood("text:too-long")
    text = text.strip(" \t\r\n")
    for pattern, rule in _NOTORIOUS:
        if pattern.search(text):
            raise NotUnderstood(rule)
    if "\n" in text or "\r" in text:
        raise NotUnderstood("text:several-lines")
    if not _PLAIN.fullmatch(text):
        raise NotUnderstood("text:not-plain")
    words, at = [], 0
    while at < len(text):
        if text[at] in _BLANKS:
            at += 1
            continue
        found = _WORD.match(text, at)
        if found is None:
            raise NotUnderstood(_ACTED_UPON.get(_culprit(text, at), "text:not-plain"))
        words.append(_QUOTED.sub(_unquoted, found[0]))
        at = found.end()
    return words


def _culprit(text: str, at: int) -> str:
    """The character at which reading stopped; within double quotes, the one that a shell would act upon."""
    if text[at] != '"':
        return text[at]
    inside = re.compile(r'[^"\\$`]*').match(text, at + 1)
    end = len(text) if inside is None else inside.end()
    return text[end] if end < len(text) else '"'


def _unquoted(found: re.Match[str]) -> str:
    return found[1] if found[1] is not None else _ESCAPED.sub(r"\1", found[2])
