"""The checker: every answer that clients got, held against everything that came out.

The counters are Jepsen's for a queue (what goes in must come out), plus two of our own: answers that nothing durable
could have stood behind, and states that no order of the events explains.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final

from shared.domain.events import Event, canonical_json
from shared.domain.writes import write_of
from tests.faults.evidence import Row, Tables
from tests.faults.expectation import Expectation
from tests.faults.load import Delivery
from tests.faults.traffic import BRIDGE, RECONCILER, UNREADABLE, WRITER, episode_of

_BRIDGE_SOURCE: Final = "/aftercare/alert-bridge"
_DONE: Final = 200
_BUG: Final = 500  # the status of an exception nobody expected
_EXAMPLES: Final = 3


@dataclass(frozen=True, slots=True)
class Ban:
    """Answers that must not be given, by requests that lie wholly within a time.

    Attributes:
        statuses: the statuses that are banned.
        began, ended: monotonic seconds.
        why: for the message.
        spared: facts about which they may be given.
    """

    function: str
    statuses: range
    began: float
    ended: float
    why: str
    spared: AbstractSet[str] = frozenset()

    def is_broken_by(self, delivery: Delivery) -> bool:
        """Whether this answer is one of them."""
        return (
            delivery.post.function == self.function
            and delivery.status in self.statuses
            and delivery.began >= self.began
            and delivery.ended <= self.ended
            and not set(delivery.post.facts) <= self.spared
        )


@dataclass(slots=True)
class Figures:
    """The counters, in events unless they say otherwise.

    Attributes:
        attempted: sent at least once.
        acknowledged: answered with a 2xx at least once.
        deferred: requests answered 202 by km-write.
        refused: requests answered with a 5xx, or not at all.
        lost: acknowledged, and in the end nowhere; or counted less often than there were events.
        duplicated: took effect, or was kept in the stream, more than once.
        unexpected: there, and never sent.
        recovered: there, although nobody was told.
        forbidden: requests acknowledged while nothing durable was within reach.
        wrong: rows, links and answers that no order of the events explains.
        false_success: verdicts that say a fix worked, and it did not.
        unavailable_s: the longest time without an acknowledgement, in seconds.
    """

    attempted: int = 0
    acknowledged: int = 0
    deferred: int = 0
    refused: int = 0
    lost: int = 0
    duplicated: int = 0
    unexpected: int = 0
    recovered: int = 0
    forbidden: int = 0
    wrong: int = 0
    false_success: int = 0
    unavailable_s: float = 0.0
    problems: list[str] = field(default_factory=list)

    def blame(self, counter: str, guilty: Iterable[str], what: str) -> None:
        """Count the guilty, and name some of them."""
        names = sorted(guilty)
        if names:
            setattr(self, counter, getattr(self, counter) + len(names))
            shown = ", ".join(names[:_EXAMPLES]) + (", ..." if len(names) > _EXAMPLES else "")
            self.problems.append(f"{len(names)} {what}: {shown}")

    def add(self, other: Figures) -> None:
        """Add another round's."""
        for name in COUNTERS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.unavailable_s = max(self.unavailable_s, other.unavailable_s)
        self.problems += other.problems


COUNTERS: Final = (
    "attempted",
    "acknowledged",
    "deferred",
    "refused",
    "lost",
    "duplicated",
    "unexpected",
    "recovered",
    "forbidden",
    "wrong",
    "false_success",
)
BROKEN: Final = ("lost", "duplicated", "unexpected", "forbidden", "wrong", "false_success")
"""Counters that must be 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Aftermath:
    """Everything that is known of a round.

    Attributes:
        events: by id, all that clients may have sent to km-write.
        given_up: by id, all that a broker may have sent to backfill-reconcile.
        deliveries: every try, and its answer.
        bans: what must not have been answered.
        letters: by event id, how many waited in the streams before the drain.
        unlinked: incidents whose path A lacked its approval before the sweep.
        tables: PostgreSQL after the drain.
        announced: by id, every event that reached the sink.
    """

    events: Mapping[str, Event]
    given_up: Mapping[str, Event]
    deliveries: Iterable[Delivery]
    bans: Iterable[Ban]
    letters: Counter[str]
    unlinked: AbstractSet[str]
    tables: Tables
    announced: Mapping[str, Any]


def audit(aftermath: Aftermath) -> Figures:
    """The figures of a round."""
    figures = Figures()
    figures.deferred = sum(d.deferred and d.post.function == WRITER for d in aftermath.deliveries)
    figures.refused = sum(d.refused for d in aftermath.deliveries)
    given_up = aftermath.given_up.keys()
    _audit_presence(figures, aftermath, WRITER, aftermath.tables.written | (aftermath.tables.quarantined - given_up))
    _audit_presence(figures, aftermath, BRIDGE, _episodes(aftermath.announced).keys())
    _audit_presence(
        figures, aftermath, RECONCILER, given_up & (aftermath.tables.quarantined | aftermath.announced.keys())
    )
    _audit_effects(figures, aftermath)
    _audit_alerts(figures, aftermath)
    _audit_given_up(figures, aftermath)
    _audit_state(figures, aftermath)
    _audit_answers(figures, aftermath)
    return figures


def longest_silence(deliveries: Iterable[Delivery], *, began: float, ended: float) -> float:
    """The longest time, in seconds, without an acknowledgement."""
    times = sorted(delivery.ended for delivery in deliveries if delivery.accepted)
    return max(later - earlier for earlier, later in pairwise([began, *times, ended]))


def _audit_presence(figures: Figures, aftermath: Aftermath, function: str, present: AbstractSet[str]) -> None:
    """What went in must come out."""
    deliveries = [delivery for delivery in aftermath.deliveries if delivery.post.function == function]
    attempted = {fact for delivery in deliveries for fact in delivery.post.facts}
    acknowledged = {fact for delivery in deliveries if delivery.accepted for fact in delivery.post.facts}
    figures.attempted += len(attempted)
    figures.acknowledged += len(acknowledged)
    figures.recovered += len((present & attempted) - acknowledged)
    figures.blame("lost", acknowledged - present, f"events acknowledged by {function} are nowhere")
    figures.blame("unexpected", present - attempted, f"events of {function} were never sent")


def _audit_effects(figures: Figures, aftermath: Aftermath) -> None:
    """Each event counts once: in its entry's revision, and in the stream while it waits there."""
    counted = Counter((write.key, str(write.path)) for write in map(write_of, _present(aftermath)))
    entries = aftermath.tables.entries
    surplus = Counter({key: row["revision"] for key, row in entries.items()}) - counted
    missing = counted - Counter({key: row["revision"] for key, row in entries.items()})
    twice = Counter({event_id: count - 1 for event_id, count in aftermath.letters.items() if count > 1})
    figures.blame("duplicated", _spelled(surplus), "effects too many")
    figures.blame("lost", _spelled(missing), "effects are missing")
    figures.blame("duplicated", twice.elements(), "letters too many in the stream")


