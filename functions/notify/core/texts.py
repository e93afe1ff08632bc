"""Foreign text made fit to be shown: no controls, no tricks with direction, no half characters, not too long.

Lengths are UTF-16 code units, which is how Telegram counts (core.telegram.org/bots/api#messageentity).
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_ELLIPSIS: Final = "…"
_SPACE: Final = re.compile(r"\s+")
_CONTROLS: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_HALVES: Final = re.compile("[\ud800-\udfff]")
# Marks that turn the direction of what follows, beyond the value they stand in.
_DIRECTIONS: Final = re.compile("[\u202a-\u202e\u2066-\u2069]")
_JOINER: Final = "\u200d"
_SELECTORS: Final = frozenset("\ufe0e\ufe0f")
_LONGEST_CLUSTER: Final = 16


def clean(text: str) -> str:
    """One line of the same words, without what a chat would drop, refuse or be fooled by."""
    if not text.isprintable():
        text = _HALVES.sub("\ufffd", _DIRECTIONS.sub("", _CONTROLS.sub(" ", text)))
    return _SPACE.sub(" ", text).strip()


def units(text: str) -> int:
    """Length in UTF-16 code units; ``text`` is clean."""
    return len(text.encode("utf-16-le")) // 2


def cut(text: str, most: int) -> str:
    """The text (clean), or as much of its beginning as fits into ``most`` (at least 1) units with an ellipsis behind.

    An emoji of several characters, and a letter with its accents, is kept or left out as a whole.
    """
    if units(text) <= most:
        return text
    room = most - len(_ELLIPSIS)
    beginning = text[:room].encode("utf-16-le")[: 2 * room]
    end = len(beginning.decode("utf-16-le", "ignore"))  # without the half of a pair that may be left at its end
    for _ in range(_LONGEST_CLUSTER):
        if end == 0 or not _is_within_a_cluster(text, end):
            break
        end -= 1
    return text[:end].rstrip() + _ELLIPSIS


def _is_within_a_cluster(text: str, at: int) -> bool:
    after = text[at]
    return text[at - 1] == _JOINER or after == _JOINER or after in _SELECTORS or unicodedata.combining(after) > 0
