"""Everything else people read: Slack, Teams, mail, DingTalk, Feishu, WeCom and more, through the library apprise.

It is an extra, and heavy: it is loaded when a URL asks for it, and not before.
"""

from __future__ import annotations

import asyncio
import logging
from importlib import import_module
from typing import Any, Final

from functions.notify.core.attempts import Lost, Outcome, Refused, Shown
from functions.notify.core.rendering import Message
from shared.domain.errors import ConfigurationError

LIMIT: Final = 1_900
"""UTF-16 units: what the strictest of the services shows in one message, less a margin for what they add."""

# What it says in its log, and what it sends with in theirs, repeats URLs, and the secrets in them.
_TALKERS: Final = ("apprise", "urllib3", "requests")


class AppriseChannel:
    """One URL of apprise; it may hold a secret, and is never repeated.

    Args:
        url: as apprise writes it, such as ``slack://token/#channel``.
        name: the destination's, for the complaint.
        timeout_s: for one message.

    Raises:
        ConfigurationError: apprise is not installed, or does not understand the URL.
    """

    def __init__(self, url: str, *, name: str, timeout_s: float) -> None:
        self._service = _library().Apprise()
        self._timeout_s = timeout_s
        if not self._service.add(url):
            raise ConfigurationError(f"the URL of the destination {name} is none that apprise understands")

    async def show(self, message: Message) -> Outcome:
        """See :class:`functions.notify.courier.Channel`."""
        try:
            async with asyncio.timeout(self._timeout_s):
                taken = await self._service.async_notify(body=message.plain, body_format="text")
        except TimeoutError:
            return Lost("timeout")
        except Exception as error:  # noqa: BLE001 - a hundred foreign plugins; what goes wrong in one is data
            return Lost(type(error).__name__)
        return Shown() if taken else Refused("the service did not take it")


def _library() -> Any:
    for talker in _TALKERS:
        logging.getLogger(talker).setLevel(logging.CRITICAL)
    try:
        return import_module("apprise")
    except ImportError:
        raise ConfigurationError(
            "a notification URL is set and apprise is not installed; install aftercare[notify] or unset NOTIFY_URLS"
        ) from None
