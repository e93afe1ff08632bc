"""CloudEvents 1.0 over HTTP, read strictly and written so that everybody can read them.

The SDK accepts an empty id, takes ``text/plain`` for JSON, never decodes percent signs and cannot read batches; a body
it fails on ends as a 500, which a broker delivers again ten times. So the three content modes are read here, by the
HTTP binding's own rules (percent-encoding 3.1.3.2, modes by content type 3), into the one ``Event`` of the domain.

Attributes are printable ASCII, whatever way they came in, so no attribute can carry a line break into a header, a log
or a terminal. Data is JSON or nothing. What is not an event is ``Malformed``; the texts name attributes that the
specification names, and never a value or a name that the caller chose.
"""

from __future__ import annotations

import base64
import json
import re
from contextlib import suppress
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, unquote

from shared.domain import strict_json
from shared.domain.errors import Malformed, TooLarge, Unprocessable, UnsupportedMedia
from shared.domain.events import Event, to_structured
from shared.domain.strict_json import JsonLimits

if TYPE_CHECKING:
    from collections.abc import Mapping

STRUCTURED_TYPE: Final = "application/cloudevents+json"
BATCH_TYPE: Final = "application/cloudevents-batch+json"
MAX_BATCH: Final = 500

_FIRST_YEAR: Final = 1970
_MAX_ID: Final = 128
_MAX_SOURCE: Final = 512
_MAX_TYPE: Final = 256
_MAX_SUBJECT: Final = 256
_MAX_EXTENSION: Final = 4096  # brokers add the address that failed and 1,024 characters of its answer
_MAX_EXTENSIONS: Final = 64
# 500 ordinary events have more values together than one document may; each is held to that limit on its own.
_BATCH_LIMITS: Final = JsonLimits(depth=strict_json.DEFAULT.depth + 1, nodes=50_000)

_URI_REFERENCE: Final = re.compile(r"(?:[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+", re.ASCII)
_EXTENSION_NAME: Final = re.compile(r"[a-z0-9]{1,64}", re.ASCII)
_RFC3339: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt](?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,9})?"
    r"(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
)
_QUOTED_PAIR: Final = re.compile(r"\\(.)", re.DOTALL)
_NOT_EXTENSIONS: Final = frozenset(
    {"specversion", "id", "source", "type", "time", "subject", "datacontenttype", "dataschema", "data"}
)
_PRINTABLE: Final = "".join(map(chr, range(0x21, 0x7F))).replace('"', "").replace("%", "")


class ContentMode(StrEnum):
    """What kind of request this is, as far as its headers tell."""

    STRUCTURED = "structured"
    BATCH = "batch"
    BINARY = "binary"
    PLAIN_JSON = "plain-json"
    TICK = "tick"


def kind(headers: Mapping[str, str], body: bytes) -> ContentMode:
    """The way this request came in.

    A tick is what a cron connector sends: an empty body, no content type, no CloudEvent attributes.

    Args:
        headers: with lower-case names.
        body: all of it; only whether it is empty matters.

    Raises:
        UnsupportedMedia: nobody here reads this content type or encoding.
    """
    if headers.get("content-encoding", "identity").strip().lower() not in {"", "identity"}:
        raise UnsupportedMedia("send the body without Content-Encoding; compressed bodies are not read")
    media = _media_type(headers.get("content-type", ""))
    if media == STRUCTURED_TYPE:
        return ContentMode.STRUCTURED
    if media == BATCH_TYPE:
        return ContentMode.BATCH
    if not media.startswith("application/cloudevents"):
        if any(name.startswith("ce-") for name in headers):
            return ContentMode.BINARY
        if media == "application/json":
            return ContentMode.PLAIN_JSON
        if is_tick(headers, body):
            return ContentMode.TICK
    raise UnsupportedMedia("send a CloudEvent (JSON format or binary mode) or application/json")


def is_tick(headers: Mapping[str, str], body: bytes) -> bool:
    """Whether this is what a cron connector sends: nothing."""
    return not body and not headers.get("content-type") and not any(name.startswith("ce-") for name in headers)


