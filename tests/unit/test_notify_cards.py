"""Which events people are told of, and what of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from functions import notify
from functions.notify.core.attempts import (
    REFUSALS_TOLERATED,
    Later,
    Letter,
    Lost,
    Refused,
    Settlement,
    Shown,
    State,
    pause_s,
    settled,
    together,
)
from functions.notify.core.cards import Card, Kind, Level
from functions.notify.core.describing import card_of
from functions.notify.model import ACCEPTS
from shared.domain.alerts import ALERT_FIRING
from shared.domain.drift import DRIFT_CHECKED
from shared.domain.errors import Unprocessable
from shared.domain.events import PING
from shared.domain.governance import GOVERNANCE_COMPLETED
from shared.domain.knowledge import KNOWLEDGE_WRITTEN
from shared.local.knative import manifests
from shared.testing.clocks import NOON
from shared.testing.events import INCIDENT, execution_verified
from shared.testing.notify import (
    alert_raised,
    alert_resolved,
    drift_detected,
    one_of_each,
    plan_approved,
    quarantined,
    review_requested,
    rollback_proposed,
)

EVENT_TYPES = {ALERT_FIRING, KNOWLEDGE_WRITTEN, GOVERNANCE_COMPLETED, DRIFT_CHECKED, PING}


def told(event):
    card = card_of(event)
    return card, {fact.label: fact.value for fact in card.facts}


def test_there_is_a_card_of_every_kind():
    assert {card_of(event).kind for event in one_of_each()} == set(Kind)


def test_the_trigger_brings_what_is_read_and_nothing_else():
    triggers = {trigger.name: trigger for trigger in manifests.load(Path(notify.__file__).parents[1]).triggers}
    brought = {type_ for type_ in EVENT_TYPES | set(ACCEPTS) if triggers["notify"].takes({"type": type_})}
    assert brought == set(ACCEPTS) - {PING} == {event.type for event in one_of_each()}


@pytest.mark.parametrize("event", one_of_each(), ids=lambda event: event.id)
def test_a_card_survives_the_database(event):
    card = card_of(event)
    assert Card.model_validate(json.loads(card.model_dump_json())) == card


def test_a_card_of_a_newer_version_is_read_without_what_it_adds():
    card = card_of(alert_raised())
    document = card.model_dump(mode="json")
    assert Card.model_validate({**document, "colour": "red"}) == card


@pytest.mark.parametrize(
    ("verdict", "kind", "level"),
    [
        ("success", Kind.FIX_VERIFIED, Level.INFO),
        ("degraded", Kind.FIX_DEGRADED, Level.WARNING),
        ("timeout", Kind.FIX_UNPROVEN, Level.WARNING),
        ("failed", Kind.FIX_FAILED, Level.CRITICAL),
    ],
)
def test_a_verdict_is_told_with_its_reason(verdict, kind, level):
    card, facts = told(execution_verified(verdict))
    assert (card.kind, card.level, card.about) == (kind, level, INCIDENT)
    assert facts["reason"].startswith("reason.")
    assert facts["sensors"] == "4/4"
    assert card.subject == "rollout_restart of Deployment prod/api"


def test_a_success_that_is_taken_back_is_critical():
    card, facts = told(execution_verified("failed", revises="verified-0"))
    assert (card.kind, card.level, facts["reason"]) == (Kind.FIX_RELAPSED, Level.CRITICAL, "reason.relapsed")


def test_a_success_that_still_holds_is_nothing_new():
    event = execution_verified("success")
    event.data["check"] = "1h"
    assert card_of(event) is None


def test_silent_sensors_are_named():
    event = execution_verified("timeout")
    event.data["sensors"] = {"attempted": 4, "succeeded": 3, "failed": ["loki"]}
    assert told(event)[1]["sensors"] == "3/4 (loki)"


def test_a_rollback_that_is_not_possible_names_no_command():
    card, facts = told(rollback_proposed(possible=False, why="there is one revision"))
    assert "rollback" not in facts
    assert facts["why"] == "there is one revision"
    assert card.level is Level.WARNING
    assert told(rollback_proposed())[1]["rollback"].startswith("kubectl rollout undo")


@pytest.mark.parametrize("severity", ["warning", "violation", "critical"])
def test_an_alert_and_its_end_reach_the_same_people(severity):
    raised, resolved = card_of(alert_raised(severity=severity)), card_of(alert_resolved(severity=severity))
    assert raised.level == resolved.level == severity
    assert raised.about == resolved.about == "al-1"
    assert raised.identity != resolved.identity


def test_an_alert_says_what_to_do_next_before_anything_else():
    card, facts = told(alert_raised())
    assert [fact.label for fact in card.facts[:2]] == ["what", "next_action"]
    assert facts["owner"] == "lead: ada"
    assert "slo: autonomy_rate" in [fact.value for fact in card.facts]


def test_a_review_leads_to_its_issue():
    card, facts = told(review_requested())
    assert card.issue == "https://git.example/ops/reviews/issues/12"
    assert (facts["tier"], facts["risk"]) == ("tier.dual", "72/100")


def test_an_approval_says_who_agreed_to_what():
    card, facts = told(plan_approved())
    assert (facts["approved_by"], facts["command"]) == ("ada, grace", "kubectl drain worker-3")
    assert card.issue == "https://git.example/ops/reviews/issues/12"
    assert card.level == told(review_requested())[0].level
    assert told(plan_approved(issue=None))[0].issue is None


def test_drift_tells_what_differs_and_nothing_else():
    card, facts = told(drift_detected())
    assert facts["drift"] == "OLLAMA_URL: http://old:11434 ≠ http://new:11434"
    assert (facts["settings"], facts["orphan"]) == ("2", "OLD_FLAG")
    assert not [fact for fact in card.facts if "RETRIES" in fact.value]


def test_an_event_in_quarantine_is_named_with_its_cause():
    _, facts = told(quarantined())
    assert (facts["cause"], facts["event"]) == ("event (22021)", "write-1")


def test_secrets_do_not_reach_a_chat():
    secret = "hunter2-CANARY-98"
    alert = alert_raised(impact={"password": secret, "url": f"postgres://u:{secret}@db/x"})
    verdict = execution_verified("failed", command=f"deploy --token={secret}")
    rollback = rollback_proposed(why=f"password={secret}")
    assert secret not in "".join(card_of(event).model_dump_json() for event in (alert, verdict, rollback))


def test_a_long_list_is_cut_before_it_is_stored():
    event = execution_verified("failed")
    event.data["regressions"] = [f"Deployment prod/{number}" for number in range(5_000)]
    card, facts = told(event)
    assert facts["regressions"].endswith(", +4988")
    assert len(card.model_dump_json()) < 4_000


@pytest.mark.parametrize("event", one_of_each(), ids=lambda event: event.id)
def test_data_that_breaks_its_contract_is_refused(event):
    event.data.pop(next(iter(event.data)))
    with pytest.raises(Unprocessable):
        card_of(event)


def test_what_says_the_same_has_the_same_identity():
    again = drift_detected()
    assert card_of(drift_detected()).identity == card_of(again).identity
    again.data["fields"][0]["configured"] = "http://elsewhere:11434"
    assert card_of(drift_detected()).identity != card_of(again).identity


@pytest.mark.parametrize(("level", "reached"), [("info", 1), ("warning", 2), ("violation", 3), ("critical", 4)])
def test_a_floor_is_reached_from_itself_on(level, reached):
    assert sum(Level(level).reaches(floor) for floor in Level) == reached


# What becomes of a letter.


def letter(key="k", event=None, **changes):
    given = {"attempts": 1, "fence": 1, "was": State.PLANNED, "created_at": NOON, **changes}
    return Letter(key=key, card=card_of(event or alert_raised()), **given)


def test_shown_is_sent():
    assert settled(letter(), Shown("7")) == Settlement(state=State.SENT, attempts=1, response={"message": "7"})


def test_a_lost_reply_is_unknown_and_tried_again():
    found = settled(letter(attempts=3), Lost("timeout"))
    assert (found.state, found.attempts, found.after_s) == (State.UNKNOWN, 3, 120)


def test_being_told_to_wait_counts_against_nobody():
    found = settled(letter(attempts=9), Later(17))
    assert (found.state, found.attempts, found.after_s) == (State.PLANNED, 8, 17)


def test_refusals_are_given_up_after_a_while():
    states = [settled(letter(attempts=n), Refused("403")).state for n in range(1, REFUSALS_TOLERATED + 1)]
    assert states == [State.PLANNED] * (REFUSALS_TOLERATED - 1) + [State.FAILED]


@pytest.mark.parametrize("outcome", [Later(5), Refused("403")])
def test_what_may_have_been_shown_stays_unknown_until_it_is_sent(outcome):
    assert settled(letter(was=State.UNKNOWN), outcome).state is State.UNKNOWN


def test_pauses_grow_to_an_hour():
    assert [pause_s(n) for n in (1, 2, 3, 8, 50)] == [30, 60, 120, 3_600, 3_600]


def test_letters_about_the_same_leave_together_in_small_numbers():
    verdicts = [letter(f"v{n}", execution_verified("failed")) for n in range(9)]
    alert = letter("a")
    found = [[each.key for each in group] for group in together([*verdicts, alert])]
    assert found == [[f"v{n}" for n in range(8)], ["v8"], ["a"]]
