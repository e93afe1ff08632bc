"""A card in both languages, and what no content can do to it."""

from __future__ import annotations

import string
from datetime import UTC
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.notify.catalogues import FOLDER, catalogue
from functions.notify.core.attempts import TOGETHER
from functions.notify.core.cards import Card, Fact, Kind, Level, Says
from functions.notify.core.catalogue import Locale
from functions.notify.core.describing import card_of
from functions.notify.core.links import BUTTONS, is_address
from functions.notify.core.rendering import _NOTED, View, render
from functions.notify.core.texts import clean, cut, units
from shared.domain.executions import Reason
from shared.domain.remediations import Tier
from shared.local.simulators.telegram_html import parse
from shared.testing.events import execution_verified
from shared.testing.notify import alert_raised, one_of_each, review_requested, rollback_proposed

CATALOGUES = {locale: catalogue(locale) for locale in Locale}
REPEATED = "message.perhaps_repeated"
LINKS = {
    "evidence": "https://console.example/incidents/{incident}",
    "runbook": "https://wiki.example/{event_type}",
}


def view(locale=Locale.EN, *, limit=4096, zone=UTC, templates=None):
    return View(catalogue=CATALOGUES[locale], zone=zone, limit=limit, templates=templates or {})


def shown(*events, **options):
    repeated = options.pop("perhaps_repeated", False)
    return render([card_of(event) for event in events], view(**options), perhaps_repeated=repeated)


# The catalogues.


def placeholders(text):
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_there_is_a_file_for_each_language_and_no_other():
    assert {path.name for path in FOLDER.iterdir()} == {"en.toml", "zh_tw.toml"}


def test_all_languages_have_the_same_keys_and_placeholders():
    english, chinese = (
        {key: placeholders(text) for key, text in CATALOGUES[locale].texts.items()} for locale in Locale
    )
    assert english == chinese


@pytest.mark.parametrize("locale", Locale)
def test_every_word_of_a_card_is_translated(locale):
    labels = {fact.label for event in one_of_each() for fact in card_of(event).facts} | {"regressions", "missing"}
    wanted = {
        *(f"title.{kind}" for kind in Kind),
        *(f"note.{kind}" for kind in _NOTED),
        *(f"reason.{reason}" for reason in Reason),
        *(f"tier.{tier}" for tier in Tier),
        *(f"button.{button}" for button in BUTTONS),
        *(f"label.{label}" for label in labels),
    }
    assert wanted - CATALOGUES[locale].texts.keys() == set()


@pytest.mark.parametrize("locale", Locale)
def test_no_text_is_empty_or_long(locale):
    assert [key for key, text in CATALOGUES[locale].texts.items() if not 0 < len(text.strip()) <= 80] == []


def test_traditional_characters_only():
    simplified = set("认证复败动设启终运记录错误门这个时间发现关闭问题离无图环网议产责标频码")
    assert set("".join(CATALOGUES[Locale.ZH_TW].texts.values())) & simplified == set()


def test_a_word_that_nobody_translated_is_shown_as_it_is():
    assert CATALOGUES[Locale.ZH_TW].text("alert.something_new") == "something_new"


# What people read.


def test_a_failed_fix():
    message = shown(execution_verified("failed"), templates=LINKS)
    assert message.plain == (
        "🔴 FIX FAILED · INC-3f9a2c1b7d04 · rollout_restart of Deployment prod/api\n"
        "Reason: crash loop\n"
        "Sensors: 4/4\n"
        "Command: kubectl rollout restart deployment/api -n prod\n"
        "Execution: ex-1\n"
        "Playbook: pb-7\n"
        "At: 2026-01-31 12:00:00 UTC\n"
        "Evidence: https://console.example/incidents/INC-3f9a2c1b7d04"
    )
    assert message.html.startswith(
        "🔴 <b>FIX FAILED</b> · <code>INC-3f9a2c1b7d04</code> · <code>rollout_restart of Deployment prod/api</code>\n"
        "Reason: <b>crash loop</b>\n"
    )


