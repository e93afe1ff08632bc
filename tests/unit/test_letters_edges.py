"""What is stored of an event, word by word: entries are compared by their digest, so no word may change unnoticed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shared.domain.dead_letters import BROKER_STREAM, KNOWLEDGE_STREAM, STREAMS, Caps, DeadLetter
from shared.domain.errors import Unprocessable
from shared.domain.events import to_structured
from shared.domain.failures import Failure, FailureClass
from shared.domain.writes import write_of
from shared.testing.clocks import NOON
from shared.testing.events import (
    DIGEST,
    INCIDENT,
    alert_resolved,
    execution_verified,
    remediation_approved,
    sample,
    write_requested,
)

STARTED, ENDED = "2026-01-31T11:53:00+00:00", "2026-01-31T12:00:00+00:00"


def changed(event, **data):
    return replace(event, data={**event.data, **data})


@pytest.mark.parametrize(
    ("event", "lines", "metadata"),
    [
        (
            alert_resolved(),
            [
                f"Incident: {INCIDENT}",
                f"Started: {STARTED}",
                f"Ended: {ENDED}",
                "Severity: critical",
                "Label alertname: KubePodCrashLooping",
                "Label namespace: prod",
                "Label pod: api-7d9f-x2x",
                "Annotation summary: api restarts",
            ],
            {"fingerprint": "b1c2d3"},
        ),
        (
            changed(execution_verified("failed", revises="v1"), score=0.25, evidence_id="ev-1"),
            [
                f"Incident: {INCIDENT}",
                "Execution: ex-1",
                "Action: rollout_restart of Deployment prod/api",
                "Command: kubectl rollout restart deployment/api -n prod",
                "Verdict: failed: relapsed (check 1h)",
                "Score: 0.25",
                "Sensors: 4 of 4 answered",
                "Evidence: ev-1",
                "Takes back: v1",
            ],
            {"execution_id": "ex-1", "playbook_id": "pb-7"},
        ),
        (
            remediation_approved(),
            [
                f"Incident: {INCIDENT}",
                "Proposal: p-1",
                "Command: kubectl drain worker-3",
                "Approved by: ada, grace",
                f"Approved at: {ENDED}",
                f"Plan digest: {DIGEST}",
            ],
            {"proposal_id": "p-1"},
        ),
    ],
    ids=lambda value: getattr(value, "type", ""),
)
def test_an_entry_says_all_that_is_known(event, lines, metadata):
    write = write_of(event)

    assert write.entry.content.splitlines() == [f"- {line}" for line in lines]
    assert write.metadata == metadata


def test_an_approval_is_tagged_as_one():
    entry = write_of(remediation_approved()).entry

    assert (entry.title, entry.tags) == ("Approved: kubectl drain worker-3", ["approval"])


@pytest.mark.parametrize(
    ("labels", "title"),
    [
        ({"namespace": "prod", "instance": "i-1", "job": "api"}, "Down resolved in prod"),
        ({"instance": "i-1", "job": "api"}, "Down resolved in i-1"),
        ({"job": "api"}, "Down resolved in api"),
        ({}, "Down resolved"),
    ],
)
def test_an_alert_is_where_its_labels_say(labels, title):
    assert write_of(changed(alert_resolved(), alertname="Down", labels=labels)).entry.title == title


def test_an_alert_without_an_end_has_no_line_for_it():
    assert "Ended" not in write_of(changed(alert_resolved(), ends_at=None)).entry.content


def test_a_requested_entry_of_full_length_stays_whole():
    event = write_requested()
    full = {**event.data["entry"], "title": "x" * 200, "content": "y" * 65_536}
    entry = write_of(changed(event, entry=full)).entry

    assert (entry.title, entry.content) == ("x" * 200, "y" * 65_536)


def test_what_redaction_makes_longer_is_cut_to_the_length_of_an_entry():
    event = write_requested()
    grown = {**event.data["entry"], "title": "password=a " * 18, "content": "password=a " * 5957}
    entry = write_of(changed(event, entry=grown)).entry

    assert (len(entry.title), len(entry.content)) == (200, 65_536)


def test_a_type_that_nobody_writes_is_refused():
    with pytest.raises(Unprocessable, match="is not accepted here"):
        write_of(sample("dev.aftercare.unheard-of.v1", {}, id="1"))


def test_a_letter_is_stored_whole():
    event = alert_resolved()
    failure = Failure(FailureClass.OVERLOAD, "53300")
    letter = DeadLetter(
        event=event, fn="km-write", failure=failure, attempts=3, first_failed_at=NOON, detail={"status": "503"}
    )

    assert letter.document() == {
        "event": to_structured(event),
        "fn": "km-write",
        "class": "overload",
        "sqlstate": "53300",
        "attempts": 3,
        "first_failed_at": NOON.isoformat(),
        "detail": {"status": "503"},
        "sha256": event.digest(),
    }
    assert letter.reason() == {"class": "overload", "sqlstate": "53300", "fn": "km-write", "status": "503"}


def test_streams_and_limits_are_those_that_operators_know():
    assert STREAMS == (KNOWLEDGE_STREAM, BROKER_STREAM) == ("km:dlq", "km:backfill:dlq")
    assert Caps() == Caps(entries=100_000, bytes=268_435_456, durability_asserted=False)
