"""Where cards go: each destination has a language, a zone and a floor of its own."""

from __future__ import annotations

from typing import Annotated, Any, Final, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator

from functions.notify.core.cards import Level
from functions.notify.core.catalogue import Locale
from shared.domain.contract import Contract

_LANGUAGES: Final = {"en": Locale.EN, "zh-tw": Locale.ZH_TW, "zh-hant": Locale.ZH_TW}


def _locale(value: Any) -> Any:
    written = value.replace("_", "-").lower() if isinstance(value, str) else value
    return _LANGUAGES.get(written, value)


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        if value != "UTC":  # known even where the machine has no list of zones
            raise ValueError("must be a time zone such as Asia/Taipei") from None
    return value


Language = Annotated[Locale, BeforeValidator(_locale)]
"""``en`` or ``zh-TW``, also written ``zh_TW``."""

Zone = Annotated[str, AfterValidator(_zone)]
"""A name of the IANA time zone database."""

Chat = Annotated[str, BeforeValidator(lambda given: str(given) if isinstance(given, int) else given)]
"""A chat's number, such as ``-1001234567890``, or a channel's ``@name``."""


class Destination(Contract):
    """A chat of Telegram, or a URL of the notification library.

    Attributes:
        name: what logs call it; what waits for it waits under this name.
        topic: ``message_thread_id`` of a forum.
        floor: cards below this are not for it.
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")]
    chat: Chat | None = None
    topic: Annotated[int, Field(gt=0)] | None = None
    url: SecretStr | None = None
    locale: Language = Locale.EN
    floor: Level = Level.WARNING
    time_zone: Zone = "UTC"

    @model_validator(mode="after")
    def _is_one_place(self) -> Self:
        if (self.chat is None) == (self.url is None):
            raise ValueError("each destination has either a chat or a url")
        return self