def test_the_same_in_chinese_and_in_the_readers_zone():
    message = shown(execution_verified("failed"), locale=Locale.ZH_TW, zone=ZoneInfo("Asia/Taipei"))
    assert message.plain.startswith("🔴 修復失敗 · INC-3f9a2c1b7d04 ·")
    assert "原因: 反覆當機重啟" in message.plain
    assert "時間: 2026-01-31 20:00:00 CST" in message.plain


@pytest.mark.parametrize(
    ("locale", "note"),
    [
        (Locale.EN, "A proposal only: nothing is rolled back automatically."),
        (Locale.ZH_TW, "僅為提案，不會自動回滾。"),  # noqa: RUF001 - the comma of that language
    ],
)
def test_a_rollback_is_said_to_be_a_proposal_only(locale, note):
    assert shown(rollback_proposed(), locale=locale).plain.endswith(note)


@pytest.mark.parametrize("locale", Locale)
@pytest.mark.parametrize("event", one_of_each(), ids=lambda event: event.id)
def test_the_html_of_every_card_reads_as_its_plain_text(event, locale):
    message = shown(event, locale=locale)
    assert message.plain.startswith(parse(message.html).text)
    assert "{" not in message.plain


def test_cards_that_leave_together_say_how_many_they_are():
    message = shown(execution_verified("failed"), rollback_proposed())
    assert message.plain.startswith("2 reports on the same matter\n\n🔴 FIX FAILED")
    assert "\n\n🟠 ROLLBACK PROPOSED" in message.plain


def test_a_message_that_may_have_been_shown_says_so():
    assert shown(alert_raised(), perhaps_repeated=True).plain.endswith("\n\n" + CATALOGUES[Locale.EN].text(REPEATED))
    assert CATALOGUES[Locale.EN].text(REPEATED) not in shown(alert_raised()).plain


# Links.


def test_only_links_whose_names_are_known_are_shown():
    assert [(b.text, b.url) for b in shown(execution_verified("failed"), templates=LINKS).buttons] == [
        ("Evidence", "https://console.example/incidents/INC-3f9a2c1b7d04")
    ]
    assert [b.text for b in shown(alert_raised(), templates=LINKS).buttons] == ["Runbook"]
    assert shown(execution_verified("failed")).buttons == []


def test_the_issue_of_a_review_is_a_button_in_the_readers_language():
    (button,) = shown(review_requested(), locale=Locale.ZH_TW).buttons
    assert (button.text, button.url) == ("議題", "https://git.example/ops/reviews/issues/12")


@pytest.mark.parametrize("url", ["http://gitea:3000/12", "javascript:alert(1)", "https://e.example/a b", "https://[/"])
def test_an_address_that_chats_refuse_is_text_and_no_button(url):
    message = shown(review_requested(issue={"number": 12, "url": url}))
    assert message.buttons == []
    assert f"#12 {url}" in message.plain


def test_names_in_an_address_cannot_change_where_it_leads():
    event = execution_verified("failed", incident="../../x?a=b#c")
    (button,) = shown(event, templates=LINKS).buttons
    assert button.url == "https://console.example/incidents/..%2F..%2Fx%3Fa%3Db%23c"


@pytest.mark.parametrize("url", ["https://e.example", "http://10.0.0.1:80/x", "http://[::1]/"])
def test_addresses(url):
    assert is_address(url)


# What no content can do.

TRICKY = st.sampled_from(
    [
        *("<b>", "</b>", "<", ">", "&", "&lt;", "&#x110000;", "</code>", "<script>", '"', "'", "{count}", "%s"),
        *(
            "@everyone",
            "/stop",
            "https://e.example",
            "😀",
            "👨‍👩‍👧‍👦",
            "🇹🇼",
            "e\u0301",
            "\u202e",
            "\u2066",
            "שלום",
            "مرحبا",
        ),
        *(
            "\ud83d",
            "\udc00",
            "\x00",
            "\x1b[31m",
            "\n\n",
            "\u2028",
            "修復",
            "\u200d",
            "\ufe0f",
            "a" * 4_200,
            "😀" * 2_100,
        ),
    ]
)
FOREIGN = st.lists(st.one_of(st.text(max_size=60), TRICKY), max_size=6).map("".join)
FACTS = st.builds(Fact, label=st.sampled_from(["why", "impact", "command"]), value=FOREIGN) | st.builds(
    Fact, label=st.just("reason"), value=FOREIGN, says=st.just(Says.WORD)
)
CARDS = st.builds(
    Card,
    kind=st.sampled_from(Kind),
    level=st.sampled_from(Level),
    identity=st.just("i"),
    about=st.just("a"),
    subject=st.none() | FOREIGN,
    facts=st.lists(FACTS, max_size=8),
    names=st.dictionaries(st.sampled_from(["incident", "event_type"]), FOREIGN.filter(str.isascii), max_size=2),
    issue=st.none() | FOREIGN,
)


