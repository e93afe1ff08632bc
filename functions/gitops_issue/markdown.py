"""Text that others wrote, made harmless in an issue.

A value goes into a fenced code block and nowhere else: there, Gitea renders no link, no mention, no reference and no
HTML. The fence is longer than any run of backticks inside, so no value ends its own block. What a reader cannot see
(control characters, text that runs backwards, spaces of no width) is shown as an escape, since people agree to what
they see; and so is the start of an HTML comment, since the hidden marker of one plan must not stand in the issue of
another.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_TICKS: Final = re.compile(r"`+")
_SHORTEST_FENCE: Final = 3
_LINE_ENDS: Final = re.compile(r"\r\n")
# Control, format (bidirectional overrides, zero width), surrogate and private characters; line and paragraph ends.
_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
_NOT_IN_TITLES: Final = re.compile(r"[^A-Za-z0-9 ._/,*=-]+")


def visible(text: str) -> str:
    """The text with every character shown that a reader would not see, and without the start of a comment."""
    text = _LINE_ENDS.sub("\n", text).replace("<!--", "\\u003c!--")
    if text.isascii() and text.isprintable():
        return text
    return "".join(_shown(character) for character in text)


def fenced(text: str) -> str:
    """The text as a code block that it cannot leave."""
    shown = visible(text)
    longest = max((len(run) for run in _TICKS.findall(shown)), default=0)
    fence = "`" * max(_SHORTEST_FENCE, longest + 1)
    return f"{fence}text\n{shown}\n{fence}"


def in_title(text: str, *, most: int) -> str:
    """The text as part of an issue's title, where references and emoji are rendered: plain characters only."""
    plain = _NOT_IN_TITLES.sub("?", text).strip()
    return plain if len(plain) <= most else f"{plain[: most - 1]}…"


def cut(text: str, *, most: int) -> tuple[str, int]:
    """The first ``most`` characters, and how many there are beyond them."""
    return text[:most], max(len(text) - most, 0)


def _shown(character: str) -> str:
    if character in "\n\t" or unicodedata.category(character) not in _UNSEEN:
        return character
    code = ord(character)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"  # noqa: PLR2004 - the notation of JSON and C
