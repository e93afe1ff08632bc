"""Telegram's Bot API: ``sendMessage``, as far as a card needs it.

The bot's token is part of the URL, so nothing of a URL, and no error that may carry one, leaves this module.

A message is tried in up to three forms, each giving up what Telegram may have objected to (it says only 400 for all of
them): with markup, buttons and topic; as plain text with its links spelled out; the same outside of the topic, which
may be gone. A group that became a supergroup says where it went, and is followed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from functions.notify.core.attempts import Later, Lost, Outcome, Refused, Shown
from functions.notify.core.rendering import Button, Message
from functions.notify.core.texts import clean, cut
from shared.adapters.endpoints import Endpoint, parsed
from shared.adapters.http import Answer
from shared.domain.calls import CallFailed
from shared.domain.redaction import redact_text

LIMIT: Final = 4_096
"""UTF-16 units of a message after its entities are parsed (core.telegram.org/bots/api#sendmessage)."""

_BUTTONS_IN_A_ROW: Final = 3
_WAIT_S: Final = 30.0
_LONGEST_REASON: Final = 200


class _Parameters(BaseModel):
    """What helps to do better (core.telegram.org/bots/api#responseparameters)."""

    model_config = ConfigDict(extra="ignore")

    retry_after: float | None = None
    migrate_to_chat_id: int | None = None


class _Sent(BaseModel):
    model_config = ConfigDict(extra="ignore")

    message_id: int


class _Reply(BaseModel):
    """Every answer's envelope."""

    model_config = ConfigDict(extra="ignore")

    ok: bool = False
    description: str = ""
    result: _Sent | None = None
    parameters: _Parameters = _Parameters()


class TelegramChannel:
    """One chat, or one topic of it.

    Args:
        endpoint: the API's address with the bot's token, up to the method.
        chat: its number or ``@name``.
        topic: of a forum; None for the chat itself.
    """

    def __init__(self, endpoint: Endpoint, *, chat: str, topic: int | None = None) -> None:
        self._endpoint = endpoint
        self._chat = chat
        self._topic = topic

    async def show(self, message: Message) -> Outcome:
        """See :class:`functions.notify.courier.Channel`."""
        outcome: Outcome = Lost("nothing was tried")
        for form in self._forms(message):
            try:
                answer = await self._endpoint.send("POST", "/sendMessage", {"chat_id": self._chat, **form})
            except CallFailed as failed:
                return Lost(failed.kind)
            reply = _read(answer)
            outcome = _outcome(answer.status, reply)
            if answer.status != HTTPStatus.BAD_REQUEST:
                return outcome
            if reply is not None and reply.parameters.migrate_to_chat_id is not None:
                self._chat = str(reply.parameters.migrate_to_chat_id)
        return outcome

    def _forms(self, message: Message) -> Iterator[Mapping[str, Any]]:
        topic = {} if self._topic is None else {"message_thread_id": self._topic}
        quiet = {"link_preview_options": {"is_disabled": True}}
        yield {"text": message.html, "parse_mode": "HTML", **quiet, **topic, **_keyboard(message.buttons)}
        plain = {"text": message.plain, **quiet}
        yield {**plain, **topic}
        if topic:
            yield plain


def _keyboard(buttons: Sequence[Button]) -> Mapping[str, Any]:
    shown = [{"text": button.text, "url": button.url} for button in buttons]
    rows = [shown[at : at + _BUTTONS_IN_A_ROW] for at in range(0, len(shown), _BUTTONS_IN_A_ROW)]
    return {"reply_markup": {"inline_keyboard": rows}} if rows else {}


def _read(answer: Answer) -> _Reply | None:
    """None when it is not Telegram that answers: a proxy, or half an answer."""
    try:
        return parsed(_Reply, answer.body)
    except CallFailed:
        return None


def _outcome(status: int, reply: _Reply | None) -> Outcome:
    if status == HTTPStatus.OK and reply is not None and reply.ok:
        return Shown(None if reply.result is None else str(reply.result.message_id))
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        wait_s = None if reply is None else reply.parameters.retry_after
        return Later(_WAIT_S if wait_s is None else max(wait_s, 1.0))
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.INTERNAL_SERVER_ERROR:
        said = "" if reply is None else cut(redact_text(clean(reply.description)), _LONGEST_REASON)
        return Refused(f"{status} {said}".strip())
    return Lost(f"answered {status}")
