"""notify's settings. No channel is required: without one, cards are answered for and logged."""

from __future__ import annotations

from collections.abc import Iterator
from json import loads
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator

from functions.notify.core.cards import Level
from functions.notify.core.catalogue import Locale
from functions.notify.core.destinations import Destination, Language, Zone
from functions.notify.core.links import BUTTONS, NAMES, is_address, names_in
from shared.runtime.settings import DatabaseSettings, Seconds, ServingSettings


def _json(given: Any) -> Any:
    return loads(given) if isinstance(given, str) else given


def _links(given: dict[str, str]) -> dict[str, str]:
    for button, address in given.items():
        if button not in BUTTONS or button == "issue":
            raise ValueError(f"{button[:32]} is no button; there are evidence, rollback, runbook and dashboard")
        if unknown := names_in(address) - NAMES:
            raise ValueError(f"{{{min(unknown)[:32]}}} is unknown; there are {', '.join(sorted(NAMES))}")
        if not is_address(address.format_map(dict.fromkeys(NAMES, "x"))):
            raise ValueError(f"{button} must be an http or https URL with a full host name; chats refuse others")
    return given


class Settings(ServingSettings, DatabaseSettings):
    """What notify reads from the environment."""

    telegram_bot_token: SecretStr | None = None
    """The bot's token, from @BotFather."""
    telegram_api_url: Annotated[str, Field(pattern=r"^https?://")] = "https://api.telegram.org"
    """Telegram's Bot API, or a server of one's own."""
    sre_group_chat_id: str | None = None
    """The chat that is told, the simple way: with `LOCALE`, `NOTIFY_FLOOR` and `NOTIFY_TIME_ZONE`."""
    sre_group_topic_id: Annotated[int, Field(gt=0)] | None = None
    """The topic in that chat, if it is a forum."""
    locale: Language = Locale.EN
    """`en` or `zh-TW`."""
    notify_floor: Level = Level.WARNING
    """The least that is told: `info`, `warning`, `violation` or `critical`."""
    notify_time_zone: Zone = "UTC"
    """In which times are shown, such as `Asia/Taipei`."""
    notify_destinations: Annotated[list[Destination], BeforeValidator(_json)] = []
    """More places, as JSON: `[{"name": "lead", "chat": "-100…", "topic": 7, "locale": "zh-TW", "floor": "info"}]`."""
    notify_urls: SecretStr | None = None
    """More places, as URLs of apprise separated by spaces: Slack, Teams, mail, DingTalk, Feishu, WeCom, ..."""
    notify_links: Annotated[dict[str, str], BeforeValidator(_json), AfterValidator(_links)] = {}
    """Buttons, as JSON: `{"evidence": "https://console.example/incidents/{incident}"}`; only what is set is shown."""
    notify_gather_seconds: Seconds = 1.0
    """The wait after an event for others about the same incident, to leave as one message."""
    notify_interval_seconds: Seconds = 1.0
    """Between two messages to one destination."""
    notify_timeout_seconds: Annotated[float, Field(gt=0, le=10)] = 5.0
    """The longest wait for a channel's answer."""
    notify_repeat_seconds: Seconds = 21_600.0
    """A card that says the same is told once within this time."""
    notify_give_up_seconds: Annotated[float, Field(gt=0, le=2_592_000)] = 86_400.0
    """After this, what could not be delivered is marked failed."""

    @property
    def destinations(self) -> tuple[Destination, ...]:
        """Every place that is told."""
        return tuple(self._all())

    def _all(self) -> Iterator[Destination]:
        simple = {"locale": self.locale, "floor": self.notify_floor, "time_zone": self.notify_time_zone}
        if self.sre_group_chat_id:
            yield Destination(name="sre", chat=self.sre_group_chat_id, topic=self.sre_group_topic_id, **simple)
        urls = "" if self.notify_urls is None else self.notify_urls.get_secret_value()
        for number, url in enumerate(urls.split(), start=1):
            yield Destination(name=f"url-{number}", url=SecretStr(url), **simple)
        yield from self.notify_destinations

    @model_validator(mode="after")
    def _chats_have_a_token(self) -> Self:
        if self.telegram_bot_token is None and any(each.chat is not None for each in self.destinations):
            raise ValueError("a chat is set and TELEGRAM_BOT_TOKEN is not; set both, or neither")
        return self

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        names = [each.name for each in self.destinations]
        if len(set(names)) < len(names):
            raise ValueError("two entries of NOTIFY_DESTINATIONS have the same name, or one is called sre or url-1")
        return self
