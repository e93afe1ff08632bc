"""What ``aftercare doctor`` looks at for notify: that Telegram knows the bot. Nothing is posted."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from functions.notify.settings import Settings
from shared.adapters.endpoints import Endpoint
from shared.adapters.http import HttpClient
from shared.commands.findings import Check, Findings, ok, unset, wrong
from shared.domain.calls import CallFailed


def checks(environ: Mapping[str, str]) -> list[Check]:
    """One.

    Raises:
        ConfigurationError: the settings are wrong.
    """
    settings = Settings.load(environ)
    return [Check("telegram", lambda: _telegram(settings))]


async def _telegram(settings: Settings) -> Findings:
    if not settings.destinations:
        yield unset("channels", "SRE_GROUP_CHAT_ID, NOTIFY_DESTINATIONS and NOTIFY_URLS are not set: nobody is told")
        return
    if settings.telegram_bot_token is None:
        yield unset("telegram", "TELEGRAM_BOT_TOKEN is not set: other channels are told")
        return
    url = f"{settings.telegram_api_url.rstrip('/')}/bot{settings.telegram_bot_token.get_secret_value()}"
    async with HttpClient() as http:
        try:
            answer = await Endpoint(http=http, url=url, timeout_s=settings.notify_timeout_seconds).get("/getMe")
        except CallFailed as error:
            yield wrong("telegram", f"no answer ({error})", "Let this host reach TELEGRAM_API_URL, or correct it.")
            return
    if answer.status == HTTPStatus.OK:
        yield ok("telegram", "knows the bot")
    else:
        fix = "Set TELEGRAM_BOT_TOKEN to the token that @BotFather gave."
        yield wrong("telegram", f"does not know the bot ({answer.status})", fix)
