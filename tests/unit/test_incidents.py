from __future__ import annotations

from datetime import timedelta
from functools import reduce
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.incidents import Incident, entry_id, order_of, record
from shared.domain.knowledge import Outcome, PathType
from shared.domain.writes import write_of
from shared.testing.clocks import NOON, FakeClock
from shared.testing.events import (
    INCIDENT,
    alert_resolved,
    execution_verified,
    remediation_approved,
    write_requested,
)
from shared.testing.knowledge import MemoryKnowledge
from tests import strategies
from tests.histories import NAMES, at, expected, histories, told, writes_of

LATER = NOON + timedelta(days=1)


def folded(writes, incident=None):
    start = incident or Incident(key=writes[0].key)
    return reduce(lambda incident, write: record(incident, write, now=LATER)[0], writes, start)


def outcomes(*events):
    incident, said = Incident(key=INCIDENT), []
    for event in events:
        incident, written = record(incident, write_of(event), now=LATER)
        said.append(written.outcome)
    return said


@pytest.mark.parametrize("name", NAMES)
def test_every_order_ends_in_the_same_incident(name):
    writes = writes_of(histories()[name])
    incident = folded(writes)

    assert told(incident) == expected(writes)
    assert all(folded(order) == incident for order in permutations(writes))


def test_every_order_of_every_part_ends_in_the_same_incident():
    writes = writes_of(histories()["one of each"])

    for size in range(1, len(writes)):
        for order in permutations(writes, size):
            assert told(folded(order)) == expected(list(order))


@pytest.mark.parametrize("name", NAMES)
async def test_duplicates_change_nothing_wherever_they_arrive(name):
    events = histories()[name]
    once = folded(writes_of(events))
    writes = dict(zip(range(len(events)), writes_of(events), strict=True))

    for turn, order in enumerate(permutations(writes)):
        clock = FakeClock(LATER)
        store = MemoryKnowledge(clock)
        repeated = order[turn % len(order)]
        place = order.index(repeated) + 1 + turn % (len(order) - order.index(repeated))
        receipts = []
        for number in [*order[:place], repeated, *order[place:]]:
            receipts += await store.write([writes[number]], deadline_s=1)
            clock.advance(1)

        assert store.incidents == {once.key: once}
        assert sum(receipt.duplicate for receipt in receipts) == 1
        assert len({receipt.written.model_dump_json() for receipt in receipts}) <= len(events)


@given(strategies.histories, st.data())
def test_any_order_of_any_set_ends_in_the_same_incident(writes, data):
    other = data.draw(st.permutations(writes))

    assert folded(other) == folded(writes)
    assert told(folded(other)) == expected(writes)


@given(strategies.histories, st.data())
async def test_any_grouping_with_duplicates_ends_in_the_same_incident(writes, data):
    arriving = data.draw(st.permutations([*writes, *data.draw(st.lists(st.sampled_from(writes)))]))
    size = data.draw(st.integers(1, len(arriving)))
    store = MemoryKnowledge(FakeClock(LATER))

    for start in range(0, len(arriving), size):
        await store.write(arriving[start : start + size], deadline_s=1)

    assert store.incidents == {writes[0].key: folded(writes)}


def test_the_outcomes_of_one_entry():
    older, newer = (write_requested(id=f"w{minute}", at=at(minute), text=f"minute {minute}") for minute in (1, 3))
    same = write_requested(id="w5", at=at(5), text="minute 3")

    assert outcomes(newer, older, same) == [Outcome.CREATED, Outcome.SUPERSEDED, Outcome.UNCHANGED]
    assert outcomes(older, newer) == [Outcome.CREATED, Outcome.UPDATED]


def test_the_approval_reaches_path_a_in_either_order():
    resolved, approved = write_of(alert_resolved()), write_of(remediation_approved(approval="apr-9"))

    for order in ([resolved, approved], [approved, resolved]):
        incident = folded(order)
        assert incident.entries[PathType.INCIDENT_RESOLVE].approval_id == "apr-9"
        assert record(incident, write_of(alert_resolved(id="again", at=at(9))), now=LATER)[1].linked


def test_the_answer_says_whether_path_a_is_linked():
    alone, _ = record(Incident(key=INCIDENT), write_of(remediation_approved()), now=LATER)
    _, first = record(Incident(key=INCIDENT), write_of(alert_resolved()), now=LATER)
    _, second = record(alone, write_of(alert_resolved()), now=LATER)

    assert (first.linked, second.linked) == (False, True)
    assert second.approval_id == "apr-9"


def test_an_approval_touches_path_a_and_its_own_entry_only():
    verified, approved = execution_verified(at=at(2)), remediation_approved(at=at(1))
    incident = folded(writes_of([verified, approved]))

    assert incident.entries[PathType.APPROVAL_AUTO_OK].approval_id is None
    assert incident.entries[PathType.APPROVAL_MANUAL].approval_id == "apr-9"


def test_a_resolution_without_an_approval_never_erases_the_link():
    events = [remediation_approved(at=at(1)), alert_resolved(at=at(2)), alert_resolved(id="again", at=at(3))]

    assert folded(writes_of(events)).entries[PathType.INCIDENT_RESOLVE].approval_id == "apr-9"


def test_a_revoked_entry_is_archived_until_a_newer_event_writes_it_anew():
    fixed = execution_verified(id="v1", at=at(1))
    relapse = execution_verified("failed", id="v2", at=at(2), revises="v1")
    again = execution_verified(id="v3", at=at(3))

    revoked = folded(writes_of([relapse, fixed])).entries[PathType.APPROVAL_AUTO_OK]
    renewed = folded(writes_of([again, fixed, relapse])).entries[PathType.APPROVAL_AUTO_OK]

    assert revoked.archived_at == at(2)
    assert renewed.archived_at is None


@pytest.mark.parametrize("time", [None, NOON + timedelta(minutes=5, microseconds=1)])
def test_database_time_stands_in_for_a_missing_time_or_one_from_the_future(time):
    write = write_of(write_requested(at=time))

    assert order_of(write, now=NOON).time == NOON


@pytest.mark.parametrize("time", [NOON - timedelta(days=400), NOON + timedelta(minutes=5)])
def test_a_time_up_to_five_minutes_ahead_is_believed(time):
    assert order_of(write_of(write_requested(at=time)), now=NOON).time == time


def test_an_event_from_the_future_does_not_win_for_ever():
    wrong = write_of(write_requested(id="z", at=NOON + timedelta(days=365)))
    incident, _ = record(Incident(key=INCIDENT), wrong, now=NOON)

    incident, written = record(incident, write_of(write_requested(id="a", at=at(1))), now=at(1))

    assert written.outcome is Outcome.UNCHANGED
    assert incident.entries[PathType.INCIDENT_RESOLVE].order.event_id == "a"


def test_entry_ids_differ_by_incident_and_path_and_stay_the_same():
    ids = {entry_id(key, path) for key in ("INC-1", "INC-2") for path in PathType for _ in range(2)}

    assert len(ids) == 2 * len(PathType)
    assert entry_id("INC-1", PathType.INCIDENT_RESOLVE) == "ca3dc7c8-95bb-52c2-9c6f-c9bc88347e03"
