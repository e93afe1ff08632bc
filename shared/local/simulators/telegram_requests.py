"""What a call to Telegram's Bot API brings, read as it reads it, and what it answers when it cannot."""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, urlsplit

from shared.local.simulators.telegram_html import BadEntities, Formatted, parse

if TYPE_CHECKING:
    from starlette.requests import Request

_ACTIONS: Final = ("url", "callback_data", "web_app", "login_url", "switch_inline_query", "pay")


class Refused(Exception):
    """A request that is answered with an error."""

    def __init__(self, status: int, description: str, **parameters: int) -> None:
        super().__init__(description)
        self.status = status
        self.description = description
        self.parameters = parameters


@dataclass(slots=True)
class Parameters:
    """What a call brought, whatever way it was encoded."""

    given: Mapping[str, Any] = field(default_factory=dict)

    def text(self, name: str) -> str:
        """A parameter as text; nothing when it was not given."""
        value = self.given.get(name, "")
        return value if isinstance(value, str) else str(value)

    def object(self, name: str) -> Any:
        """A JSON object; a string holds one."""
        value = self.given.get(name)
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value)
        except ValueError:
            raise Refused(400, f"Bad Request: object expected as {name.replace('_', ' ')}") from None


async def read(request: Request) -> Parameters:
    """The parameters: in the query, as a form, or as JSON, as Telegram takes them all."""
    given: dict[str, Any] = dict(request.query_params)
    body = await request.body()
    try:
        if request.headers.get("content-type", "").startswith("application/json"):
            given |= json.loads(body or b"{}")
        elif body:
            given |= dict(parse_qsl(body.decode(), keep_blank_values=True))
    except (TypeError, ValueError):
        raise Refused(400, "Bad Request: can't parse JSON") from None
    try:
        json.dumps(given, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise Refused(400, "Bad Request: strings must be encoded in UTF-8") from None
    return Parameters(given)


def formatted(update: Parameters) -> Formatted:
    """The text of a message with its entities; the only markup there is here is HTML."""
    mode, text = update.text("parse_mode").lower(), update.text("text")
    if mode == "":
        return Formatted(text, ())
    if mode != "html":
        raise Refused(400, "Bad Request: unsupported parse_mode")
    try:
        return parse(text)
    except BadEntities as error:
        raise Refused(400, f"Bad Request: can't parse entities: {error}") from None


def buttons(markup: Any) -> list[tuple[str, str]]:
    """The links of an inline keyboard; other keyboards are none of this simulator's."""
    if markup is None:
        return []
    rows = markup.get("inline_keyboard") if isinstance(markup, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise Refused(400, "Bad Request: object expected as reply markup")
    return [_button(each) for row in rows for each in row]


def _button(given: Any) -> tuple[str, str]:
    if not isinstance(given, dict):
        raise Refused(400, "Bad Request: can't parse inline keyboard button: InlineKeyboardButton must be an Object")
    if not str(given.get("text", "")).strip():
        raise Refused(400, "Bad Request: can't parse inline keyboard button: Text buttons must have text")
    if len([action for action in _ACTIONS if action in given]) != 1:
        raise Refused(
            400, "Bad Request: can't parse inline keyboard button: Text buttons are unallowed in the keyboard"
        )
    url = str(given.get("url", ""))
    if "url" in given and not _is_link(url):
        raise Refused(400, f"Bad Request: inline keyboard button URL '{url}' is invalid: Wrong HTTP URL")
    return str(given["text"]), url


def _is_link(url: str) -> bool:
    """Telegram wants a host with a dot in it, or a number."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    if parts.scheme not in {"http", "https", "tg"} or re.search(r"\s", url):
        return False
    return parts.scheme == "tg" or "." in host.strip(".") or _is_number(host)


def _is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def too_many(seconds: int) -> Refused:
    """What a bot that is too fast is told."""
    return Refused(429, f"Too Many Requests: retry after {seconds}", retry_after=seconds)
