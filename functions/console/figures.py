"""The figures of both stores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from functions.console import statements
from functions.console.core import Family, Sample
from shared.adapters.postgres import Connection, Database
from shared.domain.dead_letters import BROKER_STREAM, KNOWLEDGE_STREAM

if TYPE_CHECKING:
    from shared.adapters.dead_letter_streams import RedisDeadLetters

_STREAMS: Final = (KNOWLEDGE_STREAM, BROKER_STREAM)
_VERDICTS, _AUTOMATION, _KNOWLEDGE, _DELIVERY = "Verdicts", "Automation", "Knowledge", "Delivery"

FAMILIES: Final = (
    ("aftercare_executions_24h", "Executions judged in the last 24 hours", _VERDICTS, statements.EXECUTIONS),
    ("aftercare_relapses_24h", "Verdicts taken back in the last 24 hours", _VERDICTS, statements.RELAPSES),
    ("aftercare_verifications_pending", "Verifications that wait", _VERDICTS, statements.VERIFICATIONS),
    (
        "aftercare_verification_overdue_seconds",
        "How long the most overdue verification waits",
        _VERDICTS,
        statements.VERIFICATIONS_DUE,
    ),
    ("aftercare_sensor_readings_1h", "Readings taken in the last hour", _VERDICTS, statements.SENSORS),
    ("aftercare_autonomy_ratio", "Executions that no human decided", _AUTOMATION, statements.AUTONOMY),
    ("aftercare_decision_accuracy_ratio", "Decisions of automation that worked", _AUTOMATION, statements.ACCURACY),
    (
        "aftercare_confidence_calibration_ratio",
        "How close trust in playbooks is to what they achieve",
        _AUTOMATION,
        statements.CALIBRATION,
    ),
    ("aftercare_playbooks", "Playbooks", _AUTOMATION, statements.PLAYBOOKS),
    ("aftercare_governance_alerts_open", "Open alerts about the automation", _AUTOMATION, statements.ALERTS),
    ("aftercare_last_run_timestamp_seconds", "When a job ended last, in Unix time", _AUTOMATION, statements.LAST_RUNS),
    ("knowledge_entries_created_24h", "Entries created in the last 24 hours", _KNOWLEDGE, statements.KNOWLEDGE),
    (
        "aftercare_knowledge_latency_seconds",
        "From an event to its entry, 95th percentile of the last 24 hours",
        _KNOWLEDGE,
        statements.LATENCY,
    ),
    ("aftercare_dead_letters_quarantined", "Dead letters that wait for a person", _DELIVERY, statements.QUARANTINED),
    ("aftercare_outbox_events", "Events that wait to be sent", _DELIVERY, statements.OUTBOX),
    ("aftercare_outbox_oldest_seconds", "How long the oldest of them waits", _DELIVERY, statements.OUTBOX_AGE),
    ("aftercare_effects", "Calls to the outside that are not done", _DELIVERY, statements.EFFECTS),
)
"""Name, what it is, its section of the page, and the statement."""


class PostgresFigures:
    """What PostgreSQL says, in one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def gather(self) -> Sequence[Family]:
        """All figures.

        Raises:
            DatabaseUnavailable: not now.
        """
        return await self._database.transact(_gather)


class RedisFigures:
    """What Redis says of the dead letters."""

    def __init__(self, letters: RedisDeadLetters) -> None:
        self._letters = letters

    async def gather(self) -> Sequence[Family]:
        """All figures.

        Raises:
            QueueUnavailable: not now.
        """
        waiting, oldest = list[Sample](), list[Sample]()
        for stream in _STREAMS:
            depth = await self._letters.depth(stream)
            waiting.append(Sample(depth.entries, {"stream": stream}))
            oldest.append(Sample(depth.oldest_age_s or 0.0, {"stream": stream}))
        return [
            Family(
                name="aftercare_dead_letters",
                about="Dead letters that wait for the next drain",
                section=_DELIVERY,
                samples=waiting,
            ),
            Family(
                name="aftercare_dead_letter_oldest_seconds",
                about="How long the oldest of them waits",
                section=_DELIVERY,
                samples=oldest,
            ),
        ]


def redis_figures(url: str, *, timeout_s: float) -> RedisFigures:
    """Figures of the Redis at ``url``, whose client a start without Redis does not wait for."""
    from shared.adapters.dead_letter_streams import RedisDeadLetters, connect  # noqa: PLC0415

    return RedisFigures(RedisDeadLetters(connect(url, timeout_s=timeout_s)))


def _gather(connection: Connection) -> list[Family]:
    connection.send("SET TRANSACTION READ ONLY")
    return [
        Family(name=name, about=about, section=section, samples=_samples(connection, sql))
        for name, about, section, sql in FAMILIES
    ]


def _samples(connection: Connection, sql: str) -> list[Sample]:
    return [Sample(float(value), labels) for labels, value in connection.rows(sql)]