def _audit_alerts(figures: Figures, aftermath: Aftermath) -> None:
    """One announcement for each episode, and none that alert-bridge does not remember."""
    episodes = _episodes(aftermath.announced)
    surplus = [f"{episode} as {len(ids)} events" for episode, ids in episodes.items() if len(ids) > 1]
    announced = {event_id for ids in episodes.values() for event_id in ids}
    figures.blame("duplicated", surplus, "episodes announced more than once")
    figures.blame("lost", aftermath.tables.bridged - announced, "alerts in the inbox were never announced")
    figures.blame("wrong", announced - aftermath.tables.bridged, "announced alerts are not in the inbox")


def _audit_given_up(figures: Figures, aftermath: Aftermath) -> None:
    """What another try may cure was sent again, the rest waits for a person, and nothing does both."""
    hopeless = {id_ for id_, event in aftermath.given_up.items() if event.extensions["knativeerrorcode"] == UNREADABLE}
    figures.blame("wrong", hopeless & aftermath.announced.keys(), "hopeless events were sent again")
    curable = aftermath.given_up.keys() - hopeless
    figures.blame("wrong", curable & aftermath.tables.quarantined, "events were quarantined instead of sent again")


def _audit_state(figures: Figures, aftermath: Aftermath) -> None:
    """The tables equal the fold of the events that took effect; nothing had to be repaired or put away."""
    expected = Expectation(_present(aftermath))
    figures.blame(
        "wrong", _differing(aftermath.tables.entries, expected.entries), "entries are not what their events say"
    )
    figures.blame("wrong", _differing(aftermath.tables.links, expected.links), "links are not what their events say")
    figures.blame("wrong", aftermath.unlinked, "incidents had lost the approval of their path A")
    quarantined = aftermath.tables.quarantined - aftermath.given_up.keys()
    figures.blame("wrong", quarantined, "sound events were quarantined")


def _audit_answers(figures: Figures, aftermath: Aftermath) -> None:
    """No answer that nothing stood behind, none that blames a sound event, none that changes when asked again."""
    for ban in aftermath.bans:
        broken = [_spoken(delivery) for delivery in aftermath.deliveries if ban.is_broken_by(delivery)]
        figures.blame("forbidden", broken, f"requests to {ban.function} were acknowledged {ban.why}")
    blamed = [_spoken(d) for d in aftermath.deliveries if d.status is not None and not d.accepted and d.status <= _BUG]
    figures.blame("wrong", blamed, "sound requests were answered as if they could never work")
    replies: defaultdict[str, set[bytes]] = defaultdict(set)
    for delivery in aftermath.deliveries:
        if delivery.status == _DONE and delivery.reply is not None:
            answers = delivery.reply if isinstance(delivery.reply, list) else [delivery.reply]
            for fact, answer in zip(delivery.post.facts, answers, strict=True):
                replies[fact].add(canonical_json(answer))
    fickle = [fact for fact, different in replies.items() if len(different) > 1]
    figures.blame("wrong", fickle, "events were answered differently when they came again")


def _spoken(delivery: Delivery) -> str:
    return f"{delivery.status} to {delivery.post.facts[0]}"


def _present(aftermath: Aftermath) -> list[Event]:
    """What took effect, of what was sent; in an order that is nobody's."""
    return [aftermath.events[event_id] for event_id in sorted(aftermath.tables.written) if event_id in aftermath.events]


def _episodes(announced: Mapping[str, Any]) -> dict[str, list[str]]:
    """The ids under which each episode was announced."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for event in announced.values():
        if event["source"] == _BRIDGE_SOURCE:
            found[episode_of(event["data"])].append(event["id"])
    return dict(found)


def _differing(actual: Mapping[Any, Row], expected: Mapping[Any, Row]) -> Iterator[str]:
    """Keys whose rows differ, and in what; the revision has a counter of its own."""
    for key in actual.keys() | expected.keys():
        found, wanted = actual.get(key, {}), expected.get(key, {})
        columns = sorted(name for name in found.keys() | wanted.keys() if found.get(name) != wanted.get(name))
        if columns and columns != ["revision"]:
            yield f"{key} ({'columns ' + ', '.join(columns) if found and wanted else 'one side only'})"


def _spelled(counts: Counter[tuple[str, str]]) -> Iterator[str]:
    return (f"{path} of {key}" for key, path in counts.elements())
