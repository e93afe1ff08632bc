"""The Telegram that is not there refuses what the real one refuses, in its words."""

from __future__ import annotations

import asyncio
import sys

import httpx
import pytest

from shared.local.simulators.faults import Fault
from shared.local.simulators.telegram import Chat, TelegramSimulator
from shared.local.simulators.telegram_html import BadEntities, Entity, Formatted, parse, units

CHAT, FORUM = -1001, -1002
LINK = "https://e.example"
BAD_BUTTON = "can't parse inline keyboard button"


@pytest.fixture
def simulator():
    made = TelegramSimulator("12:AA_bb")
    made.chats = {CHAT: Chat(), FORUM: Chat(topics=frozenset({7}))}
    return made


@pytest.fixture
async def http(simulator):
    async with httpx.AsyncClient(transport=httpx.ASGITransport(simulator.app()), base_url="http://telegram") as client:
        yield client


async def send(http, **parameters):
    return await http.post("/bot12:AA_bb/sendMessage", json={"chat_id": CHAT, "text": "x", **parameters})


async def refusal(http, **parameters):
    answer = await send(http, **parameters)
    body = answer.json()
    assert (body["ok"], body["error_code"]) == (False, answer.status_code)
    return answer.status_code, body["description"]


def keyboard(**button):
    return {"inline_keyboard": [[{"text": "Evidence", **button}]]}


def bad_link(url):
    return f"inline keyboard button URL '{url}' is invalid: Wrong HTTP URL"


# What HTML may be.


@pytest.mark.parametrize(
    ("source", "text", "entities"),
    [
        ("plain", "plain", ()),
        ("<b>x</b>", "x", (Entity("bold", 0, 1),)),
        ("a <STRONG>x</Strong>", "a x", (Entity("bold", 2, 1),)),
        ("<b>x<i>y</i></b>", "xy", (Entity("bold", 0, 2), Entity("italic", 1, 1))),
        ("😀<code>x</code>", "😀x", (Entity("code", 2, 1),)),
        ('<a href="https://e.example/?a=1&amp;b">x</a>', "x", (Entity("text_link", 0, 1, "https://e.example/?a=1&b"),)),
        ('<span class="tg-spoiler">x</span>', "x", (Entity("spoiler", 0, 1),)),
        ("<blockquote expandable>x</blockquote>", "x", (Entity("blockquote", 0, 1),)),
        ('<pre><code class="language-py">x</code></pre>', "x", (Entity("code", 0, 1), Entity("pre", 0, 1))),
        ("<b></b>x", "x", ()),
        ("<b>x</>", "x", (Entity("bold", 0, 1),)),
        ("a > b", "a > b", ()),
        ("&lt;&gt;&amp;&quot;", '<>&"', ()),
        ("&#60;&#x3C;&#128512;", "<<😀", ()),
        ("&lt &amp", "< &", ()),
        ("&nbsp;&apos;&copy; & &#; &#0; &#x110000;", "&nbsp;&apos;&copy; & &#; &#0; &#x110000;", ()),
    ],
)
def test_markup_is_read(source, text, entities):
    found = parse(source)
    assert found.text == text
    assert sorted(found.entities, key=repr) == sorted(entities, key=repr)


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("a < b", 'Unsupported start tag "" at byte offset 2'),
        ("a <", "Unclosed start tag at byte offset 2"),
        ("é<b", "Unclosed start tag at byte offset 2"),
        ("<p>x</p>", 'Unsupported start tag "p" at byte offset 0'),
        ("<!-- x -->", 'Unsupported start tag "!--" at byte offset 0'),
        ("修<нет>", 'Unsupported start tag "нет" at byte offset 3'),
        ("<b>x", 'Can\'t find end tag corresponding to start tag "b"'),
        ("x</b>", "Unexpected end tag at byte offset 1"),
        ("<b>x<i>y</b></i>", 'Unmatched end tag at byte offset 8, expected "</i>", found "</b>"'),
        ("<b>x</b", "Unclosed end tag at byte offset 4"),
        ("<b x>y</b>", 'Expected equal sign in declaration of an attribute of the tag "b" at byte offset 0'),
        ("<b =1>y</b>", 'Empty attribute name in the tag "b" at byte offset 0'),
        ("<a href=a/b>y</a>", "Unexpected end of name token at byte offset 8"),
        ('<a href="x', 'Unclosed start tag "a" at byte offset 0'),
        ("<span>x</span>", 'Tag "span" must have class "tg-spoiler" at byte offset 0'),
    ],
)
def test_bad_markup_is_refused_with_its_place(source, why):
    with pytest.raises(BadEntities) as refused:
        parse(source)
    assert str(refused.value) == why


def test_half_a_surrogate_pair_is_no_text():
    with pytest.raises(BadEntities, match="invalid Unicode"):
        parse("&#xD83D;")


def test_lengths_are_utf_16():
    assert (units("a修😀"), parse("<b>😀</b>")) == (4, Formatted("😀", (Entity("bold", 0, 2),)))


# What a message may be.


async def test_a_message_arrives(http, simulator):
    answer = await send(
        http,
        chat_id=str(FORUM),
        text=" <b>x</b> &amp; y\n",
        parse_mode="HTML",
        message_thread_id=7,
        reply_markup=keyboard(url="https://e.example/1"),
    )

    assert (answer.status_code, answer.json()["ok"], answer.json()["result"]["message_id"]) == (200, True, 1)
    (posted,) = simulator.posted
    assert (posted.chat, posted.topic, posted.text) == (FORUM, 7, "x & y")
    assert posted.buttons == (("Evidence", "https://e.example/1"),)
    (listed,) = (await http.get("/_simulator/messages")).json()
    assert (listed["text"], listed["entities"][0]["type"]) == ("x & y", "bold")


