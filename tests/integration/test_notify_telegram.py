"""The real adapter against a Telegram that refuses what the real one refuses."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from functions.notify.catalogues import catalogue
from functions.notify.channels import receivers
from functions.notify.core.attempts import Later, Lost, Refused, Shown
from functions.notify.core.catalogue import Locale
from functions.notify.core.describing import card_of
from functions.notify.core.rendering import Button, Message, View, render
from functions.notify.settings import Settings
from functions.notify.telegram import LIMIT, TelegramChannel
from shared.adapters.endpoints import Endpoint
from shared.adapters.http import HttpClient
from shared.local.simulators.faults import Fault
from shared.local.simulators.telegram import Chat, TelegramSimulator
from shared.testing.events import execution_verified
from shared.testing.notify import one_of_each, review_requested
from tests.in_process import InProcess

TOKEN = "123456:AAH-CANARY-token"
CHAT, FORUM = -1001, -1002
PLAIN = Message(html="<b>x</b> &amp; y", plain="x & y", buttons=())


@pytest.fixture
def telegram():
    made = TelegramSimulator(TOKEN)
    made.chats = {CHAT: Chat(), FORUM: Chat(topics=frozenset({7}))}
    return made


@pytest.fixture
async def channel(telegram):
    """From a chat to a channel of it."""
    async with InProcess(telegram.app()) as http:

        def make(chat=CHAT, topic=None, *, token=TOKEN, timeout_s=5.0):
            endpoint = Endpoint(http=http, url=f"http://telegram.example/bot{token}", timeout_s=timeout_s)
            return TelegramChannel(endpoint, chat=str(chat), topic=topic)

        yield make


def message(event, locale=Locale.EN, templates=None):
    view = View(catalogue=catalogue(locale), zone=UTC, limit=LIMIT, templates=templates or {})
    return render([card_of(event)], view)


async def test_a_card_arrives_with_its_topic_and_its_buttons(telegram, channel):
    links = {"evidence": "https://console.example/{incident}"}
    rendered = message(review_requested(), Locale.ZH_TW, links)

    assert await channel(FORUM, 7).show(rendered) == Shown("1")
    (posted,) = telegram.posted
    assert (posted.chat, posted.topic) == (FORUM, 7)
    assert posted.text.startswith("🟣 需要審查")
    assert [text for text, _ in posted.buttons] == ["證據", "議題"]
    assert {entity.type for entity in posted.entities} == {"bold", "italic", "code"}


async def test_without_links_there_is_no_keyboard(telegram, channel):
    await channel().show(message(execution_verified("failed")))
    assert telegram.posted[0].buttons == ()


@pytest.mark.parametrize("event", one_of_each(), ids=lambda event: event.id)
async def test_every_card_is_taken_at_the_first_try(telegram, channel, event):
    for locale in Locale:
        assert isinstance(await channel().show(message(event, locale)), Shown)
    assert len(telegram.asked) == 2


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    texts=st.lists(
        st.text(min_size=1, max_size=80)
        | st.sampled_from(["<b>", "&", "😀" * 3_000, "שלום \u202e", "</code><a href=x>", "x" * 9_000]),
        min_size=1,
        max_size=8,
    )
)
async def test_no_content_of_an_event_is_refused(texts):
    telegram = TelegramSimulator(TOKEN)
    telegram.chats = {CHAT: Chat()}
    event = execution_verified("failed", command="".join(texts))
    event.data["regressions"] = texts
    async with InProcess(telegram.app()) as http:
        channel = TelegramChannel(Endpoint(http=http, url=f"http://telegram.example/bot{TOKEN}"), chat=str(CHAT))
        assert await channel.show(message(event)) == Shown("1")
    assert len(telegram.asked) == 1


async def test_a_message_that_cannot_be_parsed_is_sent_once_more_as_plain_text(telegram, channel):
    broken = Message(html="<b>x", plain="x: <b>", buttons=[Button("E", "https://e.example")])
    assert await channel(FORUM, 7).show(broken) == Shown("1")
    (posted,) = telegram.posted
    assert (posted.text, posted.topic, posted.entities, posted.buttons) == ("x: <b>", 7, (), ())
    assert len(telegram.asked) == 2


async def test_a_button_that_is_refused_costs_the_button_and_not_the_message(telegram, channel):
    local = Message(html="x", plain="x\nE: http://localhost/1", buttons=[Button("E", "http://localhost/1")])
    assert isinstance(await channel().show(local), Shown)
    assert telegram.posted[0].text == "x\nE: http://localhost/1"


async def test_a_topic_that_is_gone_costs_the_topic_and_not_the_message(telegram, channel):
    assert isinstance(await channel(FORUM, 99).show(PLAIN), Shown)
    assert (telegram.posted[0].topic, telegram.posted[0].text) == (None, "x & y")


async def test_a_group_that_became_a_supergroup_is_followed(telegram, channel):
    telegram.chats[-5] = Chat(moved_to=CHAT)
    moving = channel(-5)
    assert isinstance(await moving.show(PLAIN), Shown)
    assert isinstance(await moving.show(PLAIN), Shown)
    assert [(posted.chat, bool(posted.entities)) for posted in telegram.posted] == [(CHAT, False), (CHAT, True)]
    assert len(telegram.asked) == 3


@pytest.mark.parametrize(
    ("chat", "token", "why"),
    [
        (-99, TOKEN, "400 Bad Request: chat not found"),
        (-6, TOKEN, "403 Forbidden: bot was kicked from the supergroup chat"),
        (CHAT, "1:wrong", "401 Unauthorized"),
        (CHAT, "wrong", "404 Not Found"),
    ],
)
async def test_a_wrong_setting_is_refused_with_telegrams_reason(telegram, channel, chat, token, why):
    telegram.chats[-6] = Chat(kicked=True)
    assert await channel(chat, token=token).show(PLAIN) == Refused(why)
    assert not telegram.posted


async def test_too_many_requests_say_how_long_to_wait(telegram, channel):
    telegram.retry_after_s = 17
    telegram.faults.add(Fault(status=429))
    assert await channel().show(PLAIN) == Later(17)
    assert len(telegram.asked) == 1


@pytest.mark.parametrize("status", [500, 502, 503])
async def test_an_error_of_the_server_leaves_it_open_whether_it_arrived(telegram, channel, status):
    telegram.faults.add(Fault(status=status))
    assert await channel().show(PLAIN) == Lost(f"answered {status}")


async def test_a_lost_reply_leaves_it_open_whether_it_arrived(telegram, channel):
    telegram.lost_replies = 1
    assert await channel(timeout_s=0.2).show(PLAIN) == Lost("timeout")
    assert len(telegram.posted) == 1


async def test_a_telegram_that_is_not_there():
    async with HttpClient() as http:
        endpoint = Endpoint(http=http, url=f"http://127.0.0.1:1/bot{TOKEN}", timeout_s=1)
        assert await TelegramChannel(endpoint, chat="1").show(PLAIN) == Lost("unreachable")


async def test_an_answer_that_is_not_telegrams_is_no_success():
    async def portal(scope, _receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"<html>Please log in</html>"})

    async with InProcess(portal) as http:
        endpoint = Endpoint(http=http, url="http://telegram.example/bot1:x")
        assert await TelegramChannel(endpoint, chat="1").show(PLAIN) == Lost("answered 200")


async def test_the_token_is_in_no_log_at_any_level_and_in_no_outcome(telegram, caplog):
    caplog.set_level(logging.DEBUG)
    async with telegram.serving() as url, HttpClient() as http:
        given = {
            "AUTH_MODE": "network",
            "DATABASE_URL": "postgresql://u@h/d",
            "TELEGRAM_API_URL": url,
            "TELEGRAM_BOT_TOKEN": TOKEN,
            "SRE_GROUP_CHAT_ID": str(CHAT),
            "NOTIFY_TIMEOUT_SECONDS": "1",
        }
        (receiver,) = receivers(Settings.load(given), http)
        outcomes = [await receiver.channel.show(PLAIN)]
        for fault in (Fault(status=500), Fault(status=None), Fault(status=404)):
            telegram.faults.add(fault)
            outcomes.append(await receiver.channel.show(PLAIN))
        telegram.token = "other:one"
        outcomes.append(await receiver.channel.show(PLAIN))

    assert [type(each) for each in outcomes] == [Shown, Lost, Lost, Refused, Refused]
    assert "CANARY" not in caplog.text + repr(outcomes)


async def test_destinations_are_asked_at_the_same_time(telegram, channel):
    telegram.faults.add(Fault(status=None, times=1))
    stuck = asyncio.create_task(channel().show(PLAIN))
    while not telegram.asked:  # noqa: ASYNC110 - the simulator tells nobody
        await asyncio.sleep(0.002)
    assert isinstance(await channel().show(PLAIN), Shown)
    assert not stuck.done()
    stuck.cancel()
