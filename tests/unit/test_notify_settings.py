"""notify starts with what it is given, and says in one sentence what is wrong."""

from __future__ import annotations

import json
import logging
import sys

import pytest

from functions.notify.apprise_channel import AppriseChannel
from functions.notify.channels import receivers
from functions.notify.core.cards import Level
from functions.notify.core.catalogue import Locale
from functions.notify.settings import Settings
from functions.notify.telegram import TelegramChannel
from shared.adapters.http import HttpClient
from shared.domain.errors import ConfigurationError

TOKEN = "123456:AAH-CANARY-token"
SIMPLE = {"TELEGRAM_BOT_TOKEN": TOKEN, "SRE_GROUP_CHAT_ID": "-1001"}


def load(**given):
    values = {name: value if isinstance(value, str) else json.dumps(value) for name, value in given.items()}
    return Settings.load({"AUTH_MODE": "network", "DATABASE_URL": "postgresql://u@h/d", **values})


def complaint(**given):
    with pytest.raises(ConfigurationError) as refused:
        load(**given)
    return str(refused.value)


def test_no_channel_is_required():
    assert load().destinations == ()
    assert load(TELEGRAM_BOT_TOKEN=TOKEN).destinations == ()


def test_the_simple_form_is_one_destination():
    settings = load(**SIMPLE, LOCALE="zh_TW", NOTIFY_FLOOR="critical", SRE_GROUP_TOPIC_ID="7")
    (found,) = settings.destinations
    assert (found.name, found.chat, found.topic, found.locale, found.floor) == (
        *("sre", "-1001", 7),
        *(Locale.ZH_TW, Level.CRITICAL),
    )


def test_each_destination_has_its_own_language_zone_and_floor():
    more = [
        {"name": "lead", "chat": -1002, "locale": "zh-TW", "floor": "info", "time_zone": "Asia/Taipei"},
        {"name": "ops", "url": "json://e.example"},
    ]
    sre, url, lead, ops = load(**SIMPLE, NOTIFY_URLS="mailto://e.example", NOTIFY_DESTINATIONS=more).destinations
    assert (sre.locale, sre.floor, url.name) == (Locale.EN, Level.WARNING, "url-1")
    assert (lead.chat, lead.locale, lead.floor, lead.time_zone) == ("-1002", Locale.ZH_TW, Level.INFO, "Asia/Taipei")
    assert (ops.url.get_secret_value(), ops.floor) == ("json://e.example", Level.WARNING)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"SRE_GROUP_CHAT_ID": "-1"}, "a chat is set and TELEGRAM_BOT_TOKEN is not; set both, or neither"),
        ({"LOCALE": "fr"}, "LOCALE: Input should be 'en' or 'zh-TW'"),
        ({"NOTIFY_FLOOR": "loud"}, "NOTIFY_FLOOR: Input should be 'info', 'warning', 'violation' or 'critical'"),
        ({"NOTIFY_TIME_ZONE": "Mars/Base"}, "NOTIFY_TIME_ZONE: Value error, must be a time zone such as Asia/Taipei"),
        ({"NOTIFY_DESTINATIONS": [{"name": "a"}]}, "each destination has either a chat or a url"),
        ({"NOTIFY_DESTINATIONS": [{"name": "A b", "chat": "1"}]}, "NOTIFY_DESTINATIONS: String should match pattern"),
        ({"NOTIFY_DESTINATIONS": "{"}, "NOTIFY_DESTINATIONS: Value error"),
        ({**SIMPLE, "NOTIFY_DESTINATIONS": [{"name": "sre", "chat": "1"}]}, "have the same name"),
        ({"NOTIFY_LINKS": {"party": "https://e.example"}}, "party is no button"),
        ({"NOTIFY_LINKS": {"evidence": "https://e.example/{secret}"}}, "{secret} is unknown; there are alert,"),
        ({"NOTIFY_LINKS": {"evidence": "http://localhost/{incident}"}}, "evidence must be an http or https URL"),
        ({"NOTIFY_LINKS": {"evidence": "https://e.example/{incident"}}, "NOTIFY_LINKS: Value error"),
        ({"TELEGRAM_API_URL": "telegram"}, "TELEGRAM_API_URL: String should match pattern"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(given, sentence):
    assert sentence in complaint(**given)


def test_no_complaint_repeats_a_token_or_a_url():
    urls = {
        "NOTIFY_URLS": "slack://CANARY",
        "NOTIFY_DESTINATIONS": [{"name": "a", "url": "slack://CANARY", "chat": "1"}],
    }
    assert "CANARY" not in complaint(TELEGRAM_BOT_TOKEN=TOKEN, **urls)


def test_a_chat_is_asked_through_the_api_that_is_set():
    settings = load(**SIMPLE, TELEGRAM_API_URL="https://telegram.example/")
    (receiver,) = receivers(settings, HttpClient())
    assert isinstance(receiver.channel, TelegramChannel)
    assert receiver.view.limit == 4096


def test_a_url_without_the_library_is_refused_at_the_start(monkeypatch):
    monkeypatch.setitem(sys.modules, "apprise", None)
    with pytest.raises(ConfigurationError, match=r"apprise is not installed; install aftercare\[notify\]") as refused:
        receivers(load(NOTIFY_URLS="slack://CANARY"), HttpClient())
    assert "CANARY" not in str(refused.value)


def test_the_library_is_not_loaded_for_telegram():
    receivers(load(**SIMPLE), HttpClient())
    assert "apprise" not in sys.modules


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the library's own
def test_a_url_that_the_library_does_not_understand_is_refused_and_never_repeated(caplog):
    pytest.importorskip("apprise")
    caplog.set_level(logging.DEBUG)
    with pytest.raises(ConfigurationError, match="the URL of the destination ops") as refused:
        AppriseChannel("nonsense://CANARY", name="ops", timeout_s=1)
    assert "CANARY" not in str(refused.value) + caplog.text
