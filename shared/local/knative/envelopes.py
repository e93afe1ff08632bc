"""CloudEvents 1.0 over HTTP, as a broker sees them: attributes and bytes, never the meaning of the data.

Written apart from the functions' own parser on purpose: an error in one does not hide the same error in the other.
"""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, NoReturn
from urllib.parse import quote, unquote

from shared.domain.errors import Malformed

if TYPE_CHECKING:
    from collections.abc import Mapping

STRUCTURED: Final = "application/cloudevents+json"

_REQUIRED: Final = ("id", "source", "specversion", "type")
_NAME: Final = re.compile(r"[a-z0-9]+")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_MEDIA_TYPE: Final = re.compile(r"[!-~]+/[!-~]([ -~]*[!-~])?")
# HTTP binding 3.1.3.2: printable ASCII travels as it is, except the space, the double quote and the percent sign.
_UNQUOTED: Final = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '"%')


@dataclass(frozen=True, slots=True)
class Envelope:
    """One event.

    Attributes:
        attributes: context attributes and extensions; ``datacontenttype`` is among them when there is data.
        data: as it goes over the wire; empty for none.
    """

    attributes: Mapping[str, str]
    data: bytes = b""

    def extended(self, extensions: Mapping[str, str]) -> Envelope:
        """The same event with more, or other, extensions."""
        return Envelope({**self.attributes, **extensions}, self.data)


def read(headers: Mapping[str, str], body: bytes) -> Envelope | None:
    """The event of a request or response, in either mode; None when it does not claim to be one.

    Args:
        headers: by lower-case name.
        body: as received.

    Raises:
        Malformed: it claims to be a CloudEvent 1.0 and is not a valid one.
    """
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type == STRUCTURED:
        envelope = _read_structured(body)
    elif media_type.startswith("application/cloudevents"):
        raise Malformed(f"{media_type} is not accepted by a broker; send each event as {STRUCTURED}")
    elif "ce-specversion" in headers:
        envelope = _read_binary(headers, body)
    else:
        return None
    _validate(envelope.attributes)
    return envelope


def write(envelope: Envelope) -> tuple[dict[str, str], bytes]:
    """Headers and body in binary mode."""
    headers = {
        f"ce-{name}": quote(value, safe=_UNQUOTED)
        for name, value in envelope.attributes.items()
        if name != "datacontenttype"
    }
    if envelope.data:
        headers["content-type"] = envelope.attributes.get("datacontenttype", "application/json")
    return headers, envelope.data


def document(envelope: Envelope) -> dict[str, Any]:
    """The event in CloudEvents' JSON format."""
    shown: dict[str, Any] = dict(envelope.attributes)
    if envelope.data:
        try:
            shown["data"] = json.loads(envelope.data)
        except ValueError:
            shown["data_base64"] = base64.b64encode(envelope.data).decode()
    return shown


def _read_binary(headers: Mapping[str, str], body: bytes) -> Envelope:
    try:
        attributes = {
            name.removeprefix("ce-"): unquote(value, errors="strict")
            for name, value in headers.items()
            if name.startswith("ce-") and value
        }
    except UnicodeDecodeError as error:
        raise Malformed("a ce- header is percent-encoded, and not UTF-8") from error
    if body:
        attributes["datacontenttype"] = headers.get("content-type", "application/json")
    return Envelope(attributes, body)


def _read_structured(body: bytes) -> Envelope:
    try:
        fields = json.loads(body, parse_constant=_refuse_constant)
        if not isinstance(fields, dict):
            raise Malformed("a structured CloudEvent is a JSON object")
        content, encoded = fields.pop("data", None), fields.pop("data_base64", None)
        attributes = {name: _as_text(name, value) for name, value in fields.items() if value not in (None, "")}
        media_type = attributes.get("datacontenttype", "application/json")
        data = _encode(content, media_type) if encoded is None else base64.b64decode(encoded, validate=True)
    except (ValueError, TypeError, RecursionError) as error:
        raise Malformed("the body is not a CloudEvent in JSON format") from error
    if data:
        attributes["datacontenttype"] = media_type
    return Envelope(attributes, data)


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _as_text(name: str, value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    raise Malformed(f"the attribute {name} must be text, a whole number or a boolean")


def _encode(content: Any, media_type: str) -> bytes:
    if content is None:
        return b""
    if isinstance(content, str) and not media_type.partition(";")[0].strip().endswith(("/json", "+json")):
        return content.encode()
    return json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def _validate(attributes: Mapping[str, str]) -> None:
    for name in _REQUIRED:
        if not attributes.get(name):
            raise Malformed(f"the attribute {name} is missing or empty")
    if attributes["specversion"] != "1.0":
        raise Malformed("specversion must be 1.0")
    for name, value in attributes.items():
        if not _NAME.fullmatch(name) or name == "data":
            raise Malformed(f"{name[:40]!r} is not an attribute's name: lower-case letters and digits")
        if _CONTROL.search(value) or not _is_unicode(value):
            raise Malformed(f"the attribute {name} holds a control character or half a character")
    if not _MEDIA_TYPE.fullmatch(attributes.get("datacontenttype", "text/plain")):
        raise Malformed("datacontenttype is not a media type")
    try:
        moment = datetime.fromisoformat(attributes["time"]) if "time" in attributes else None
    except ValueError as error:
        raise Malformed("the attribute time is not an RFC 3339 timestamp") from error
    if moment is not None and moment.tzinfo is None:
        raise Malformed("the attribute time needs a time zone")


def _is_unicode(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