def parse(headers: Mapping[str, str], body: bytes) -> list[Event]:
    """The events of one request: one, or up to ``MAX_BATCH`` of a batch.

    Args:
        headers: with lower-case names.
        body: all of it.

    Raises:
        Malformed: it is not JSON, or not CloudEvents 1.0.
        Unprocessable: it is deeper or larger than documents may be.
        TooLarge: the batch has more than ``MAX_BATCH`` events.
        UnsupportedMedia: it is no CloudEvent, or one whose data is not JSON.
    """
    match kind(headers, body):
        case ContentMode.STRUCTURED:
            return [_event(strict_json.loads(body))]
        case ContentMode.BATCH:
            return _batch(body)
        case ContentMode.BINARY:
            return [_binary(headers, body)]
        case ContentMode.PLAIN_JSON | ContentMode.TICK:
            raise UnsupportedMedia("send a CloudEvent: structured, batch or binary")


def dumps_structured(event: Event) -> bytes:
    """The event as one ASCII line of JSON, to be sent as ``STRUCTURED_TYPE``."""
    return json.dumps(to_structured(event), separators=(",", ":"), allow_nan=False).encode("ascii")


def binary_headers(event: Event) -> dict[str, str]:
    """The headers of the event in binary mode; ``binary_body`` goes with them.

    Raises:
        ValueError: an extension's name is not one.
    """
    attributes = to_structured(event)
    attributes.pop("data", None)
    content_type = attributes.pop("datacontenttype", None)
    if any(name in _NOT_EXTENSIONS or not _EXTENSION_NAME.fullmatch(name) for name in event.extensions):
        raise ValueError("an extension's name is 1-64 lower-case letters and digits, and none of the core names")
    headers = {f"ce-{name}": quote(value, safe=_PRINTABLE) for name, value in attributes.items()}
    return headers if content_type is None else {**headers, "content-type": content_type}


def binary_body(event: Event) -> bytes:
    """The body of the event in binary mode; empty when it has no data."""
    if event.data is None:
        return b""
    return json.dumps(event.data, separators=(",", ":"), allow_nan=False).encode("ascii")


def _media_type(content_type: str) -> str:
    """The media type without parameters, in lower case; JSON has no other encoding than UTF-8."""
    media, _, parameters = content_type.partition(";")
    for parameter in parameters.split(";") if parameters else ():
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset" and value.strip(' \t"').lower() not in {"utf-8", "utf8", "us-ascii"}:
            raise UnsupportedMedia("send the body as UTF-8")
    return media.strip().lower()


def _batch(body: bytes) -> list[Event]:
    documents = strict_json.loads(body, _BATCH_LIMITS)
    if not isinstance(documents, list) or not documents:
        raise Malformed("a batch is a JSON array of at least one CloudEvent")
    if len(documents) > MAX_BATCH:
        raise TooLarge(f"the batch has more than {MAX_BATCH} events; send it in parts")
    most = strict_json.DEFAULT.nodes
    if len(body) >= 2 * most and any(strict_json.count_nodes(document) > most for document in documents):
        raise Unprocessable(f"an event in the batch has more than {most} values")
    return [_event(document) for document in documents]


def _event(document: Any) -> Event:
    """One event of the JSON format."""
    if not isinstance(document, dict):
        raise Malformed("a CloudEvent is a JSON object")
    # The JSON format (2.2): an attribute that is null is absent.
    attributes = {name: value for name, value in document.items() if value is not None}
    _check_data_type(attributes.pop("datacontenttype", "application/json"))
    encoded = attributes.pop("data_base64", None)
    if encoded is None:
        return _build(attributes, attributes.pop("data", None))
    if "data" in attributes:
        raise Malformed("a CloudEvent has data or data_base64, not both")
    return _build(attributes, strict_json.loads(_decoded(encoded), strict_json.EVENT_DATA))


