"""One contract, two stores of verifications: in memory and in PostgreSQL."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from functions.verify_execution.captures import PostgresBaselines
from functions.verify_execution.core.questions import Question
from functions.verify_execution.core.tickets import Ticket
from functions.verify_execution.core.timetable import Check
from functions.verify_execution.handler import Captured, Newer, Pending, Settled
from functions.verify_execution.verifications import PostgresVerifications
from shared.adapters.relay import Relay
from shared.domain.errors import Unprocessable
from shared.domain.events import from_structured
from shared.domain.executions import EXECUTION_VERIFIED, ROLLBACK_PROPOSED, Reason, Target, Verdict
from shared.testing.clocks import NOON, FakeClock
from shared.testing.verifications import MemoryVerifications
from tests.executions import (
    TARGET,
    TIMING,
    broken,
    completed,
    data_of,
    firing,
    half_up,
    healthy,
    settled,
    starting,
    unseen,
)

LEASE_S = TIMING.whole_s + 30
MINUTE_S, HOUR_S, DAY_S = 60, 3600, 86400
QUESTION = Question(target=Target(**TARGET), alertname=None, labels={})


class InMemory:
    def __init__(self):
        self._clock = FakeClock(datetime.now(UTC))
        self.store = self.baselines = MemoryVerifications(self._clock, TIMING)

    def pass_time(self, seconds):
        self._clock.advance(seconds)

    def announced(self):
        return list(self.store.announced)

    def trust(self, playbook):
        known = self.store.playbooks[playbook]
        return known.trust_score, known.verified_count, known.failed_count

    def verdict(self, execution):
        found = self.store.verdicts[execution].judgement
        return found.verdict, found.reason

    def waiting(self):
        return set(self.store.waiting)


class InPostgres:
    def __init__(self, database, rows):
        relay = Relay(database, None)
        self.store = PostgresVerifications(database, relay, TIMING, announce=True, propose_rollbacks=True)
        self.baselines = PostgresBaselines(database, relay, announce=True)
        self.rows = rows

    def pass_time(self, seconds):
        self.rows(
            "UPDATE verifications SET lease_until = lease_until - :s * interval '1 second', "
            "due_at = due_at - :s * interval '1 second'",
            s=float(seconds),
        )

    def announced(self):
        return [from_structured(event) for (event,) in self.rows("SELECT event FROM outbox ORDER BY id")]

    def trust(self, playbook):
        (row,) = self.rows(
            "SELECT trust_score, verified_count, failed_count FROM playbooks WHERE playbook_id = :id", id=playbook
        )
        return tuple(row)

    def verdict(self, execution):
        (row,) = self.rows("SELECT verdict, reason FROM auto_repair_executions WHERE execution_id = :id", id=execution)
        return tuple(row)

    def waiting(self):
        return {
            (id_, Check(c))
            for id_, c in self.rows("SELECT execution_id, check_name FROM verifications WHERE state = 'pending'")
        }


@pytest.fixture(params=["memory", "postgres"])
def place(request):
    if request.param == "memory":
        return InMemory()
    return InPostgres(request.getfixturevalue("database"), request.getfixturevalue("rows"))


@pytest.fixture
def ended():
    """When an action ended: a little ago, by the clock of the machine."""
    return datetime.now(UTC) - timedelta(minutes=2)


async def begin(place, event):
    return await place.store.begin(event, data_of(event), TIMING)


async def due(place, most=100):
    return list(await place.store.due(most=most))


async def verified(place, event, *looks):
    """Begin, and give the verdict that the looks lead to."""
    held = await begin(place, event)
    settlement = settled(held, *looks)
    assert await place.store.settle(settlement)
    return settlement


class TestBeginning:
    async def test_a_new_event_gets_the_right_to_judge(self, place, ended):
        event = completed(at=ended)
        held = await begin(place, event)

        assert isinstance(held, Ticket)
        assert (held.check, held.fence, held.attempts) == (Check.INITIAL, 1, 1)
        assert (held.cause, held.execution, held.timing) == (event, data_of(event), TIMING)
        assert (held.acted_at, held.judged_at, held.success_id) == (ended, None, None)
        assert (held.baseline, held.plan) == (None, None)

    async def test_a_redelivery_finds_the_row_taken(self, place, ended):
        event = completed(at=ended)
        await begin(place, event)

        assert await begin(place, event) == Pending()

    async def test_a_redelivery_after_the_verdict_gets_the_verdict(self, place, ended):
        event = completed(at=ended)
        settlement = await verified(place, event, healthy)

        assert await begin(place, event) == Settled(settlement.verified)
        assert await begin(place, replace(event, extensions={"knativeerrorcode": "503"})) == Settled(
            settlement.verified
        )

    async def test_a_forged_id_is_refused_and_takes_nothing(self, place, ended):
        await place.store.release(await begin(place, completed(at=ended)))
        with pytest.raises(Unprocessable, match="completed-ex-1"):
            await begin(place, completed(at=ended, incident="INC-forged"))
        with pytest.raises(Unprocessable, match="completed-ex-1"):
            await begin(place, completed("ex-2", id="completed-ex-1", at=ended))

        assert [held.execution.incident_id for held in await due(place)] == [completed().data["incident_id"]]

    async def test_another_event_of_the_execution_is_no_other_execution(self, place, ended):
        first, second = completed(at=ended), completed(id="again", at=ended, kind="scale")
        held = await begin(place, first)
        assert await begin(place, second) == Pending()

        await place.store.release(held)
        again = await begin(place, second)
        assert (again.cause, again.fence) == (first, 2)

        settlement = settled(again, healthy)
        await place.store.settle(settlement)
        assert await begin(place, second) == Settled(settlement.verified)

    async def test_many_at_once_get_one_owner_each(self, place, ended):
        events = [completed(f"ex-{n}", at=ended) for n in range(100)]
        others = [completed(f"ex-{n}", id=f"other-{n}", at=ended) for n in range(0, 100, 10)]
        begun = await asyncio.gather(*(begin(place, event) for event in [*events, *events, *others]))

        owners = Counter(held.execution.execution_id for held in begun if isinstance(held, Ticket))
        assert owners == {f"ex-{n}": 1 for n in range(100)}
        assert begun.count(Pending()) == 110

    async def test_a_forgery_in_the_same_moment_harms_nobody_else(self, place, ended):
        events = [completed(f"ex-{n}", at=ended) for n in range(20)]
        forged = [completed(f"ex-{n}", at=ended, incident="INC-forged") for n in range(20)]
        both = [event for pair in zip(events, forged, strict=True) for event in pair]
        begun = await asyncio.gather(*(begin(place, event) for event in both), return_exceptions=True)

        owned = [held.execution.execution_id for held in begun if isinstance(held, Ticket)]
        assert sorted(owned) == sorted(f"ex-{n}" for n in range(20))
        assert sum(isinstance(held, Unprocessable) for held in begun) == 20

    async def test_an_action_that_ended_in_the_future_ended_when_we_heard_of_it(self, place):
        held = await begin(place, completed(at=datetime.now(UTC) + timedelta(hours=1)))

        assert held.acted_at < datetime.now(UTC) + timedelta(minutes=1)

    async def test_what_is_waited_for_is_pinned(self, place, ended):
        event = completed(at=ended)
        longer = replace(TIMING, warmup_s=1.5, soak_s=2.5, whole_s=99.0)
        await place.store.begin(event, data_of(event), longer)
        place.pass_time(LEASE_S + 99)
        (held,) = await due(place)

        assert (held.timing.warmup_s, held.timing.soak_s, held.timing.whole_s) == (1.5, 2.5, 99.0)


class TestOwnership:
    async def test_nobody_takes_a_row_before_its_lease_ends(self, place, ended):
        await begin(place, completed(at=ended))
        place.pass_time(LEASE_S - 5)
        assert await due(place) == []

        place.pass_time(10)
        (held,) = await due(place)
        assert (held.fence, held.attempts) == (2, 2)

    async def test_the_lease_lasts_as_long_as_its_own_verification_may(self, place, ended):
        event = completed(at=ended)
        await place.store.begin(event, data_of(event), replace(TIMING, whole_s=1000.0))
        place.pass_time(900)

        assert await due(place) == []

    async def test_whoever_lost_the_row_settles_nothing(self, place, ended):
        old = await begin(place, completed(at=ended))
        place.pass_time(LEASE_S + 1)
        (new,) = await due(place)

        assert not await place.store.settle(settled(old, broken))
        assert place.announced() == []
        assert await place.store.settle(settled(new, healthy))
        assert not await place.store.settle(settled(old, broken))
        assert place.verdict("ex-1") == (Verdict.SUCCESS, Reason.RECOVERED_WITHOUT_BASELINE)
        assert place.trust("pb-7")[1:] == (1, 0)
        assert [event.data["verdict"] for event in place.announced()] == ["success"]

    async def test_two_owners_at_the_same_moment(self, place, ended):
        old = await begin(place, completed(at=ended))
        place.pass_time(LEASE_S + 1)
        (new,) = await due(place)
        results = await asyncio.gather(
            *(place.store.settle(settled(held, look)) for held, look in [(old, broken), (new, healthy)] * 3)
        )

        assert results.count(True) == 1
        assert place.verdict("ex-1")[0] is Verdict.SUCCESS or place.verdict("ex-1")[0] == "success"
        assert place.trust("pb-7")[1:] == (1, 0)

    async def test_what_is_given_back_is_taken_at_once_and_costs_no_attempt(self, place, ended):
        for fence in (1, 2, 3):
            (held,) = [await begin(place, completed(at=ended))] if fence == 1 else await due(place)
            assert (held.fence, held.attempts) == (fence, 1)
            await place.store.release(held)

    async def test_whoever_lost_the_row_gives_nothing_back(self, place, ended):
        old = await begin(place, completed(at=ended))
        place.pass_time(LEASE_S + 1)
        (new,) = await due(place)
        await place.store.release(old)

        assert await due(place) == []
        await place.store.release(new)
        assert len(await due(place)) == 1

    async def test_many_are_given_back_at_once(self, place, ended):
        held = await asyncio.gather(*(begin(place, completed(f"ex-{n}", at=ended)) for n in range(300)))
        await asyncio.gather(*(place.store.release(one) for one in held))

        assert len(await due(place, most=1000)) == 300

    async def test_due_takes_the_oldest_first_and_no_more_than_asked(self, place, ended):
        for n in range(5):
            await place.store.release(await begin(place, completed(f"ex-{n}", at=ended)))
        taken = [[held.execution.execution_id for held in await due(place, most=2)] for _ in range(3)]

        assert taken == [["ex-0", "ex-1"], ["ex-2", "ex-3"], ["ex-4"]]

    async def test_two_ticks_share_nothing(self, place, ended):
        for n in range(30):
            await place.store.release(await begin(place, completed(f"ex-{n}", at=ended)))
        ticks = await asyncio.gather(*(due(place, most=10) for _ in range(4)))

        taken = [held.id for tick in ticks for held in tick]
        assert len(taken) == len(set(taken)) == 30


class TestLaterLooks:
    async def next_look(self, place, seconds):
        place.pass_time(seconds)
        (held,) = await due(place)
        return held

    async def test_a_success_is_looked_at_after_5_minutes_an_hour_and_a_day(self, place):
        ended = datetime.now(UTC) - timedelta(seconds=25)
        first = await verified(place, completed(at=ended), healthy)
        assert await due(place) == []

        last, asked = first, []
        for after_s in (5 * MINUTE_S, HOUR_S, DAY_S):
            place.pass_time(-10)
            assert await due(place) == []
            held = await self.next_look(place, after_s + 10)
            asked.append((held.check, held.success_id, held.judged_at))
            settlement = settled(held, healthy)
            assert await place.store.settle(settlement)
            assert held.success_id == last.verified.id
            last = settlement
        assert [check for check, _, _ in asked] == [Check.AFTER_5M, Check.AFTER_1H, Check.AFTER_24H]
        place.pass_time(1000 * DAY_S)
        assert await due(place) == []
        assert place.waiting() == set()

    @pytest.mark.parametrize("look", [broken, half_up, unseen])
    async def test_nothing_but_a_success_is_looked_at_again(self, place, ended, look):
        await verified(place, completed(at=ended), look)

        assert place.waiting() == set()

    async def test_a_relapse_takes_the_last_success_back(self, place, ended):
        await verified(place, completed(at=ended), healthy)
        held = await self.next_look(place, 5 * MINUTE_S)
        second = settled(held, healthy)
        await place.store.settle(second)
        held = await self.next_look(place, HOUR_S)
        assert await place.store.settle(settled(held, broken))

        last = [event for event in place.announced() if event.type == EXECUTION_VERIFIED][-1]
        said = {name: last.data[name] for name in ("verdict", "reason", "check", "revises")}
        assert said == {"verdict": "failed", "reason": "relapsed", "check": "1h", "revises": second.verified.id}
        assert place.verdict("ex-1") == (Verdict.FAILED, Reason.RELAPSED)
        assert place.waiting() == set()

    @pytest.mark.parametrize("look", [half_up, unseen])
    async def test_a_look_that_is_unsure_takes_nothing_back_and_is_not_the_last(self, place, ended, look):
        first = await verified(place, completed(at=ended), healthy)
        trust = place.trust("pb-7")
        held = await self.next_look(place, 5 * MINUTE_S)
        await place.store.settle(settled(held, look))

        assert place.verdict("ex-1")[0] == "success"
        assert place.trust("pb-7") == trust
        held = await self.next_look(place, HOUR_S)
        assert (held.check, held.success_id) == (Check.AFTER_1H, first.verified.id)

    async def test_what_was_asked_is_asked_again(self, place, ended):
        await verified(place, completed(at=ended), healthy)
        held = await self.next_look(place, 5 * MINUTE_S)

        assert held.plan == ["workload"]
        assert held.judged_at == ended + timedelta(seconds=25)

    async def test_a_redelivery_of_the_event_gets_the_first_verdict_also_after_a_relapse(self, place, ended):
        event = completed(at=ended)
        first = await verified(place, event, healthy)
        held = await self.next_look(place, 5 * MINUTE_S)
        await place.store.settle(settled(held, broken))

        assert await begin(place, event) == Settled(first.verified)


class TestLearning:
    @pytest.mark.parametrize(
        ("look", "trust"),
        [(healthy, (0.6, 1, 0)), (half_up, (0.5, 1, 0)), (broken, (0.4, 1, 1)), (unseen, (0.5, 0, 0))],
    )
    async def test_a_verdict_moves_the_trust(self, place, ended, look, trust):
        await verified(place, completed(at=ended), look)

        assert place.trust("pb-7") == pytest.approx(trust)

    async def test_several_of_one_playbook_at_once(self, place, ended):
        held = [await begin(place, completed(f"ex-{n}", at=ended)) for n in range(20)]
        await asyncio.gather(*(place.store.settle(settled(one, healthy)) for one in held))

        assert place.trust("pb-7") == pytest.approx((1 - 0.5 * 0.8**20, 20, 0))

    async def test_a_playbook_nobody_named_is_not_invented(self, place, ended):
        await verified(place, completed(at=ended, playbook_id=None), healthy)

        with pytest.raises((KeyError, ValueError)):
            place.trust("pb-7")

    async def test_a_relapse_leaves_the_trust_as_if_it_had_failed_at_once(self, place, ended):
        looks = [healthy, broken, healthy, half_up, unseen, healthy]
        for number, look in enumerate(looks):
            at = ended + timedelta(seconds=number)
            await verified(place, completed(f"ex-{number}", at=at), look)
        place.pass_time(5 * MINUTE_S)
        for held in await due(place):
            relapses = held.execution.execution_id in ("ex-0", "ex-2")
            await place.store.settle(settled(held, broken if relapses else healthy))

        expected = 0.5
        for worth in (0, 0, 0, 0.5, 1):
            expected = 0.8 * expected + 0.2 * worth
        assert place.trust("pb-7") == pytest.approx((expected, 5, 3))

    async def test_a_rollback_is_announced_beside_the_verdict(self, place, ended):
        settlement = await verified(place, completed(at=ended), broken)

        assert place.announced() == [settlement.verified, settlement.rollback]
        assert settlement.rollback.type == ROLLBACK_PROPOSED


class TestBaselines:
    async def keep(self, place, event, look, *, question=QUESTION):
        at = event.time + timedelta(seconds=2)
        return await place.baselines.keep(
            event, look(at), question, incident_id=event.subject, execution_id=event.data.get("execution_id")
        )

    async def test_a_baseline_comes_with_the_ticket(self, place, ended):
        seen = broken(ended - timedelta(seconds=28))
        event = starting(at=ended - timedelta(seconds=30))
        announced = await self.keep(place, event, broken)
        held = await begin(place, completed(at=ended))

        assert (held.baseline_id, list(held.plan)) == (announced.data["evidence_id"], ["workload"])
        assert held.baseline.taken_at == seen.taken_at
        assert held.baseline.target()["workload"].ready == 0
        assert announced.data == {
            "execution_id": "ex-1",
            "incident_id": event.subject,
            "evidence_id": held.baseline_id,
            "sensors": {"attempted": 1, "succeeded": 1, "failed": []},
        }

    async def test_the_executions_own_is_preferred_to_a_newer_one(self, place, ended):
        own = await self.keep(place, starting(at=ended - timedelta(minutes=3)), broken)
        for number in range(7):
            at = ended - timedelta(seconds=100 - number)
            await self.keep(place, starting(f"other-{number}", at=at), healthy)

        assert (await begin(place, completed(at=ended))).baseline_id == own.data["evidence_id"]

    async def test_the_newest_of_the_incident_when_there_is_no_own(self, place, ended):
        await self.keep(place, firing(id="a", at=ended - timedelta(minutes=9)), broken)
        newest = await self.keep(place, firing(id="b", at=ended - timedelta(minutes=2)), broken)

        assert (await begin(place, completed(at=ended))).baseline_id == newest.data["evidence_id"]

    async def test_what_was_seen_after_the_action_is_no_baseline(self, place, ended):
        await self.keep(place, starting(at=ended), broken)

        assert (await begin(place, completed(at=ended))).baseline is None

    async def test_another_target_or_incident_is_no_baseline(self, place, ended):
        at = ended - timedelta(minutes=1)
        elsewhere = replace(QUESTION, target=Target(**{**TARGET, "namespace": "dev"}))
        await self.keep(place, starting(at=at), broken, question=elsewhere)
        await self.keep(place, firing(at=at, incident="INC-other"), broken)

        assert (await begin(place, completed(at=ended))).baseline is None

    async def test_a_baseline_lasts_to_the_later_looks(self, place, ended):
        await self.keep(place, starting(at=ended - timedelta(minutes=1)), broken)
        await verified(place, completed(at=ended), healthy)
        place.pass_time(5 * MINUTE_S)
        (held,) = await due(place)

        assert held.baseline.target()["workload"].ready == 0

    async def test_each_event_brings_one(self, place):
        event = starting()
        first = await self.keep(place, event, broken)
        again = await self.keep(place, event, healthy)
        together = await asyncio.gather(*(self.keep(place, starting("ex-9"), look) for look in [broken, healthy] * 5))

        assert first == again
        assert len({announced.id for announced in together}) == 1
        assert len(place.announced()) == 2

    async def test_a_forged_id_is_refused(self, place):
        await self.keep(place, starting(), broken)
        with pytest.raises(Unprocessable, match="starting-ex-1"):
            await self.keep(place, starting(incident="INC-forged"), broken)
        with pytest.raises(Unprocessable, match="starting-ex-1"):
            await self.keep(place, starting(incident="INC-forged"), broken)

    async def test_what_is_known(self, place):
        event, alert = starting(at=NOON), firing(at=NOON)

        async def known(event, since):
            return await place.baselines.known(event, incident_id=event.subject, since=since)

        assert await known(event, None) is None
        assert await known(alert, NOON) is None
        announced = await self.keep(place, event, broken)
        assert await known(event, None) == Captured(announced)
        assert await known(alert, NOON) == Newer()
        assert await known(alert, NOON + timedelta(seconds=2)) == Newer()
        assert await known(alert, NOON + timedelta(seconds=3)) is None
        assert await known(alert, None) is None
        assert await known(starting(at=NOON, playbook_id="forged"), None) is None
        assert await known(firing(at=NOON, incident="INC-other"), NOON) is None
