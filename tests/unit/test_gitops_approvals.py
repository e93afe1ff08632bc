"""What the comments of an issue amount to: two people, or nobody."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.gitops_issue.core.approvals import Comment, Decision, Gone, Reading, Terms, Verdict, code_of, judge, seal

DIGEST = "sha256:" + "0123456789abcdef" * 4
YES, NO = f"/approve {code_of(DIGEST)}", f"/reject {code_of(DIGEST)}"
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
SEAL = seal("title", "body")
TERMS = Terms(
    digest=DIGEST,
    seal=SEAL,
    requester="planner",
    author="aftercare",
    approvers=frozenset(),
    expires_at=NOW + timedelta(hours=1),
)
APPROVED = Decision(Verdict.APPROVED, ("ada", "grace"))


def judged(*comments, at=NOW, closed=False, text=SEAL, terms=TERMS, **changes):
    said = [comment if isinstance(comment, Comment) else Comment(*comment) for comment in comments]
    return judge(replace(terms, **changes), Reading(comments=said, seal=text, is_closed=closed), at=at)


def test_the_code_is_the_beginning_of_the_digest():
    assert (code_of(DIGEST), len(code_of(DIGEST))) == ("0123456789ab", 12)


def test_a_verdict_is_stored_in_these_words():
    assert [str(verdict) for verdict in Verdict] == ["approved", "rejected", "expired", "voided"]


def test_two_people_approve():
    assert judged(("ada", YES), ("grace", YES)) == APPROVED


@pytest.mark.parametrize(
    "comments",
    [
        [],
        [("ada", YES)],
        [("ada", YES), ("ada", YES)],
        [("ada", YES), ("ADA", YES)],
        [("ada", YES), ("planner", YES)],
        [("ada", YES), ("Planner", YES)],
        [("ada", YES), ("aftercare", YES)],
        [("ada", YES), ("AfterCare", YES)],
        [("ada", YES), Comment("grace", YES, is_edited=True)],
    ],
    ids=repr,
)
def test_one_person_is_not_two(comments):
    assert judged(*comments) is None


@pytest.mark.parametrize(
    "body",
    [
        "/approve",
        "/approve ",
        "/approve 0123456789a",
        "/approve 0123456789abc",
        f"/approve {DIGEST}",
        "/approve 0123456789AB",
        "/Approve 0123456789ab",
        "/approve  0123456789ab",
        " /approve 0123456789ab",
        "> /approve 0123456789ab",
        "- /approve 0123456789ab",
        "`/approve 0123456789ab`",
        "I would /approve 0123456789ab",
        "/approve 0123456789ab not",
        "/approve\n0123456789ab",
        "/approve \u200b0123456789ab",
        "\uff0fapprove 0123456789ab",
        f"like this:\n```\n{YES}\n```",
        f"~~~\n{YES}\n~~~",
        f"<!--\n{YES}\n-->",
        f"<pre>\n{YES}\n</pre>",
        NO.replace("reject", "rejected"),
    ],
    ids=repr,
)
def test_what_is_not_exactly_the_line_is_no_approval(body):
    assert judged(("ada", YES), ("grace", body)) is None


@pytest.mark.parametrize(
    "body", [YES, f"{YES}  ", f"{YES}\r\n", f"The dry run took <2 s.\n{YES}\nGood luck!"], ids=repr
)
def test_the_line_may_stand_among_others(body):
    assert judged(("ada", YES), ("grace", body)) == APPROVED


@pytest.mark.parametrize("requester", ["grace", "GRACE", "@grace"])
def test_the_requester_does_not_approve(requester):
    assert judged(("ada", YES), ("grace", YES), requester=requester) is None
    assert judged(("ada", YES), ("grace", YES), ("bo", YES), requester=requester).by == ("ada", "bo")


def test_only_those_on_the_list_decide():
    listed = frozenset({"Ada", "bo"})
    assert judged(("ada", YES), ("grace", YES), approvers=listed) is None
    assert judged(("ada", YES), ("Bo", YES), approvers=listed) == Decision(Verdict.APPROVED, ("ada", "Bo"))
    assert judged(("grace", NO), approvers=listed) is None
    assert judged(("ADA", NO), approvers=listed) == Decision(Verdict.REJECTED, ("ADA",))


@pytest.mark.parametrize("who", ["grace", "ada", "planner"])
def test_whoever_says_no_outranks_two_who_said_yes(who):
    assert judged(("ada", YES), ("bo", YES), (who, f"No!\n```\n{NO}\n```")) == Decision(Verdict.REJECTED, (who,))


def test_a_rejection_counts_even_when_the_time_is_over():
    assert judged(("ada", NO), at=TERMS.expires_at) == Decision(Verdict.REJECTED, ("ada",))


def test_each_person_is_named_once_as_they_were_spelled_first():
    assert judged(("Ada", YES), ("grace", YES), ("ADA", YES)).by == ("Ada", "grace")


@pytest.mark.parametrize("author", ["aftercare", "AfterCare"])
def test_our_own_comments_decide_nothing(author):
    assert judged(("aftercare", NO), author=author) is None
    assert judged(("ada", YES), ("aftercare", YES), author=author) is None


def test_an_edit_voids_every_approval():
    edited = seal("title", "body, and more")
    assert judged(("ada", YES), ("grace", YES), text=edited) == Decision(Verdict.VOIDED)
    assert judged(("ada", NO), text=edited, at=TERMS.expires_at) == Decision(Verdict.VOIDED)


def test_an_approval_that_is_read_too_late_is_none():
    last = TERMS.expires_at - timedelta(microseconds=1)
    assert judged(("ada", YES), ("grace", YES), at=last) == APPROVED
    assert judged(("ada", YES), ("grace", YES), at=TERMS.expires_at) == Decision(Verdict.EXPIRED)


def test_an_issue_that_is_closed_without_two_approvals_is_rejected():
    assert judged(("ada", YES), closed=True) == Decision(Verdict.REJECTED)
    assert judged(("ada", YES), ("grace", YES), closed=True) == APPROVED


def test_what_cannot_be_read_is_never_approved_and_expires_all_the_same():
    assert judge(TERMS, None, at=NOW) is None
    assert judge(TERMS, None, at=TERMS.expires_at) == Decision(Verdict.EXPIRED)


@pytest.mark.parametrize("at", [NOW, TERMS.expires_at])
def test_whoever_deletes_the_issue_has_stopped_its_plan(at):
    assert judge(TERMS, Gone(), at=at) == Decision(Verdict.REJECTED)


@pytest.mark.parametrize(
    ("title", "body", "is_same"),
    [
        ("title", "one\r\ntwo\n", True),
        (" title ", "one  \ntwo", True),
        ("title", "one two", False),
        ("title", "one\n two", False),
        ("Title", "one\ntwo", False),
        ("title\none", "two", False),
        ("", "title\none\ntwo", False),
    ],
)
def test_a_seal_is_of_every_word(title, body, is_same):
    assert (seal(title, body) == seal("title", "one\ntwo")) is is_same


LOGINS = st.sampled_from(["ada", "ADA", "grace", "bo", "planner", "Planner", "aftercare"])
BODIES = st.sampled_from([YES, NO, f"> {YES}", f"```\n{YES}\n```", f"well\n{YES}", "no", f"/approve {'f' * 12}"])
COMMENTS = st.lists(st.builds(Comment, LOGINS, BODIES, st.booleans()), max_size=6)


@given(COMMENTS, st.booleans(), st.booleans(), st.integers(-2, 2), st.sets(LOGINS, max_size=3))
def test_nothing_is_approved_but_by_two_who_may(comments, is_closed, is_edited, hours, approvers):
    at = NOW + timedelta(hours=hours)
    decision = judged(
        *comments, at=at, closed=is_closed, text="other" if is_edited else SEAL, approvers=frozenset(approvers)
    )
    allowed = {login.lower() for login in approvers}
    plain = {YES, f"well\n{YES}"}
    said = {comment.login.lower() for comment in comments if comment.body in plain and not comment.is_edited}
    able = {who for who in said - {"planner", "aftercare"} if not allowed or who in allowed}
    if decision is not None and decision.verdict is Verdict.APPROVED:
        assert {login.lower() for login in decision.by} == able
        assert len(decision.by) == len(able) >= 2
        assert not is_edited
        assert at < TERMS.expires_at
    elif decision is None:
        assert len(able) < 2
        assert at < TERMS.expires_at
        assert not is_closed


@given(COMMENTS, COMMENTS)
def test_what_was_rejected_stays_rejected_whatever_is_said_later(first, later):
    decision = judged(*first)
    if decision is not None and decision.verdict is Verdict.REJECTED:
        assert judged(*first, *later).verdict is Verdict.REJECTED
