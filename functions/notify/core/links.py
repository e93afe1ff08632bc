"""Where a card leads: URLs that settings spell out, filled with the names in the card.

Only links that work are shown. Telegram refuses a whole message for one button without a full host name, so an
address that is no such thing is refused at the start, and one that an event brings is shown as text.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from string import Formatter
from typing import Final
from urllib.parse import quote, urlsplit

from functions.notify.core.cards import Card

NAMES: Final = frozenset({"incident", "execution", "evidence", "alert", "event_type", "proposal"})
"""What may stand in braces in the address of a link."""

BUTTONS: Final = ("evidence", "rollback", "runbook", "dashboard", "issue")
"""The links there are, in the order in which they are shown."""

_LONGEST: Final = 1_024
_WRITTEN: Final = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True, slots=True)
class Link:
    """A button: which, and where it leads."""

    button: str
    url: str


def links(card: Card, templates: Mapping[str, str]) -> list[Link]:
    """The links of a card: those whose every name the card knows."""
    found = {button: url for button, template in templates.items() if (url := _filled(template, card.names))}
    if card.issue is not None:
        found["issue"] = card.issue
    return [Link(button, found[button]) for button in BUTTONS if button in found and is_address(found[button])]


def names_in(template: str) -> frozenset[str]:
    """The names in braces.

    Raises:
        ValueError: the braces do not match.
    """
    return frozenset(name for _, name, _, _ in Formatter().parse(template) if name is not None)


def is_address(url: str) -> bool:
    """Whether chats take it for a link: http or https, a host with a dot in it, nothing but printable ASCII."""
    if len(url) > _LONGEST or not _WRITTEN.fullmatch(url):
        return False
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    is_named = "." in host.strip(".") and not host.startswith(".")
    return parts.scheme in {"http", "https"} and (is_named or _is_ip(host))


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _filled(template: str, names: Mapping[str, str]) -> str | None:
    if not names_in(template) <= names.keys():
        return None
    return template.format_map({name: quote(value, safe="") for name, value in names.items()})