@given(
    cards=st.lists(CARDS, min_size=1, max_size=3),
    locale=st.sampled_from(Locale),
    limit=st.sampled_from([4096, 1900]),
    perhaps_repeated=st.booleans(),
)
def test_a_message_is_never_refused_for_its_content(cards, locale, limit, perhaps_repeated):
    message = render(cards, view(locale, limit=limit, templates=LINKS), perhaps_repeated=perhaps_repeated)

    read = parse(message.html)  # raises what Telegram refuses
    assert read.text.strip()
    assert units(read.text) <= limit
    assert units(message.plain) <= limit
    assert message.plain.startswith(read.text)
    assert {entity.type for entity in read.entities} <= {"bold", "italic", "code"}
    assert all(is_address(button.url) for button in message.buttons)


def test_the_most_that_can_be_said_fits():
    card = Card(
        kind=Kind.QUARANTINED,
        level=Level.CRITICAL,
        identity="i",
        about="a",
        subject="修" * 2_000,
        facts=[Fact(label="settings", value="<&>" * 600)] * 40,
        names={"incident": "I" * 128},
        issue="https://git.example/" + "x" * 900,
    )
    for locale in Locale:
        message = render([card] * TOGETHER, view(locale, limit=1900, templates=LINKS), perhaps_repeated=True)
        assert units(parse(message.html).text) <= 1900


def test_values_are_cut_and_markup_is_whole():
    event = execution_verified("failed", command="<b>&" * 5_000)
    message = shown(event, limit=300)
    assert message.html.count("<code>") == message.html.count("</code>")
    assert "…</code>" in message.html


def test_what_is_left_out_is_counted():
    message = shown(alert_raised(impact={f"n{n}": "v" * 80 for n in range(12)}), limit=400)
    assert units(message.plain) <= 400
    assert "more left out" in message.plain


def test_a_time_at_the_end_of_time_is_shown():
    card = Card(
        kind=Kind.ALERT_RAISED,
        level=Level.INFO,
        identity="i",
        about="a",
        facts=[Fact(label="at", value="9999-12-31T23:59:59+00:00", says=Says.TIME)],
    )
    assert "9999-12-31 23:59:59" in render([card], view(zone=ZoneInfo("Asia/Taipei"))).plain


# Texts.


@given(text=FOREIGN, most=st.integers(1, 300))
def test_a_cut_text_fits_and_begins_as_it_did(text, most):
    found = cut(clean(text), most)
    assert units(found) <= most
    assert clean(text).startswith(found.removesuffix("…"))
    assert bool(found) == bool(clean(text))


@pytest.mark.parametrize(
    ("text", "most", "found"),
    [
        ("abcdef", 6, "abcdef"),
        ("abcdef", 4, "abc…"),
        ("ab 😀😀", 6, "ab 😀…"),
        ("ab 😀😀", 5, "ab…"),
        ("ab👨‍👩‍👧", 7, "ab…"),
        ("abe\u0301e", 4, "ab…"),
        ("x", 1, "x"),
        ("xy", 1, "…"),
    ],
)
def test_characters_of_several_parts_stay_whole(text, most, found):
    assert cut(text, most) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (" a\n\tb ", "a b"),
        ("a\x00b\x1bc", "a b c"),
        ("\u202egnp.exe\u202c", "gnp.exe"),
        ("\ud83d", "\ufffd"),
        ("שלום", "שלום"),
        ("\u2028", ""),
    ],
)
def test_what_is_shown_of_strange_characters(text, found):
    assert clean(text) == found
