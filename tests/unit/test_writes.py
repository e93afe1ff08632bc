from __future__ import annotations

from dataclasses import replace

import pytest

from shared.domain.errors import Unprocessable
from shared.domain.knowledge import EntryType, PathType
from shared.domain.writes import write_of
from shared.testing.events import INCIDENT, alert_resolved, execution_verified, remediation_approved, write_requested

SECRET = "ghp_" + "a1B2c3D4e5" * 3 + "F6g7H8"


def changed(event, **data):
    return replace(event, data={**event.data, **data})


@pytest.mark.parametrize(
    ("event", "path", "approval"),
    [
        (alert_resolved(), PathType.INCIDENT_RESOLVE, None),
        (remediation_approved(approval="apr-1"), PathType.APPROVAL_MANUAL, "apr-1"),
        (execution_verified("success"), PathType.APPROVAL_AUTO_OK, None),
        (execution_verified("failed", approval="apr-2"), PathType.APPROVAL_AUTO_FAIL, "apr-2"),
        (execution_verified("degraded"), PathType.APPROVAL_AUTO_UNPROVEN, None),
        (execution_verified("timeout"), PathType.APPROVAL_AUTO_UNPROVEN, None),
        *((write_requested(str(path), approval="apr-3"), path, "apr-3") for path in PathType),
    ],
)
def test_the_path_of_each_event(event, path, approval):
    write = write_of(event)

    assert (write.path, write.approval_id, write.incident_id, write.key) == (path, approval, INCIDENT, INCIDENT)
    assert write.event is event


@pytest.mark.parametrize(
    "event", [write_requested(), alert_resolved(), execution_verified(), remediation_approved()], ids=lambda e: e.type
)
def test_the_same_event_always_makes_the_same_entry(event):
    assert write_of(event) == write_of(event)
    assert write_of(event).content_sha256() == write_of(event).content_sha256()


def test_an_entry_without_an_incident_is_keyed_by_its_event():
    write = write_of(write_requested("playbook_extract", id="p-1", incident=None))

    assert (write.incident_id, write.key) == (None, "evt:/test/producer#p-1")


@pytest.mark.parametrize("path", [path for path in PathType if path is not PathType.PLAYBOOK_EXTRACT])
def test_every_other_path_needs_an_incident(path):
    with pytest.raises(Unprocessable, match="incident_id is required"):
        write_of(write_requested(str(path), incident=None))


def test_a_relapse_takes_back_what_it_revises():
    assert write_of(execution_verified("failed", revises="v1")).revokes == "v1"
    assert write_of(execution_verified("success")).revokes is None


@pytest.mark.parametrize(
    ("verdict", "entry_type"),
    [
        ("success", EntryType.INCIDENT_CASE),
        ("failed", EntryType.ANTI_PATTERN),
        ("degraded", EntryType.NOTE),
        ("timeout", EntryType.NOTE),
    ],
)
def test_a_failure_is_remembered_as_an_anti_pattern(verdict, entry_type):
    assert write_of(execution_verified(verdict)).entry.entry_type is entry_type


def test_a_resolved_alert_reads_as_a_case():
    entry = write_of(alert_resolved()).entry

    assert entry.title == "KubePodCrashLooping resolved in prod"
    assert "- Label pod: api-7d9f-x2x" in entry.content.splitlines()
    assert (entry.severity, entry.tags) == ("critical", ["KubePodCrashLooping"])


def test_a_verdict_reads_as_a_case():
    entry = write_of(execution_verified("failed", revises="v1")).entry

    assert entry.title == "rollout_restart of Deployment prod/api: failed, relapsed"
    assert "- Takes back: v1" in entry.content.splitlines()
    assert entry.tags == ["rollout_restart", "failed"]


def test_secrets_are_taken_out_of_all_that_is_stored():
    events = [
        write_requested(text=f"token: {SECRET}", metadata={"password": SECRET, "note": [f"Bearer {SECRET}"]}),
        alert_resolved(summary=f"curl -H 'Authorization: Bearer {SECRET}'"),
        execution_verified(command=f"kubectl --token {SECRET} get pods"),
        changed(remediation_approved(), command=f"kubectl --token {SECRET} drain worker-3"),
    ]
    for event in events:
        write = write_of(event)
        assert SECRET not in repr((write.entry, write.metadata)), event.type
        assert SECRET in repr(write.event)


@pytest.mark.parametrize("labels", [{"alertname": "x" * 5000}, {"namespace": "n" * 5000}])
def test_what_is_too_long_for_an_entry_is_cut(labels):
    event = alert_resolved()
    event = changed(event, labels=labels, alertname="A" * 500, severity="s" * 100, annotations={"a": "b" * 100_000})
    entry = write_of(event).entry

    assert len(entry.title) == 200
    assert len(entry.content) == 65_536
    assert (len(entry.tags[0]), len(entry.severity)) == (64, 32)


def test_an_empty_name_makes_no_tag():
    assert write_of(changed(alert_resolved(), alertname="")).entry.tags == []


def entry(**changes):
    event = write_requested()
    return changed(event, entry={**event.data["entry"], **changes})


@pytest.mark.parametrize(
    "event",
    [
        entry(title=""),
        entry(title="x" * 201),
        entry(content=""),
        entry(content="x" * 65_537),
        entry(entry_type="novel"),
        entry(tags=[""]),
        entry(tags=["x" * 65]),
        entry(tags=["x"] * 65),
        entry(confidence=1.1),
        entry(confidence="high"),
        entry(author="ada"),
        changed(write_requested(), path_type="incident_resolved"),
        changed(write_requested(), incident_id=""),
        changed(write_requested(), approval_id=7),
        changed(write_requested(), metadata=[]),
        changed(write_requested(), surprise=1),
        changed(alert_resolved(), status="gone"),
        changed(alert_resolved(), starts_at="yesterday"),
        changed(execution_verified(), verdict="Success"),
        changed(execution_verified(), score=2),
        changed(execution_verified(), baseline="true"),
        changed(remediation_approved(), approved_by=[]),
        changed(remediation_approved(), digest="md5:0"),
    ],
)
def test_what_breaks_the_contract_is_refused(event):
    with pytest.raises(Unprocessable):
        write_of(event)


@pytest.mark.parametrize("event", [entry(title="x" * 200, content="y" * 65_536, tags=["z" * 64] * 64, confidence=1)])
def test_the_limits_themselves_are_allowed(event):
    assert write_of(event)


def test_content_decides_whether_two_writes_say_the_same():
    said = write_of(write_requested())

    assert said.content_sha256() == write_of(write_requested(id="other")).content_sha256()
    others = [write_requested(text="x"), write_requested(approval="apr-1"), write_requested(metadata={"a": 1})]
    assert said.content_sha256() not in {write_of(event).content_sha256() for event in others}
