"""Secrets taken out of what is stored, logged and sent.

Alerts, commands and manifests carry whatever people put into them. Structure decides first: a value under a telling
name, in a list of environment variables or headers, or in a Kubernetes Secret is masked whatever it looks like. Then
text is searched on two grounds: what a thing is called (``password=...``, ``Authorization: ...``, ``--token ...``,
``scheme://user:...@``) and what it looks like (tokens with a known prefix, private keys). There is no guess by
entropy: digests, commit ids and pod names are as random as secrets, and a log without them is of no use.

What is masked stays as it is: ``redact(redact(x)) == redact(x)``. How a mask looks is in :mod:`shared.domain.masks`.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from shared.domain import secret_shapes as shapes
from shared.domain.masks import MASK, mask
from shared.domain.named_secrets import is_qualified, kind_of, lower, without_named

_PAIR: Final = 2
_MOST_PASSES: Final = 5

# Under a telling name: fields that make an object a reference to a secret, and fields that only describe one.
_REFERENCES: Final = frozenset({"name", "secretname", "secret_name", "namespace"})
_DESCRIPTIONS: Final = ("path", "file", "name", "type", "kind", "version", "audience", "user", "mode", "url")


def redact(value: Any) -> Any:
    """A copy of a JSON value without its secrets; what holds none is equal to what came in."""
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, Mapping):
        return _object(value)
    if isinstance(value, list | tuple):
        return [value[0], mask(kind_of(value[0]))] if _is_named_pair(value) else list(_items(value))
    return value


def redact_text(text: str) -> str:
    """The text with every secret masked. Linear in its length, and a fast pass over text that holds none."""
    if not _may_hold_a_secret(text):
        return text
    # A mask may end what a secret was part of, and so uncover another; few texts need a second look to be settled.
    for _ in range(_MOST_PASSES):
        redacted = _redact_once(text)
        if redacted == text:
            break
        text = redacted
    return text


def _redact_once(text: str) -> str:
    text = shapes.PRIVATE_KEY.sub("[redacted:private-key]", text)
    if shapes.SECRET_OBJECT.search(text):
        text = _without_data(text)
    for place in shapes.PLACES:
        lowered = lower(text)
        if place.literal in lowered:
            text = "".join(_without(place, text, lowered))
    return shapes.TOKEN.sub(_token, without_named(text))


def _may_hold_a_secret(text: str) -> bool:
    return (
        ("@" in text and ("://" in text or "@tcp(" in text))
        or ":AA" in text  # Telegram
        or shapes.TRIGGER.search(text.lower()) is not None
        or (not text.isascii() and shapes.TRIGGER_ELSEWHERE.search(text) is not None)
    )


def _without_data(text: str) -> str:
    """The text of Kubernetes objects without the values of Secrets."""
    for objects, values in shapes.SECRET_DATA:
        pieces, done = list[str](), 0
        for found in objects.finditer(text):
            pieces += [text[done : found.start()], *_without(values, found[0], found[0])]
            done = found.end()
        text = "".join((*pieces, text[done:]))
    return text


def _without(place: shapes.Place, text: str, lowered: str) -> Iterator[str]:
    """The pieces of the text, with a mask for each secret in such a place, except where a mask stands already."""
    done = at = 0
    while found := place.pattern.search(lowered, at):
        start, at = found.span("s")
        if masked := MASK.match(text, start):
            at = masked.end()
        elif place.kind != "basic-credentials" or _is_basic(text[start:at]):
            yield text[done:start]
            yield mask(place.kind)
            done = at
    yield text[done:]


def _is_basic(text: str) -> bool:
    """Whether it is credentials: Base64 with a colon inside, which "basic authentication" is not."""
    with suppress(ValueError):
        return b":" in binascii.a2b_base64(text + "=" * (-len(text) % 4), strict_mode=True)
    return False


def _token(found: re.Match[str]) -> str:
    return mask(shapes.kind_of_token(found[0]), found[0])


def _is_telling(name: Any) -> bool:
    if not isinstance(name, str):
        return False
    lowered = name.lower()
    return is_qualified(lowered) or shapes.OTHER_TELLING_NAME.search(lowered) is not None


def _is_named_pair(value: Sequence[Any]) -> bool:
    """Whether it is a header or a variable as a list of two; ``["token", "rotation"]`` is not."""
    if len(value) != _PAIR or not all(isinstance(item, str) for item in value) or not _is_telling(value[0]):
        return False
    return shapes.UNLIKE_A_WORD.search(value[1]) is not None and not MASK.fullmatch(value[1])


def _items(value: Sequence[Any]) -> Iterator[Any]:
    """The items of a list, redacted; of a command line, with what follows ``--password`` hidden."""
    option = ""
    for item in value:
        is_text = isinstance(item, str)
        yield _hidden_text(item, option) if option and is_text and not item.startswith("-") else redact(item)
        option = item if is_text and item.startswith("--") and "=" not in item and _is_telling(item) else ""


def _object(fields: Mapping[Any, Any]) -> dict[Any, Any]:
    is_secret = fields.get("kind") == "Secret"
    variable = fields.get("name", fields.get("key"))

    def field(name: Any, value: Any) -> Any:
        if is_secret and name in {"data", "stringData"}:
            return _all_masked(value)
        if name == "value" and _is_telling(variable):
            return _hidden(value, variable)
        if name == "auth" and isinstance(value, str) and _is_basic(value):
            return mask("basic-credentials")  # of a container registry
        return _hidden(value, name) if _is_telling(name) else redact(value)

    return {name: field(name, value) for name, value in fields.items()}


def _hidden(value: Any, name: str) -> Any:
    """What is under a telling name, masked; references and descriptions of secrets are none."""
    if isinstance(value, str):
        return _hidden_text(value, name)
    if isinstance(value, Mapping):
        if any(isinstance(field, str) and field.lower() in _REFERENCES for field in value):
            return _object(value)
        return {field: _hidden_field(field, item, name) for field, item in value.items()}
    if isinstance(value, list | tuple):
        return [_hidden(item, name) for item in value]
    if isinstance(value, int | float) and not isinstance(value, bool) and kind_of(name) == "password":
        return mask("password")
    return value


def _hidden_field(field: Any, value: Any, name: str) -> Any:
    if _is_telling(field):
        return _hidden(value, field)
    is_description = isinstance(field, str) and field.lower().endswith(_DESCRIPTIONS)
    return redact(value) if is_description else _hidden(value, name)


def _all_masked(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _all_masked(item) for name, item in value.items()}
    return value if value is None or (isinstance(value, str) and MASK.fullmatch(value)) else mask("secret")


def _hidden_text(text: str, name: str) -> str:
    if not text or MASK.fullmatch(text) or shapes.STAND_IN.fullmatch(text):
        return text
    if found := shapes.TOKEN.fullmatch(text):
        return _token(found)
    redacted = redact_text(text)
    if "connection" in name.lower() and redacted != text:
        return redacted  # the host and the user are of use
    return mask(kind_of(name))
