"""Secrets taken out of what is stored, logged and sent.

Alerts, commands and manifests carry whatever people put into them. Structure decides first: a value under a telling
name, in a list of environment variables or headers, or in a Kubernetes Secret is masked whatever it looks like. Then
text is searched on two grounds: what a thing is called (``password=...``, ``Authorization: ...``, ``--token ...``,
``scheme://user:...@``) and what it looks like (tokens with a known prefix, private keys). There is no guess by
entropy: digests, commit ids and pod names are as random as secrets, and a log without them is of no use.

A mask names the kind and, for a token of 16 characters or more, its last four: enough to tell two apart. It holds no
hash, because the hash of a short secret is the secret to whoever can guess it. What is masked stays as it is:
``redact(redact(x)) == redact(x)``.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from shared.domain import secret_shapes as shapes

_MASK: Final = re.compile(r"\[redacted:[a-z-]{3,24}(?:\.\.[A-Za-z0-9_-]{4})?\]")
_TAIL: Final = re.compile(r"[A-Za-z0-9_-]{4}\Z")
_LONG_ENOUGH_FOR_A_TAIL: Final = 16
_LINE_START: Final = re.compile(r"(?:\n|\A)[ \t>-]*+[\w.-]*+\Z")
_LONGEST_INDENT: Final = 80
_LONGEST_QUALIFIER: Final = 24
_PAIR: Final = 2
_MOST_PASSES: Final = 5

_KIND_OF_NAME: Final = (
    ("password", re.compile(r"pass|pwd|密[碼码]|口令")),
    ("token", re.compile(r"token|令牌|權杖")),
    ("authorization", re.compile(r"authorization")),
    ("cookie", re.compile(r"cookie")),
    ("key", re.compile(r"key|鑰|钥")),
    ("secret", re.compile(r"")),
)
# Under a telling name: fields that make an object a reference to a secret, and fields that only describe one.
_REFERENCES: Final = frozenset({"name", "secretname", "secret_name", "namespace"})
_DESCRIPTION: Final = re.compile(r"(?:path|file|name|type|kind|version|audience|user|mode|url)\Z")


def redact(value: Any) -> Any:
    """A copy of a JSON value without its secrets; what holds none is equal to what came in."""
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, Mapping):
        return _object(value)
    if isinstance(value, list | tuple):
        items = [redact(item) for item in value]
        return [items[0], _mask(_kind_of(value[0]))] if _is_named_pair(value) else items
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
        lowered = _lowered(text)
        if place.literal in lowered:
            text = "".join(_without(place, text, lowered))
    text = "".join(_without_named(shapes.OPTION, text))
    text = "".join(_without_named(shapes.ASSIGNED, text))
    return shapes.TOKEN.sub(_token, text)


def _may_hold_a_secret(text: str) -> bool:
    return (
        ("@" in text and ("://" in text or "@tcp(" in text))
        or ":AA" in text  # Telegram
        or shapes.TRIGGER.search(text.lower()) is not None
        or (not text.isascii() and shapes.TRIGGER_ELSEWHERE.search(text) is not None)
    )


def _lowered(text: str) -> str:
    """The text in lower case and of the same length: what is found in it is at the same place in the text."""
    return text.replace("\u0130", "I").lower()  # the one letter whose lower case is two characters


def _mask(kind: str, token: str = "") -> str:
    tail = _TAIL.search(token) if len(token) >= _LONG_ENOUGH_FOR_A_TAIL else None
    return f"[redacted:{kind}..{tail[0]}]" if tail else f"[redacted:{kind}]"


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
        if mask := _MASK.match(text, start):
            at = mask.end()
        elif place.kind != "basic-credentials" or _is_basic(text[start:at]):
            yield text[done:start]
            yield _mask(place.kind)
            done = at
    yield text[done:]


def _is_basic(text: str) -> bool:
    """Whether it is credentials: Base64 with a colon inside, which "basic authentication" is not."""
    with suppress(ValueError):
        return b":" in base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    return False


def _token(found: re.Match[str]) -> str:
    return _mask(shapes.kind_of_token(found[0]), found[0])


def _without_named(names: re.Pattern[str], text: str) -> Iterator[str]:
    """The pieces of the text, with the secrets that are called so masked.

    What is called a secret and is none is passed over to the start of its value only: a secret may follow inside.
    """
    lowered = _lowered(text)
    done = at = 0
    while name := names.search(lowered, at):
        at = name.end()
        if not _is_qualified(lowered[max(0, name.start("key") - _LONGEST_QUALIFIER) : name.end("key")]):
            continue
        value = shapes.VALUE.match(text, at)
        if value is not None and _is_secret(name, value):
            start, at = value.span(value.lastgroup or "bare")
            yield text[done:start]
            yield _mask(_kind_of(name["key"]))
            done = at
    yield text[done:]


def _is_qualified(name: str) -> bool:
    return shapes.QUALIFIED.search(name) is not None


def _is_secret(name: re.Match[str], value: re.Match[str]) -> bool:
    """Whether the value is one: in ``token: expired``, ``secret=default/api-tls`` and ``password: $DB`` it is not."""
    text = value[value.lastgroup or "bare"]
    if not text or _MASK.match(text) or shapes.STATE.fullmatch(text.rstrip(".!:")) or shapes.STAND_IN.fullmatch(text):
        return False
    if not _has_prefix(name) and _is_harmless_under(name["key"], text):
        return False
    if text.isdigit() and value.string.startswith(" bytes", value.end()):
        return False  # what kubectl says of a Secret
    is_prose = value["bare"] is not None and name["sign"] != ":" and name["sign"].strip() == ":"
    return not is_prose or _is_no_word(text) or (_kind_of(name["key"]) == "password" and _is_own_line(name, value))


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


def _is_telling(name: Any) -> bool:
    if not isinstance(name, str):
        return False
    lowered = name.lower()
    return _is_qualified(lowered) or shapes.OTHER_TELLING_NAME.search(lowered) is not None


def _kind_of(name: str) -> str:
    return next(kind for kind, pattern in _KIND_OF_NAME if pattern.search(name.lower()))


def _is_named_pair(value: Sequence[Any]) -> bool:
    """Whether it is a header or a variable as a list of two; ``["token", "rotation"]`` is not."""
    if len(value) != _PAIR or not all(isinstance(item, str) for item in value) or not _is_telling(value[0]):
        return False
    return shapes.UNLIKE_A_WORD.search(value[1]) is not None and not _MASK.fullmatch(value[1])


def _object(fields: Mapping[Any, Any]) -> dict[Any, Any]:
    is_secret = fields.get("kind") == "Secret"
    variable = fields.get("name", fields.get("key"))

    def field(name: Any, value: Any) -> Any:
        if is_secret and name in {"data", "stringData"}:
            return _all_masked(value)
        if name == "value" and _is_telling(variable):
            return _hidden(value, variable)
        if name == "auth" and isinstance(value, str) and _is_basic(value):
            return _mask("basic-credentials")  # of a container registry
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
    if isinstance(value, int | float) and not isinstance(value, bool) and _kind_of(name) == "password":
        return _mask("password")
    return value


def _hidden_field(field: Any, value: Any, name: str) -> Any:
    if _is_telling(field):
        return _hidden(value, field)
    is_description = isinstance(field, str) and _DESCRIPTION.search(field.lower()) is not None
    return redact(value) if is_description else _hidden(value, name)


def _all_masked(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _all_masked(item) for name, item in value.items()}
    return value if value is None or (isinstance(value, str) and _MASK.fullmatch(value)) else _mask("secret")


def _hidden_text(text: str, name: str) -> str:
    if not text or _MASK.fullmatch(text) or shapes.STAND_IN.fullmatch(text):
        return text
    if found := shapes.TOKEN.fullmatch(text):
        return _token(found)
    redacted = redact_text(text)
    if "connection" in name.lower() and redacted != text:
        return redacted  # the host and the user are of use
    return _mask(_kind_of(name))
