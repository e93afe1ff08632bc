"""Secrets in text that only their name gives away.

There are three ways to name one: ``--token ...``, ``password=...`` and "the password for db-0 is ...". The first two
are syntax, and what follows is a secret unless it is something that stands for one. A sentence is none: what follows
there has to look like nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from shared.domain import secret_shapes as shapes
from shared.domain.masks import MASK, mask
from shared.domain.patterns import pattern

_LINE_START: Final = pattern(r"(?:\n|\A)[ \t>-]*+[\w.-]*+\Z")
_LONGEST_INDENT: Final = 80
_LONGEST_QUALIFIER: Final = 24
_LONGEST_NAME: Final = 32
_KINDS: Final = (
    ("password", ("pass", "pwd", "密碼", "密码", "口令")),
    ("token", ("token", "令牌", "權杖")),
    ("authorization", ("authorization",)),
    ("cookie", ("cookie",)),
    ("key", ("key", "鑰", "钥")),
    ("secret", ("",)),
)


def without_named(text: str) -> str:
    """The text without what is called a secret and is one."""
    return "".join(_without("".join(_without(text, shapes.OPTION)), shapes.ASSIGNED))


def lower(text: str) -> str:
    """The text in lower case and of the same length: what is found in it is at the same place in the text."""
    return text.replace("\u0130", "I").lower()  # the one letter whose lower case is two characters


def kind_of(name: str) -> str:
    """What a mask calls the secret of this name."""
    lowered = name.lower()
    return next(kind for kind, words in _KINDS if any(word in lowered for word in words))


def is_qualified(name: str) -> bool:
    """Whether a name in lower case ends in what secrets are called."""
    return shapes.QUALIFIED.search(name) is not None


def _without(text: str, names: re.Pattern[str]) -> Iterator[str]:
    """The pieces of the text, with a mask for each secret.

    What is called a secret and is none is passed over to the start of its value only: a secret may follow inside.
    """
    lowered = lower(text)
    done = at = 0
    while name := names.search(lowered, at):
        at = name.end()
        if not is_qualified(lowered[max(0, name.start("key") - _LONGEST_QUALIFIER) : name.end("key")]):
            continue
        values, is_secret = (shapes.SAID, _is_said) if name.lastgroup == "said" else (shapes.VALUE, _is_secret)
        value = values.match(text, at)
        if value is not None and is_secret(name, value):
            start, at = value.span(value.lastgroup or "bare")
            yield text[done:start]
            yield mask(kind_of(name["key"]))
            done = at
    yield text[done:]


def _is_secret(name: re.Match[str], value: re.Match[str]) -> bool:
    """Whether the value is one: in ``token: expired``, ``secret=default/api-tls`` and ``password: $DB`` it is not."""
    text = value[value.lastgroup or "bare"]
    if not text or MASK.match(text) or shapes.STATE.fullmatch(text.rstrip(".!:")) or shapes.STAND_IN.fullmatch(text):
        return False
    if not _has_prefix(name) and _is_harmless_under(name["key"], text):
        return False
    if text.isdigit() and value.string.startswith(" bytes", value.end()):
        return False  # what kubectl says of a Secret
    is_prose = value["bare"] is not None and name["sign"] != ":" and name["sign"].strip() == ":"
    return not is_prose or _is_no_word(text) or (kind_of(name["key"]) == "password" and _is_own_line(name, value))


def _is_said(name: re.Match[str], value: re.Match[str]) -> bool:
    """Whether what follows in a sentence can be nothing but a secret: digits in it, and no form that others have."""
    text = value["bare"]
    if text.isdigit():
        return kind_of(name["key"]) == "password" and shapes.DIGITS.fullmatch(text) is not None
    if shapes.DIGIT.search(text) is None or MASK.match(text) or shapes.STAND_IN.fullmatch(text):
        return False
    if name["key"] == "secret" and len(text) < _LONGEST_NAME and text == text.lower():
        return False  # "secret postgres16a" is the object's own name
    return shapes.OBJECT_NAME.fullmatch(text) is None and shapes.SAID_OTHERWISE.fullmatch(text) is None


def _is_harmless_under(name: str, text: str) -> bool:
    """Whether the bare name means something else: a Secret's own name, a count, the working directory."""
    if name == "secret":
        return shapes.OBJECT_NAME.fullmatch(text) is not None
    return (name in {"token", "pass"} and text.isdigit()) or (name == "pwd" and text.startswith("/"))


def _is_no_word(text: str) -> bool:
    """In prose (``invalid token: signature ...``) a secret is told by its digits and signs."""
    return not text.endswith(":") and shapes.UNLIKE_A_WORD.search(text) is not None


def _is_own_line(name: re.Match[str], value: re.Match[str]) -> bool:
    """Whether name and value are all of their line, as in YAML."""
    if value.string[value.end() : value.end() + 1] not in {"", "\n", "\r"}:
        return False
    return _LINE_START.search(name.string[max(0, name.start() - _LONGEST_INDENT) : name.start()]) is not None


def _has_prefix(name: re.Match[str]) -> bool:
    """Whether the keyword is the end of a longer name (``client_secret``), not a name by itself."""
    return name.string[max(0, name.start("key") - 2) : name.start("key")].rstrip("_-")[-1:].isalnum()
