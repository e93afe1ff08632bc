"""No value that somebody proposes can be anything but text in the issue that people read."""

from __future__ import annotations

import re
import string
import tomllib
import unicodedata
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from functions.gitops_issue import drafts
from functions.gitops_issue.core.approvals import Comment, Reading, Terms, Verdict, judge
from functions.gitops_issue.drafts import Draft, Locale, Writer, marker_of
from functions.gitops_issue.markdown import fenced, in_title, visible
from functions.gitops_issue.settings import Settings
from shared.domain.remediations import (
    AssessmentOutcome,
    Contribution,
    RemediationAssessed,
    RemediationProposed,
    Tier,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
DIGEST = "sha256:" + "a" * 64
FORGED = marker_of("sha256:" + "b" * 64)
PARSER = MarkdownIt("commonmark").enable("table")
WRITERS = {locale: Writer.of(locale) for locale in Locale}
FENCES = 8
NASTY = [
    *(
        "```",
        "````",
        "~~~",
        "`",
        "\n```\n",
        "\n```\n# Approved\n",
        "\r```\r",
        "\r\n````\r\n",
        "    ",
        "> ",
        "- ",
        "| |",
    ),
    *("<!--", "-->", FORGED, "<script>alert(1)</script>", "<details>", "</pre>", "&lt;", "&#64;ana"),
    *(
        "@ana",
        " @sre/leads ",
        "#12",
        "closes #12",
        "sre/changes#3",
        "![x](http://evil/x)",
        "[x](http://evil)",
        "<http://e>",
    ),
    *(
        "http://evil/",
        ":+1:",
        "\u202e",
        "\u200b",
        "\u2028",
        "\x1b[2J",
        "\\",
        "{digest}",
        "{0}",
        "%s",
        "\n\n---\n\n",
        "\t",
    ),
]
values = st.lists(st.sampled_from(NASTY) | st.text(max_size=6), max_size=8).map("".join)


def proposed(**changes):
    given = {
        "proposal_id": "p-1",
        "incident_id": "INC-1",
        "command": "kubectl drain worker-3",
        "target_state": "worker-3 is empty",
        "constraints": ["at night", "one node at a time"],
        "diagnosis": "its disk fails",
        "requested_by": "planner",
    }
    return RemediationProposed.model_validate({**given, **changes})


def assessed(**changes):
    given = {
        "proposal_id": "p-1",
        "incident_id": "INC-1",
        "score": 72,
        "tier": Tier.DUAL,
        "reasons": [Contribution(rule="verb:drain", points=60), Contribution(rule="namespace:production", factor=1.2)],
        "namespace": "prod",
        "target": "node/worker-3",
        "dry_run_required": True,
        "rollback_plan": "kubectl uncordon worker-3",
        "digest": DIGEST,
        "outcome": AssessmentOutcome.ISSUE_PENDING,
    }
    return RemediationAssessed.model_validate({**given, **changes})


def draft(locale=Locale.EN, *, plan=None, score=None):
    return WRITERS[locale].draft(plan or proposed(), score or assessed())


def tokens(body):
    """All tokens, those inside of paragraphs too."""
    return [each for token in PARSER.parse(body) for each in [token, *(token.children or [])]]


def code_blocks(body):
    return [token.content.removesuffix("\n") for token in tokens(body) if token.type == "fence"]


def outline(body):
    """What is not code: the structure, and the words."""
    return [(token.type, token.markup, token.content) for token in tokens(body) if token.type != "fence"]


@given(st.sampled_from(Locale), values, values, st.lists(values, max_size=3), values, values)
def test_values_stay_in_their_code_blocks(locale, command, target_state, constraints, diagnosis, target):
    plan = proposed(command=command, target_state=target_state, constraints=constraints, diagnosis=diagnosis)
    body = draft(locale, plan=plan, score=assessed(target=target, namespace=target, rollback_plan=diagnosis)).body

    found = tokens(body)
    comments = [token.content.strip() for token in found if token.type in ("html_block", "html_inline")]
    assert comments == [marker_of(DIGEST)]  # the marker is the only one
    assert body.count("<!--") == 1
    assert not [token for token in found if token.type in ("link_open", "image", "code_block")]
    words = " ".join(token.content for token in found if token.type == "text")
    assert not re.search(r"[@#]\w|https?:", words)
    assert len(code_blocks(body)) <= FENCES


@given(st.lists(values, min_size=1, max_size=3), values.filter(str.strip))
def test_values_change_nothing_outside_of_them(constraints, text):
    plain = outline(draft().body)
    plan = proposed(command=text, target_state=text, constraints=constraints, diagnosis=text)
    assert outline(draft(plan=plan, score=assessed(target=text, rollback_plan=text)).body) == plain


@given(values)
def test_a_block_holds_its_value_and_nothing_else(text):
    (token,) = PARSER.parse(fenced(text))
    shown = visible(text)
    assert (token.type, token.content) == ("fence", f"{shown}\n")
    assert {unicodedata.category(each) for each in shown if each not in "\n\t"}.isdisjoint({"Cc", "Cf", "Zl", "Zp"})


@given(values)
def test_a_title_refers_to_nobody_and_nothing(text):
    title = in_title(text, most=120)
    assert len(title) <= 120
    assert not set(title) & set("@#!<>&[]()`:\\\n\r\t\x1b{}")


@pytest.mark.parametrize(
    ("hidden", "shown"),
    [
        ("a\u202eb", "a\\u202eb"),
        ("a\x00b", "a\\u0000b"),
        ("a\rb", "a\\u000db"),
        ("a\r\nb", "a\nb"),
        ("a\u200bb", "a\\u200bb"),
        ("a\u2028b", "a\\u2028b"),
        ("a\U000e0041b", "a\\U000e0041b"),
        ("<!-- x", "\\u003c!-- x"),
        ("重啟\tapi", "重啟\tapi"),
    ],
)
def test_what_a_reader_would_not_see_is_shown(hidden, shown):
    assert visible(hidden) == shown


class TestBody:
    def test_everything_a_reviewer_needs_is_there(self):
        blocks = code_blocks(draft().body)
        assert blocks == [
            "kubectl drain worker-3",
            "worker-3 is empty",
            "- at night\n- one node at a time",
            "kubectl uncordon worker-3",
            "- verb:drain +60\n- namespace:production \N{MULTIPLICATION SIGN}1.2",
            "its disk fails",
            "incident: INC-1\nproposal: p-1\nrequested by: planner\nnamespace: prod\ntarget: node/worker-3",
        ]
        assert "72 of 100" in draft().body
        assert draft().body.endswith(f"\n\n{marker_of(DIGEST)}\n")

    @pytest.mark.parametrize("locale", Locale)
    def test_it_says_how_to_approve_and_to_stop(self, locale):
        codes = [token.content for token in tokens(draft(locale).body) if token.type == "code_inline"]
        assert codes == ["/approve aaaaaaaaaaaa", "/reject aaaaaaaaaaaa", DIGEST]

    def test_nothing_is_approved_by_the_text_of_the_issue_itself(self):
        body = draft(plan=proposed(diagnosis="/approve aaaaaaaaaaaa")).body
        terms = Terms(
            digest=DIGEST, seal="", requester="planner", author="bot", approvers=frozenset(), expires_at=LATER
        )
        quoted = [Comment(login, body) for login in ("ada", "grace")]
        assert judge(terms, Reading(comments=quoted, seal="", is_closed=False), at=NOW) is None

    @pytest.mark.parametrize(
        ("seconds", "said"), [(86_400, "24 h"), (5_400, "90 min"), (90, "90 s"), (0.5, "0.5 s"), (604_800, "168 h")]
    )
    def test_it_says_how_long_there_is_time(self, seconds, said):
        body = Writer.of(Locale.EN, approval_s=seconds).draft(proposed(), assessed()).body
        assert f"must agree within {said}." in body

    def test_what_is_not_there_is_said(self):
        body = draft(plan=proposed(diagnosis=None, constraints=[]), score=assessed(rollback_plan=None)).body
        assert len(code_blocks(body)) == 4
        assert body.count("\nnone\n") == 3

    def test_the_title_says_what_is_changed(self):
        assert draft().title == "[AI-Repair] node/worker-3 in prod: score 72"
        assert draft(score=assessed(target=None)).title == "[AI-Repair] a change: score 72"

    @pytest.mark.parametrize("place", ["command", "target_state", "diagnosis"])
    def test_secrets_are_masked(self, place):
        secret = "ghp_" + "a1B2" * 9
        assert secret not in draft(plan=proposed(**{place: f"curl -H 'token: {secret}' password=hunter2-x1"})).body
        assert "hunter2-x1" not in draft(plan=proposed(constraints=["password=hunter2-x1"])).body

    def test_a_secret_is_masked_before_the_text_is_cut(self):
        secret = "ghp_" + "a1B2" * 9
        assert "ghp_" not in draft(plan=proposed(diagnosis="x" * 7_980 + " " + secret)).body

    def test_what_is_cut_is_said(self):
        body = draft(plan=proposed(diagnosis="x" * 8_123, constraints=["y" * 1_001, *("z" * 25)])).body
        assert "Cut here: 123 more characters" in body
        assert "Cut here: 1 more characters" in body
        assert "Cut here: 6 more entries" in body

    def test_a_command_is_never_cut(self):
        command = "kubectl drain " + "n" * 16_000
        assert code_blocks(draft(plan=proposed(command=command)).body)[0] == command

    def test_an_entry_of_several_lines_is_one_entry(self):
        blocks = code_blocks(draft(plan=proposed(constraints=["one\n- two"])).body)
        assert blocks[2] == "- one\n  - two"

    def test_the_same_plan_is_the_same_issue(self):
        assert draft() == draft()
        assert isinstance(draft(), Draft)


class TestNotes:
    @pytest.mark.parametrize("locale", Locale)
    @pytest.mark.parametrize("verdict", Verdict)
    def test_every_verdict_is_explained_in_words_of_its_own(self, locale, verdict):
        note = WRITERS[locale].verdict(verdict)
        assert note.body.endswith(f"\n\n{note.marker}\n")
        assert len({WRITERS[locale].verdict(each).body for each in Verdict}) == len(Verdict)
        assert not re.search(r"^/(approve|reject)", note.body, re.MULTILINE)

    @pytest.mark.parametrize("locale", Locale)
    def test_a_duplicate_names_the_first(self, locale):
        note = WRITERS[locale].duplicate(12)
        assert "#12" in note.body
        assert note.marker not in {WRITERS[locale].verdict(each).marker for each in Verdict}


class TestLanguages:
    def test_they_say_the_same(self):
        en, zh = (tomllib.loads((drafts._FOLDER / f"{each}.toml").read_text("utf-8")) for each in ("en", "zh_tw"))
        assert en.keys() == zh.keys()
        assert all(en[name].keys() == zh[name].keys() for name in ("note", "dry_run"))
        for name, text in en.items():
            if isinstance(text, str):
                fields = [[field for _, field, _, _ in string.Formatter().parse(t) if field] for t in (text, zh[name])]
                assert sorted(fields[0]) == sorted(fields[1]), name

    def test_traditional_chinese(self):
        found = draft(Locale.ZH_TW)
        assert found.title.startswith("[AI-Repair] node/worker-3 in prod")
        assert "審查步驟" in found.body
        assert code_blocks(found.body) == code_blocks(draft().body)

    @pytest.mark.parametrize(
        ("given", "locale"),
        [
            *(("en", "en"), ("EN", "en"), ("en_US.UTF-8", "en"), ("en-US", "en")),
            *(("zh_TW", "zh-TW"), ("zh-TW", "zh-TW"), ("zh_tw", "zh-TW"), ("zh_TW.UTF-8", "zh-TW")),
        ],
    )
    def test_spellings_of_a_locale(self, given, locale):
        environ = {"AUTH_MODE": "network", "DATABASE_URL": "postgresql://u@h/d", "LOCALE": given}
        assert Settings.load(environ).locale == locale


def test_the_order_of_the_sections_is_that_of_a_review():
    body = draft().body
    places = [body.index(f"### {name}") for name in ("Plan", "Constraints", "Rollback", "Why", "Diagnosis", "How")]
    assert all(first < second for first, second in pairwise(places))