async def test_forms_and_queries_are_read_as_well(http, simulator):
    markup = '{"inline_keyboard": [[{"text": "E", "url": "https://e.example"}]]}'
    await http.post("/bot12:AA_bb/sendmessage", data={"chat_id": CHAT, "text": "é", "reply_markup": markup})
    await http.get("/bot12:AA_bb/sendMessage", params={"chat_id": CHAT, "text": "y"})

    assert [posted.text for posted in simulator.posted] == ["é", "y"]


@pytest.mark.parametrize(
    ("parameters", "why"),
    [
        ({"text": "x</b>", "parse_mode": "HTML"}, "can't parse entities: Unexpected end tag at byte offset 1"),
        ({"text": " \n"}, "message text is empty"),
        ({"text": "<b></b>", "parse_mode": "HTML"}, "message text is empty"),
        ({"text": "😀" * 2049}, "message is too long"),
        ({"parse_mode": "Rich"}, "unsupported parse_mode"),
        ({"chat_id": -5}, "chat not found"),
        ({"chat_id": "@nobody"}, "chat not found"),
        ({"chat_id": ""}, "chat_id is empty"),
        ({"message_thread_id": 7}, "message thread not found"),
        ({"reply_markup": []}, "object expected as reply markup"),
        ({"reply_markup": "{"}, "object expected as reply markup"),
        ({"reply_markup": keyboard(text="", url=LINK)}, f"{BAD_BUTTON}: Text buttons must have text"),
        ({"reply_markup": keyboard()}, f"{BAD_BUTTON}: Text buttons are unallowed in the keyboard"),
        ({"reply_markup": keyboard(url="http://localhost/x")}, bad_link("http://localhost/x")),
        ({"reply_markup": keyboard(url="ftp://e.example")}, bad_link("ftp://e.example")),
    ],
)
async def test_a_bad_request_is_refused_in_its_words(http, simulator, parameters, why):
    assert await refusal(http, **parameters) == (400, f"Bad Request: {why}")
    assert not simulator.posted


async def test_4096_units_after_parsing_are_not_too_long(http):
    assert (await send(http, text="<b>" + "&lt;" * 4096 + "</b>", parse_mode="HTML")).status_code == 200


async def test_half_a_character_is_refused(http):
    body = b'{"chat_id": -1001, "text": "\\ud83d"}'
    answer = await http.post("/bot12:AA_bb/sendMessage", content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["description"]) == (400, "Bad Request: strings must be encoded in UTF-8")


@pytest.mark.parametrize(
    ("path", "status", "why"),
    [
        ("/bot12:other/sendMessage", 401, "Unauthorized"),
        ("/botnonsense/sendMessage", 404, "Not Found"),
        ("/bot12:AA_bb/sendPigeon", 404, "Not Found"),
    ],
)
async def test_strangers_and_strange_methods(http, path, status, why):
    answer = await http.post(path, json={})
    assert (answer.status_code, answer.json()["description"]) == (status, why)


async def test_the_bot_knows_itself(http):
    assert (await http.get("/bot12:AA_bb/getMe")).json()["result"]["id"] == 12


async def test_a_group_that_moved_says_where_and_one_that_threw_the_bot_out_says_so(http, simulator):
    simulator.chats |= {-3: Chat(moved_to=CHAT), -4: Chat(kicked=True)}
    moved = (await send(http, chat_id=-3)).json()
    assert (moved["error_code"], moved["parameters"]) == (400, {"migrate_to_chat_id": CHAT})
    assert await refusal(http, chat_id=-4) == (403, "Forbidden: bot was kicked from the supergroup chat")


async def test_who_is_too_fast_is_told_how_long_to_wait(http, simulator):
    simulator.chats[CHAT].per_second = 0.2
    assert (await send(http)).status_code == 200
    told = (await send(http)).json()
    assert (told["error_code"], told["parameters"]) == (429, {"retry_after": 5})
    assert (await send(http, chat_id=FORUM)).status_code == 200

    simulator.retry_after_s = 30
    simulator.faults.add(Fault(status=429))
    assert (await send(http, chat_id=FORUM)).json()["parameters"] == {"retry_after": 30}


async def test_an_answer_may_get_lost_after_the_message_arrived(simulator):
    async with (
        simulator.serving() as url,
        httpx.AsyncClient(base_url=url, trust_env=False, verify=False, timeout=5) as http,
    ):
        assert (await http.post("/_simulator/lost-replies", json={"times": 1})).status_code == 204
        with pytest.raises(httpx.ReadTimeout):
            await http.post("/bot12:AA_bb/sendMessage", json={"chat_id": CHAT, "text": "x"}, timeout=0.1)
        assert len(simulator.posted) == 1
        assert (await send(http)).status_code == 200


async def test_as_a_process():
    command = [sys.executable, "-m", "shared.local.simulators.telegram", "--bot=12:AA_bb", "--chat=-1001=7"]
    child = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    try:
        url = (await child.stdout.readline()).decode().strip()
        async with httpx.AsyncClient(base_url=url, trust_env=False, verify=False, timeout=5) as http:
            assert (await send(http, message_thread_id=7)).status_code == 200
            assert [each["text"] for each in (await http.get("/_simulator/messages")).json()] == ["x"]
    finally:
        child.terminate()
        await child.communicate()
