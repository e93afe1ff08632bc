"""What was seen, stored and read back: nothing that a verdict rests on is lost, and no secret is kept."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.verify_execution.core.evidence import attempt_documents, snapshot_document, snapshot_from, storable
from functions.verify_execution.core.judging import judge
from functions.verify_execution.core.readings import (
    Attempt,
    ContainerHealth,
    Direction,
    Metric,
    Neighbours,
    Sample,
    SensorFailure,
    SensorKind,
    Snapshot,
    Termination,
    Waiting,
)
from shared.domain.calls import FailureKind
from tests.verdicts import AFTER, BEFORE, alert, attempt, case, container, http, metric, oom, snapshot, workload

TOKEN = "ghp_" + "a1" * 18

texts = st.text(max_size=12)
numbers = st.floats() | st.floats(allow_nan=False, allow_infinity=False, width=32)
counts = st.integers(0, 2**40)
readings = st.one_of(
    st.builds(
        workload,
        ready=counts,
        desired=counts,
        restarts=counts,
        waiting=st.lists(st.sampled_from(list(Waiting)), max_size=2),
        terminations=st.lists(
            st.builds(Termination, st.just("OOMKilled"), st.sampled_from([BEFORE, AFTER])), max_size=2
        ),
        revisions=counts,
    ),
    st.builds(container, running=st.booleans(), health=st.sampled_from(list(ContainerHealth))),
    st.builds(http, st.none() | st.integers(100, 599)),
    st.builds(
        Metric,
        at=st.just(AFTER),
        name=texts,
        samples=st.lists(st.builds(Sample, texts, numbers, st.sampled_from([BEFORE, AFTER])), max_size=3),
        direction=st.sampled_from(list(Direction)),
        limit=st.none() | numbers,
        counted_since_action=st.booleans(),
    ),
    st.builds(alert, firing=st.booleans()),
    st.builds(Neighbours, at=st.just(AFTER), ready=st.dictionaries(texts, st.booleans(), max_size=3)),
)
attempts = st.builds(
    Attempt,
    sensor=st.sampled_from(["kubernetes", "prometheus"]),
    kind=st.none() | st.sampled_from(list(SensorKind)),
    about_target=st.booleans(),
    required=st.booleans(),
    duration_s=st.floats(0, 100),
    result=readings | st.builds(SensorFailure, st.sampled_from(list(FailureKind))),
)


def document(given_):
    return snapshot_document(given_.taken_at, attempt_documents(given_))


def stored(given_):
    """Through JSON, as a database keeps it, and back."""
    return snapshot_from(
        json.loads(json.dumps(document(given_), allow_nan=False, ensure_ascii=False).encode().decode())
    )


@given(st.lists(attempts, max_size=4))
def test_what_was_stored_is_stored_the_same_again(given_):
    once = Snapshot(taken_at=AFTER, attempts=given_)

    assert document(stored(once)) == document(once)


@given(st.lists(attempts, max_size=2), st.lists(attempts, max_size=2))
def test_a_stored_snapshot_is_judged_as_it_was(before, after):
    was, seen = Snapshot(taken_at=BEFORE, attempts=before), Snapshot(taken_at=AFTER, attempts=after)
    one, other = judge(case(seen, was=was)), judge(case(stored(seen), was=stored(was)))

    assert (one.verdict, one.reason) == (other.verdict, other.reason)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 0.1, -0.0, 1e308, 5e-324])
def test_a_number_stays_what_it_is(value):
    (back,) = stored(snapshot(metric(value, limit=value))).all(Metric)

    assert repr(back.samples[0].value) == repr(back.limit) == repr(value)


def test_times_are_kept_to_the_microsecond_and_in_utc():
    at = AFTER.replace(microsecond=123457)
    back = stored(snapshot(workload(at, terminations=(oom(-1.5),)), at=at))

    assert back.taken_at == back.target()["workload"].at == at
    assert back.target()["workload"].terminations[0] == oom(-1.5)


def test_a_failure_is_not_a_reading():
    lost = attempt(workload())
    back = stored(snapshot(Attempt(**{**_fields(lost), "result": SensorFailure(FailureKind.DENIED)})))

    assert back.attempts[0].result == SensorFailure(FailureKind.DENIED)
    assert back.target() == {}


def test_secrets_are_not_kept():
    seen = snapshot(
        Metric(at=AFTER, name=f"token {TOKEN}", samples=[Sample(f'{{auth="{TOKEN}"}}', 1.0, AFTER)], direction="lower"),
        workload(terminations=(Termination(f"exited with password=hunter2-{TOKEN}", AFTER),)),
    )
    kept = json.dumps(document(seen))

    assert TOKEN not in kept
    assert "hunter2" not in kept
    assert "[redacted:" in kept


@pytest.mark.parametrize("name", ["token-service", "secrets-store", "password", "api-key-rotator", "auth"])
def test_a_name_that_sounds_like_a_secret_hides_no_reading(name):
    seen = Neighbours(at=AFTER, ready={name: True, "other": False})
    asked = Attempt(**{**_fields(attempt(seen)), "sensor": name})
    counted = Metric(at=AFTER, name=name, samples=[Sample(f"{name}_total", 7.0, AFTER)], direction=Direction.LOWER)
    back = stored(snapshot(asked, counted))

    assert back.attempts[0].sensor == name
    assert back.first(Neighbours).ready == {name: True, "other": False}
    assert back.first(Metric).samples[0].value == 7.0


@pytest.mark.parametrize("text", ["a\0b", "\ud800", "\udfff\0"])
def test_text_that_no_database_takes_is_made_fit(text):
    seen = Metric(at=AFTER, name=text, samples=[Sample(text, 1.0, AFTER)], direction=Direction.LOWER)
    (back,) = stored(snapshot(seen, Neighbours(at=AFTER, ready={text: True}))).all(Metric)

    assert not set(text) & {*back.name} & set("\0\ud800\udfff")
    assert storable({text: [text]}) == {back.name: [back.name]}


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.update(success=True, verdict="success"),
        lambda d: d["attempts"][0].update(success=True, result="healthy", score=1.0),
        lambda d: d["attempts"][0]["reading"].update(success=True, status="Running", failed_text="0"),
    ],
)
def test_what_a_stored_snapshot_says_besides_is_left_aside(change):
    plain = document(snapshot(workload(ready=1)))
    claiming = json.loads(json.dumps(plain))
    change(claiming)

    assert snapshot_from(claiming) == snapshot_from(plain)


@pytest.mark.parametrize(
    ("field", "value"), [("ready", "three"), ("ready", None), ("at", "yesterday"), ("waiting", ["Healthy"])]
)
def test_what_is_no_reading_is_not_read(field, value):
    wrong = document(snapshot(workload()))
    wrong["attempts"][0]["reading"][field] = value

    with pytest.raises(ValueError, match=field):
        snapshot_from(wrong)


def _fields(one):
    return {name: getattr(one, name) for name in Attempt.__dataclass_fields__}