def _binary(headers: Mapping[str, str], body: bytes) -> Event:
    """One event whose attributes are headers and whose data is the body."""
    attributes = {name[3:]: _header_value(value) for name, value in headers.items() if name.startswith("ce-")}
    if "data" in attributes or "datacontenttype" in attributes:
        raise Malformed("in binary mode the body is the data and Content-Type its type; drop the headers for them")
    _check_data_type(headers.get("content-type", "application/json"))
    return _build(attributes, strict_json.loads(body, strict_json.EVENT_DATA) if body else None)


def _build(attributes: dict[str, Any], data: Any) -> Event:
    """The event of these attributes; what is left after the core ones are its extensions."""
    if attributes.pop("specversion", None) != "1.0":
        raise Malformed('specversion must be "1.0"')
    subject = attributes.pop("subject", None)
    time = attributes.pop("time", None)
    if not isinstance(attributes.pop("dataschema", ""), str):  # not kept: our own models are the schema
        raise Malformed("dataschema must be a URI")
    return Event(
        id=_printable(attributes.pop("id", None), "id", _MAX_ID),
        source=_source(attributes.pop("source", None)),
        type=_printable(attributes.pop("type", None), "type", _MAX_TYPE),
        time=None if time is None else _time(time),
        subject=None if subject is None else _printable(subject, "subject", _MAX_SUBJECT),
        data=data,
        extensions=_extensions(attributes),
    )


def _check_data_type(content_type: Any) -> None:
    if not isinstance(content_type, str):
        raise Malformed("datacontenttype must be a media type")
    media = _media_type(content_type)
    if media and media not in {"application/json", "text/json"} and not media.endswith("+json"):
        raise UnsupportedMedia("the data of an event must be JSON")


def _decoded(encoded: Any) -> bytes:
    if isinstance(encoded, str):
        with suppress(ValueError):
            return base64.b64decode(encoded, validate=True)
    raise Malformed("data_base64 is not Base64")


def _header_value(value: str) -> str:
    """An attribute as a header carries it: perhaps quoted (older senders), then percent-encoded UTF-8."""
    value = value.strip(" \t")
    if len(value) > 1 and value[0] == value[-1] == '"':
        value = _QUOTED_PAIR.sub(r"\1", value[1:-1])
    # Bytes that are no UTF-8 become U+FFFD, which no attribute may hold.
    return unquote(value, errors="replace") if "%" in value else value


def _printable(value: Any, name: str, most: int) -> str:
    """The text of an attribute: spaces inside are fine, at its ends they would be lost in a header or a log."""
    if isinstance(value, str) and 0 < len(value) <= most and _is_plain(value) and value.strip() == value:
        return value
    raise Malformed(f"{name} must be 1-{most} printable ASCII characters without spaces at the ends")


def _is_plain(text: str) -> bool:
    return text.isascii() and text.isprintable()


def _source(value: Any) -> str:
    source = _printable(value, "source", _MAX_SOURCE)
    if not _URI_REFERENCE.fullmatch(source):
        raise Malformed("source must be a URI-reference")
    return source


def _time(value: Any) -> datetime:
    if isinstance(value, str) and _RFC3339.fullmatch(value):
        with suppress(ValueError, OverflowError):  # no such day, or out of the calendar in UTC
            moment = datetime.fromisoformat(value.upper()).astimezone(UTC)
            if moment.year >= _FIRST_YEAR:
                return moment
    raise Malformed("time must be RFC 3339 with an offset, 1970 or later, such as 2026-01-31T12:00:00Z")


def _extensions(attributes: dict[str, Any]) -> dict[str, str]:
    if len(attributes) > _MAX_EXTENSIONS:
        raise Malformed(f"an event has at most {_MAX_EXTENSIONS} extension attributes")
    if not all(map(_EXTENSION_NAME.fullmatch, attributes)):
        raise Malformed("an attribute's name is 1-64 lower-case letters and digits")
    return {name: _extension(value) for name, value in attributes.items()}


def _extension(value: Any) -> str:
    """The value in its canonical string form (CloudEvents 1.0, type system)."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str) and len(value) <= _MAX_EXTENSION and _is_plain(value):
        return value
    raise Malformed(
        f"an extension attribute is a boolean, an integer or up to {_MAX_EXTENSION} printable ASCII characters"
    )
