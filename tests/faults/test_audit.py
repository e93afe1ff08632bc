"""The checker itself: each counter moves for what it is named after, and for nothing else."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from random import Random

import pytest

from tests.faults.audit import BROKEN, Aftermath, Ban, audit, longest_silence
from tests.faults.evidence import Tables
from tests.faults.expectation import Expectation
from tests.faults.load import Delivery
from tests.faults.traffic import BRIDGE, WRITER, DeadLetters, Knowledge, Post, Webhooks

KNOWLEDGE = Knowledge(Random("audit"), "/chaos/audit")
POSTS = [post for post, _ in zip(KNOWLEDGE, range(40), strict=False)]
WEBHOOKS = [post for post, _ in zip(Webhooks(Random("audit"), "/chaos/audit"), range(10), strict=False)]
LETTERS = DeadLetters(Random("audit"), "/chaos/audit")
LETTER_POSTS = [post for post, _ in zip(LETTERS, range(10), strict=False)]
SINGLE = next(post for post in POSTS if len(post.facts) == 1)


def answered(post: Post, status: int | None = 200, *, at: float = 1.0, reply: object = None) -> Delivery:
    return Delivery(post, began=at, ended=at + 0.5, status=status, reply=reply)


def announcement(episode: str, event_id: str) -> dict[str, object]:
    fingerprint, status = episode.split("/")
    return {"id": event_id, "source": "/aftercare/alert-bridge", "data": {"fingerprint": fingerprint, "status": status}}


def sound() -> Aftermath:
    """A round in which every promise held."""
    sent = {fact for post in POSTS for fact in post.facts}
    expected = Expectation(KNOWLEDGE.events[event_id] for event_id in sorted(sent))
    episodes = {fact for post in WEBHOOKS for fact in post.facts}
    letters = {fact: LETTERS.events[fact] for post in LETTER_POSTS for fact in post.facts}
    hopeless = {id_ for id_, event in letters.items() if event.extensions["knativeerrorcode"] == "422"}
    curable = {id_: {"id": id_, "source": "/chaos/audit"} for id_ in letters.keys() - hopeless}
    return Aftermath(
        events=KNOWLEDGE.events,
        given_up=LETTERS.events,
        deliveries=[answered(post) for post in [*POSTS, *WEBHOOKS, *LETTER_POSTS]],
        bans=[],
        letters=Counter(sent),
        unlinked=frozenset(),
        tables=Tables(
            written=frozenset(sent),
            bridged=frozenset(f"of {episode}" for episode in episodes),
            entries=expected.entries,
            links=expected.links,
            quarantined=frozenset(hopeless),
        ),
        announced={**{f"of {e}": announcement(e, f"of {e}") for e in episodes}, **curable},
    )


def moved(testimony: Aftermath) -> dict[str, int]:
    figures = audit(testimony)
    return {name: getattr(figures, name) for name in BROKEN if getattr(figures, name)}


def test_a_round_in_which_every_promise_held_moves_nothing() -> None:
    assert moved(sound()) == {}


def test_acknowledged_and_nowhere_is_lost() -> None:
    told = sound()
    fact = POSTS[0].facts[0]
    tables = replace(told.tables, written=told.tables.written - {fact})

    assert "lost" in moved(replace(told, tables=tables))


def test_not_acknowledged_and_nowhere_is_nobody_s_loss() -> None:
    unheard = next(iter(Webhooks(Random("other"), "/chaos/audit")))
    told = sound()

    figures = audit(replace(told, deliveries=[*told.deliveries, answered(unheard, None)]))

    assert figures.lost == 0
    assert figures.refused == 1


def test_not_acknowledged_and_there_is_recovered() -> None:
    told = sound()
    deliveries = [answered(post, None) if post == SINGLE else answered(post) for post in POSTS]

    figures = audit(replace(told, deliveries=[*deliveries, *map(answered, [*WEBHOOKS, *LETTER_POSTS])]))

    assert figures.recovered == 1
    assert not any(getattr(figures, name) for name in BROKEN)


def test_there_and_never_sent_is_unexpected() -> None:
    told = sound()
    tables = replace(told.tables, written=told.tables.written | {"ev-from-nowhere"})

    assert moved(replace(told, tables=tables)) == {"unexpected": 1}


@pytest.mark.parametrize(("change", "counter"), [(+1, "duplicated"), (-1, "lost")])
def test_a_revision_counts_the_effects(change: int, counter: str) -> None:
    told = sound()
    key, row = next(iter(told.tables.entries.items()))
    entries = {**told.tables.entries, key: {**row, "revision": row["revision"] + change}}

    assert moved(replace(told, tables=replace(told.tables, entries=entries))) == {counter: 1}


def test_two_letters_for_one_event_are_a_duplicate() -> None:
    told = sound()

    assert moved(replace(told, letters=told.letters + Counter([SINGLE.facts[0]]))) == {"duplicated": 1}


def test_an_episode_under_two_ids_is_a_duplicate() -> None:
    told = sound()
    again = announcement(WEBHOOKS[0].facts[0], "again")
    tables = replace(told.tables, bridged=told.tables.bridged | {"again"})

    assert moved(replace(told, announced={**told.announced, "again": again}, tables=tables)) == {"duplicated": 1}


def test_an_alert_that_is_remembered_and_never_announced_is_lost() -> None:
    told = sound()
    announced = {id_: event for id_, event in told.announced.items() if id_ != f"of {WEBHOOKS[0].facts[0]}"}

    # Once as acknowledged and not there, once as remembered and not announced.
    assert moved(replace(told, announced=announced)) == {"lost": 2}


def test_a_row_that_no_order_explains_is_wrong() -> None:
    told = sound()
    key, row = next(iter(told.tables.entries.items()))
    entries = {**told.tables.entries, key: {**row, "title": "something else"}}

    assert moved(replace(told, tables=replace(told.tables, entries=entries))) == {"wrong": 1}


def test_a_hopeless_letter_that_is_sent_again_is_wrong() -> None:
    told = sound()
    hopeless = next(iter(told.tables.quarantined))

    assert moved(replace(told, announced={**told.announced, hopeless: {"source": "/chaos/audit"}})) == {"wrong": 1}


@pytest.mark.parametrize("status", [400, 422, 500])
def test_blaming_a_sound_request_is_wrong(status: int) -> None:
    told = sound()

    assert moved(replace(told, deliveries=[*told.deliveries, answered(SINGLE, status)])) == {"wrong": 1}


def test_another_answer_to_the_same_event_is_wrong() -> None:
    told = sound()
    answers = [answered(SINGLE, reply={"revision": 1}), answered(SINGLE, reply={"revision": 2})]

    assert moved(replace(told, deliveries=[*told.deliveries, *answers])) == {"wrong": 1}


@pytest.mark.parametrize(
    ("function", "began", "ended", "broken"),
    [(WRITER, 0.9, 1.6, 1), (BRIDGE, 0.9, 1.6, 0), (WRITER, 1.1, 1.6, 0), (WRITER, 0.9, 1.4, 0)],
)
def test_a_ban_holds_for_requests_that_lie_wholly_within_it(
    function: str, began: float, ended: float, broken: int
) -> None:
    told = sound()
    later = [replace(delivery, began=9.0, ended=9.5) for delivery in told.deliveries]
    ban = Ban(function, range(200, 300), began, ended, "while the test says so")

    figures = audit(replace(told, bans=[ban], deliveries=[*later, answered(SINGLE, 202, at=1.0)]))

    assert figures.forbidden == broken


def test_a_ban_spares_the_facts_it_names() -> None:
    told = sound()
    ban = Ban(WRITER, range(202, 203), 0.0, 9.0, "while the test says so", spared=frozenset(SINGLE.facts))
    other = next(post for post in POSTS if post.facts[0] not in SINGLE.facts)
    kept, refused = answered(SINGLE, 202), answered(other, 202)

    assert audit(replace(told, bans=[ban], deliveries=[*told.deliveries, kept])).forbidden == 0
    assert audit(replace(told, bans=[ban], deliveries=[*told.deliveries, refused])).forbidden == 1


def test_silence_is_measured_from_the_beginning_to_the_end() -> None:
    deliveries = [answered(SINGLE, at=2.0), answered(SINGLE, 503, at=4.0), answered(SINGLE, at=6.5)]

    assert longest_silence(deliveries, began=1.0, ended=9.0) == 4.5
    assert longest_silence([], began=1.0, ended=9.0) == 8.0
