"""Telegram's Bot API, as far as a bot that sends messages meets it.

As a process::

    python -m shared.local.simulators.telegram --bot=1:token --chat=-1001 --chat=-1002=7,8

where ``-1002`` is a forum with two topics. ``GET /_simulator/messages`` lists what people would see;
``POST /_simulator/lost-replies`` with ``{"times": 1}`` lets the next messages arrive and their answers not.
"""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from shared.local.simulators.simulator import CONTROL, Simulator, options
from shared.local.simulators.telegram_html import Entity, units
from shared.local.simulators.telegram_requests import Parameters, Refused, buttons, formatted, read, too_many

if TYPE_CHECKING:
    from starlette.requests import Request

_TOKEN: Final = re.compile(r"\d+:[\w-]+", re.ASCII)
_NUMBER: Final = re.compile(r"-?\d{1,18}", re.ASCII)
_LONGEST: Final = 4_096
_REMEMBERED: Final = 1_000


@dataclass(slots=True, kw_only=True)
class Chat:
    """A group the bot is in.

    Attributes:
        topics: of a forum.
        moved_to: the supergroup it became.
        kicked: the bot is in it no more.
        per_second: messages it takes in a second; None for any number.
    """

    topics: frozenset[int] = frozenset()
    moved_to: int | None = None
    kicked: bool = False
    per_second: float | None = None
    free_at: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """A message that people see."""

    message_id: int
    chat: int
    topic: int | None
    text: str
    entities: tuple[Entity, ...]
    buttons: tuple[tuple[str, str], ...] = ()


class TelegramSimulator(Simulator):
    """``sendMessage`` and ``getMe`` of one bot.

    Args:
        token: the bot's.
        clock: seconds; only differences mean anything.

    Attributes:
        chats: those the bot may write to, by number.
        posted: what people see, oldest first.
        lost_replies: how many of the next messages arrive without an answer.
        retry_after_s: said by a fault of status 429.
    """

    name = "telegram"

    def __init__(self, token: str = "1:token", clock: Callable[[], float] = time.monotonic) -> None:  # noqa: S107
        super().__init__()
        self.token = token
        self.chats: dict[int, Chat] = {}
        self.posted: deque[Posted] = deque(maxlen=_REMEMBERED)
        self.lost_replies = 0
        self.retry_after_s = 1
        self._clock = clock
        self._count = 0

    def problem(self, status: int) -> Response:
        """An error as Telegram has it."""
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            return _error(too_many(self.retry_after_s))
        return _error(Refused(status, HTTPStatus(status).phrase))

    def routes(self) -> Sequence[BaseRoute]:
        """Every method is a path behind the bot's token."""
        return [Route("/bot{token}/{method}", self._call, methods=["GET", "POST"])]

    def controls(self) -> Sequence[BaseRoute]:
        """What was posted, and replies that get lost."""
        return [
            Route(f"{CONTROL}/messages", self._messages, methods=["GET", "DELETE"]),
            Route(f"{CONTROL}/lost-replies", self._lose, methods=["POST"]),
        ]

    async def _call(self, request: Request) -> Response:
        try:
            method = self._method(**request.path_params)
            result = method(await read(request))
        except Refused as refused:
            return _error(refused)
        if method == self._send and self.lost_replies > 0:
            self.lost_replies -= 1
            while (await request.receive())["type"] != "http.disconnect":
                pass
        return JSONResponse({"ok": True, "result": result})

    def _method(self, token: str, method: str) -> Callable[[Parameters], Mapping[str, Any]]:
        if not _TOKEN.fullmatch(token):
            raise Refused(404, "Not Found")
        if token != self.token:
            raise Refused(401, "Unauthorized")
        found = {"getme": self._me, "sendmessage": self._send}.get(method.lower())
        if found is None:
            raise Refused(404, "Not Found")
        return found

    def _me(self, _: Parameters) -> Mapping[str, Any]:
        return {"id": int(self.token.partition(":")[0]), "is_bot": True, "first_name": "aftercare"}

    def _send(self, update: Parameters) -> Mapping[str, Any]:
        number, chat = self._chat(update)
        shown = formatted(update)
        text = shown.text.strip()
        if not text:
            raise Refused(400, "Bad Request: message text is empty")
        if units(shown.text) > _LONGEST:
            raise Refused(400, "Bad Request: message is too long")
        links = buttons(update.object("reply_markup"))
        topic = _topic(update, chat)
        self._limit(chat)
        self._count += 1
        posted = Posted(
            message_id=self._count,
            chat=number,
            topic=topic,
            text=text,
            entities=shown.entities,
            buttons=tuple(links),
        )
        self.posted.append(posted)
        return {"message_id": posted.message_id, "date": int(time.time()), "chat": {"id": number}, "text": text}

    def _chat(self, update: Parameters) -> tuple[int, Chat]:
        written = update.text("chat_id").strip()
        if not written:
            raise Refused(400, "Bad Request: chat_id is empty")
        chat = self.chats.get(int(written)) if _NUMBER.fullmatch(written) else None
        if chat is None:
            raise Refused(400, "Bad Request: chat not found")
        if chat.moved_to is not None:
            text = "Bad Request: group chat was upgraded to a supergroup chat"
            raise Refused(400, text, migrate_to_chat_id=chat.moved_to)
        if chat.kicked:
            raise Refused(403, "Forbidden: bot was kicked from the supergroup chat")
        return int(written), chat

    def _limit(self, chat: Chat) -> None:
        if chat.per_second is None:
            return
        now = self._clock()
        if now < chat.free_at:
            raise too_many(max(1, round(chat.free_at - now)))
        chat.free_at = now + 1 / chat.per_second

    async def _messages(self, request: Request) -> Response:
        if request.method == "DELETE":
            self.posted.clear()
            return Response(status_code=204)
        return JSONResponse([asdict(each) for each in self.posted])

    async def _lose(self, request: Request) -> Response:
        try:
            self.lost_replies = int((await request.json())["times"])
        except (KeyError, TypeError, ValueError):
            return PlainTextResponse("An object with times is wanted\n", 400)
        return Response(status_code=204)


def _topic(update: Parameters, chat: Chat) -> int | None:
    written = update.text("message_thread_id")
    if written in {"", "0"}:
        return None
    if not _NUMBER.fullmatch(written) or int(written) not in chat.topics:
        raise Refused(400, "Bad Request: message thread not found")
    return int(written)


def _error(refused: Refused) -> Response:
    body: dict[str, Any] = {"ok": False, "error_code": refused.status, "description": refused.description}
    if refused.parameters:
        body["parameters"] = refused.parameters
    return JSONResponse(body, refused.status)


def _chats(given: Iterable[str]) -> dict[int, Chat]:
    found = {}
    for each in given:
        number, _, topics = each.partition("=")
        found[int(number)] = Chat(topics=frozenset(int(topic) for topic in topics.split(",") if topic))
    return found


def main() -> None:
    """Run as a process."""
    bot = {"default": "1:token", "metavar": "TOKEN", "help": "of the bot"}
    chat = {"action": "append", "default": [], "metavar": "NUMBER[=TOPIC,...]", "help": "a chat it may write to"}
    chosen = options("A Telegram that is not there.", ("--bot", bot), ("--chat", chat))
    simulator = TelegramSimulator(chosen.bot)
    simulator.chats = _chats(chosen.chat)
    simulator.run(chosen)


if __name__ == "__main__":
    main()
