"""Telegram's HTML, read as its servers read it: which tags there are, how they nest, and what is no entity.

After core.telegram.org/bots/api#html-style and the rules of Telegram's own open library: a tag that is unknown,
crossed or left open refuses the message; ``&lt;``, ``&gt;``, ``&amp;``, ``&quot;`` and numbers are entities, with or
without a semicolon, and anything else behind an ampersand is text. Offsets are in bytes of UTF-8, lengths in UTF-16.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

_TYPES: Final = {
    "b": "bold",
    "strong": "bold",
    "i": "italic",
    "em": "italic",
    "u": "underline",
    "ins": "underline",
    "s": "strikethrough",
    "strike": "strikethrough",
    "del": "strikethrough",
    "span": "spoiler",
    "tg-spoiler": "spoiler",
    "tg-emoji": "custom_emoji",
    "a": "text_link",
    "code": "code",
    "pre": "pre",
    "blockquote": "blockquote",
}
_NAMED: Final = {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}
_ENTITY: Final = re.compile(r"&(?:#(?:x(?P<hex>[0-9A-Fa-f]*)|(?P<decimal>[0-9]*))|(?P<name>[A-Za-z]*))(?P<end>;?)")
_LONGEST_ENTITY: Final = 10
_LAST_CODE: Final = 0x10FFFF
_SURROGATES: Final = range(0xD800, 0xE000)
_SPACE: Final = " \t\r\n\0\v"
_UNQUOTED: Final = re.compile(r"[A-Za-z0-9.-]*")


class BadEntities(Exception):
    """The text is refused; the message says why, as Telegram words it."""


@dataclass(frozen=True, slots=True)
class Entity:
    """A styled part of the text, in UTF-16 units."""

    type: str
    offset: int
    length: int
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Formatted:
    """The text as people see it."""

    text: str
    entities: tuple[Entity, ...]


@dataclass(slots=True)
class _Open:
    tag: str
    offset: int
    attributes: dict[str, str]


@dataclass(slots=True)
class _Reader:
    """One pass over a text."""

    source: str
    at: int = 0
    shown: list[str] = field(default_factory=list)
    length: int = 0
    open: list[_Open] = field(default_factory=list)
    entities: list[Entity] = field(default_factory=list)

    def read(self) -> Formatted:
        while self.at < len(self.source):
            if self.source[self.at] == "&":
                self._show(self._entity())
            elif self.source[self.at] == "<":
                self._tag()
            else:
                self._show(self._until("&<"))
        if self.open:
            raise BadEntities(f'Can\'t find end tag corresponding to start tag "{self.open[-1].tag}"')
        ordered = sorted(self.entities, key=lambda entity: (entity.offset, -entity.length))
        return Formatted("".join(self.shown), tuple(ordered))

    def _show(self, text: str) -> None:
        self.shown.append(text)
        self.length += units(text)

    def _peek(self) -> str:
        return self.source[self.at] if self.at < len(self.source) else ""

    def _entity(self) -> str:
        """What stands for one character, or the ampersand alone."""
        found = _ENTITY.match(self.source, self.at)
        character = "" if found is None else _character(found)
        self.at = self.at + 1 if found is None or not character else found.end()
        return character or "&"

    def _tag(self) -> None:
        begin = self.at
        self.at += 1
        if self._peek() == "/":
            self._end_tag(begin)
        else:
            self._start_tag(begin)

    def _start_tag(self, begin: int) -> None:
        tag = self._until(f">{_SPACE}").lower()
        if not self._peek():
            raise BadEntities(f"Unclosed start tag at byte offset {self._offset(begin)}")
        if tag not in _TYPES:
            raise BadEntities(f'Unsupported start tag "{tag}" at byte offset {self._offset(begin)}')
        attributes = dict[str, str]()
        while self._skip_space() != ">":
            name, value = self._attribute(tag, begin)
            attributes[name] = value
        self.at += 1
        if tag == "span" and attributes.get("class") != "tg-spoiler":
            raise BadEntities(f'Tag "span" must have class "tg-spoiler" at byte offset {self._offset(begin)}')
        self.open.append(_Open(tag, self.length, attributes))

    def _attribute(self, tag: str, begin: int) -> tuple[str, str]:
        name = self._until(f"=>{_SPACE}")
        if not name:
            raise BadEntities(f'Empty attribute name in the tag "{tag}" at byte offset {self._offset(begin)}')
        if self._skip_space() != "=":
            if (tag, name) == ("blockquote", "expandable"):
                return name, ""
            raise BadEntities(
                f'Expected equal sign in declaration of an attribute of the tag "{tag}" '
                f"at byte offset {self._offset(begin)}"
            )
        self.at += 1
        value = self._quoted() if self._skip_space() in {'"', "'"} else self._unquoted()
        if not self._peek():
            raise BadEntities(f'Unclosed start tag "{tag}" at byte offset {self._offset(begin)}')
        return name, value

    def _quoted(self) -> str:
        quote, value = self._peek(), list[str]()
        self.at += 1
        while (character := self._peek()) and character != quote:
            if character == "&":
                value.append(self._entity())
            else:
                value.append(character)
                self.at += 1
        self.at += 1
        return "".join(value)

    def _unquoted(self) -> str:
        begin = self.at
        found = _UNQUOTED.match(self.source, begin)
        self.at = begin if found is None else found.end()
        if self._peek() and self._peek() not in f">{_SPACE}":
            raise BadEntities(f"Unexpected end of name token at byte offset {self._offset(begin)}")
        return self.source[begin : self.at].lower()

    def _end_tag(self, begin: int) -> None:
        if not self.open:
            raise BadEntities(f"Unexpected end tag at byte offset {self._offset(begin)}")
        self.at += 1
        tag = self._until(f">{_SPACE}").lower()
        if self._skip_space() != ">":
            raise BadEntities(f"Unclosed end tag at byte offset {self._offset(begin)}")
        self.at += 1
        opened = self.open.pop()
        if tag not in {"", opened.tag}:
            raise BadEntities(
                f'Unmatched end tag at byte offset {self._offset(begin)}, expected "</{opened.tag}>", found "</{tag}>"'
            )
        if (length := self.length - opened.offset) > 0:
            url = opened.attributes.get("href") if opened.tag == "a" else None
            self.entities.append(Entity(_TYPES[opened.tag], opened.offset, length, url))

    def _until(self, ends: str) -> str:
        begin = self.at
        found = (self.source.find(end, begin) for end in ends)
        self.at = min((at for at in found if at >= 0), default=len(self.source))
        return self.source[begin : self.at]

    def _skip_space(self) -> str:
        """The next character that is no space, or nothing at the end."""
        while self._peek() and self._peek() in _SPACE:
            self.at += 1
        return self._peek()

    def _offset(self, at: int) -> int:
        return len(self.source[:at].encode())


def parse(source: str) -> Formatted:
    """A message's text as people see it.

    Raises:
        BadEntities: Telegram refuses it.
    """
    return _Reader(source).read()


def units(text: str) -> int:
    """Length in UTF-16 code units."""
    return len(text.encode("utf-16-le")) // 2


def _character(found: re.Match[str]) -> str:
    """What an entity stands for; nothing when it is none."""
    if found["name"] is not None:
        return _NAMED.get(found["name"], "")
    digits = found["hex"] if found["hex"] is not None else found["decimal"]
    code = int(digits or "0", 16 if found["hex"] is not None else 10)
    size = len(found[0]) - len(found["end"])
    if code == 0 or code >= _LAST_CODE or size >= _LONGEST_ENTITY:
        return ""
    if code in _SURROGATES:
        raise BadEntities(
            "Text contains invalid Unicode characters after decoding HTML entities, check for unmatched surrogate code "
            "units"
        )
    return chr(code)
