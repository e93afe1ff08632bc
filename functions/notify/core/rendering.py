"""From cards to a message: in a language, within a length, and twice: with Telegram's HTML and as plain text.

Values are cut *before* anything is rendered: markup that is cut afterwards is what chats refuse whole messages for.
Both texts are made of the same spans, so what fits as one fits as the other. Foreign words stand in ``<code>``, where
nothing in them becomes a mention, a command or a link.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from html import escape
from typing import Final, assert_never

from functions.notify.core.cards import Card, Fact, Kind, Level, Says
from functions.notify.core.catalogue import Catalogue
from functions.notify.core.links import Link, links
from functions.notify.core.texts import clean, cut, units

_SIGNS: Final[Mapping[Kind, str]] = {
    Kind.FIX_VERIFIED: "🟢",
    Kind.FIX_DEGRADED: "🟠",
    Kind.FIX_FAILED: "🔴",
    Kind.FIX_UNPROVEN: "⚪",
    Kind.FIX_RELAPSED: "🔴",
    Kind.ROLLBACK_PROPOSED: "🟠",
    Kind.REVIEW_REQUESTED: "🟣",
    Kind.PLAN_APPROVED: "🟣",
    Kind.ALERT_RESOLVED: "🟢",
    Kind.DRIFT_DETECTED: "🟡",
    Kind.QUARANTINED: "🟠",
}
_SIGNS_OF_ALERTS: Final[Mapping[Level, str]] = {Level.VIOLATION: "🟠", Level.CRITICAL: "🔴"}
_NOTED: Final = frozenset(
    {Kind.ROLLBACK_PROPOSED, Kind.REVIEW_REQUESTED, Kind.PLAN_APPROVED, Kind.QUARANTINED, Kind.FIX_UNPROVEN}
)
# How long a value may be, and how many facts a card may have: from generous to what always fits.
_SQUEEZES: Final = (
    (1_500, 30),
    (700, 30),
    (300, 30),
    (120, 24),
    (60, 12),
    (40, 6),
    (30, 3),
    (24, 1),
    (16, 0),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """How a destination sees things.

    Attributes:
        limit: the longest message, in UTF-16 units, as it is after markup is read.
        templates: addresses of links by button; see :mod:`functions.notify.core.links`.
    """

    catalogue: Catalogue
    zone: tzinfo
    limit: int
    templates: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Button:
    """A link with its name in the reader's language."""

    text: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What a channel is given: ``html`` is for chats that read it, with ``buttons`` below; ``plain`` says it all."""

    html: str
    plain: str
    buttons: Sequence[Button]


@dataclass(frozen=True, slots=True)
class Span:
    """A run of text in one style: an HTML tag without attributes, or none."""

    text: str
    tag: str = ""

    def html(self) -> str:
        """With markup, and with all that could be markup escaped."""
        text = escape(self.text, quote=False)
        return f"<{self.tag}>{text}</{self.tag}>" if self.tag and text else text


Line = Sequence[Span]


def render(cards: Sequence[Card], view: View, *, perhaps_repeated: bool = False) -> Message:
    """Cards about the same thing as one message that fits, whatever is in them.

    Args:
        cards: at most :data:`functions.notify.core.attempts.TOGETHER`.
        view: language, zone, limit and links.
        perhaps_repeated: whether it may have been shown before; the message then says so.
    """
    cards = [_cleaned(card) for card in cards]
    found = _links(cards, view)
    buttons = [Button(view.catalogue.text(f"button.{link.button}"), link.url) for link in found]
    lines: Sequence[Line] = ()
    for longest, most in _SQUEEZES:
        lines = list(_lines(cards, _Squeeze(view, longest, most), perhaps_repeated=perhaps_repeated))
        if units(_plain(lines)) <= view.limit:
            break
    html = "\n".join("".join(span.html() for span in line) for line in lines)
    return Message(html=html, plain=_with_addresses(_plain(lines), buttons, view.limit), buttons=buttons)


def _cleaned(card: Card) -> Card:
    """With texts that may be shown; names, which are quoted in addresses, are shown as well."""
    facts = [fact.model_copy(update={"value": clean(fact.value)}) for fact in card.facts]
    names = {name: clean(value) for name, value in card.names.items()}
    return card.model_copy(update={"facts": facts, "names": names, "subject": clean(card.subject or "")})


@dataclass(frozen=True, slots=True)
class _Squeeze:
    """How much of a card is said: the longest value, in units, and the most facts."""

    view: View
    longest: int
    most: int

    def value(self, text: str) -> Span:
        return Span(cut(text, self.longest), "code")

    def text(self, key: str, **values: object) -> str:
        return self.view.catalogue.text(key, **values)


def _lines(cards: Sequence[Card], squeeze: _Squeeze, *, perhaps_repeated: bool) -> Iterator[Line]:
    if len(cards) > 1:
        yield [Span(squeeze.text("message.together", count=len(cards)), "b")]
        yield []
    for number, card in enumerate(cards):
        if number:
            yield []
        yield from _card(card, squeeze)
    if perhaps_repeated:
        yield []
        yield [Span(squeeze.text("message.perhaps_repeated"), "i")]


def _card(card: Card, squeeze: _Squeeze) -> Iterator[Line]:
    yield [Span(_sign(card) + " "), Span(squeeze.text(f"title.{card.kind}"), "b"), *_headline(card, squeeze)]
    for fact in card.facts[: squeeze.most]:
        yield [Span(squeeze.text(f"label.{fact.label}") + ": "), _value(fact, squeeze)]
    if (left_out := len(card.facts) - squeeze.most) > 0:
        yield [Span(squeeze.text("message.left_out", count=left_out), "i")]
    if card.kind in _NOTED:
        yield [Span(squeeze.text(f"note.{card.kind}"), "i")]


def _sign(card: Card) -> str:
    return _SIGNS.get(card.kind) or _SIGNS_OF_ALERTS.get(card.level, "🟡")


def _headline(card: Card, squeeze: _Squeeze) -> Iterator[Span]:
    for text in (card.names.get("incident"), card.subject):
        if text:
            yield Span(" · ")
            yield squeeze.value(text)


def _value(fact: Fact, squeeze: _Squeeze) -> Span:
    match fact.says:
        case Says.WORD:
            return replace(squeeze.value(squeeze.text(fact.value)), tag="b")
        case Says.TIME:
            return Span(_moment(fact.value, squeeze.view.zone))
        case Says.TEXT:
            return squeeze.value(fact.value)
        case _ as never:
            assert_never(never)


def _moment(time: str, zone: tzinfo) -> str:
    at = datetime.fromisoformat(time)
    with suppress(OverflowError):  # the last hours of the year 9999 are in no zone east of UTC
        at = at.astimezone(zone)
    return f"{at:%Y-%m-%d %H:%M:%S %Z}"


def _plain(lines: Sequence[Line]) -> str:
    return "\n".join("".join(span.text for span in line) for line in lines)


def _links(cards: Sequence[Card], view: View) -> list[Link]:
    """Each button once: of the newest card that has it."""
    found = {link.button: link for card in cards for link in links(card, view.templates)}
    return list(found.values())


def _with_addresses(text: str, buttons: Sequence[Button], limit: int) -> str:
    """The text with as many links below it as fit."""
    for button in buttons:
        longer = f"{text}\n{button.text}: {button.url}"
        if units(longer) <= limit:
            text = longer
    return text
