"""The channels that the settings make possible."""

from __future__ import annotations

import logging
from datetime import UTC, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

from functions.notify import telegram
from functions.notify.apprise_channel import LIMIT as APPRISE_LIMIT
from functions.notify.apprise_channel import AppriseChannel
from functions.notify.catalogues import catalogue
from functions.notify.core.destinations import Destination
from functions.notify.core.rendering import View
from functions.notify.courier import Channel, Receiver
from functions.notify.settings import Settings
from functions.notify.telegram import TelegramChannel
from shared.adapters.endpoints import Endpoint
from shared.adapters.http import HttpClient

# The client's own log repeats every URL, and Telegram's has the token in it.
_CLIENT_LOG: Final = "httpx"


def receivers(settings: Settings, http: HttpClient) -> list[Receiver]:
    """Every destination with its channel.

    Raises:
        ConfigurationError: a URL needs what is not installed, or is not understood.
    """
    logging.getLogger(_CLIENT_LOG).setLevel(logging.WARNING)
    return [
        Receiver(
            destination=destination,
            channel=_channel(destination, settings, http),
            view=View(
                catalogue=catalogue(destination.locale),
                zone=_zone(destination.time_zone),
                limit=telegram.LIMIT if destination.url is None else APPRISE_LIMIT,
                templates=settings.notify_links,
            ),
        )
        for destination in settings.destinations
    ]


def _channel(destination: Destination, settings: Settings, http: HttpClient) -> Channel:
    timeout_s = settings.notify_timeout_seconds
    if destination.url is not None:
        return AppriseChannel(destination.url.get_secret_value(), name=destination.name, timeout_s=timeout_s)
    token = "" if settings.telegram_bot_token is None else settings.telegram_bot_token.get_secret_value()
    url = f"{settings.telegram_api_url.rstrip('/')}/bot{token}"
    endpoint = Endpoint(http=http, url=url, timeout_s=timeout_s)
    return TelegramChannel(endpoint, chat=destination.chat or "", topic=destination.topic)


def _zone(name: str) -> tzinfo:
    return UTC if name == "UTC" else ZoneInfo(name)
