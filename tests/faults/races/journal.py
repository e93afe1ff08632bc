"""What happened to each slot's row, and what was announced: noted by triggers, in the transaction that did it.

Each replica logs in under a name of its own, so a note says whose write it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from tests.faults.races.clock import Rows

_INSTALL: Final = """
CREATE SCHEMA journal;
CREATE TABLE journal.slots (
    number bigserial, slot_start timestamptz, what text, who text DEFAULT session_user
);
CREATE TABLE journal.announced (
    number bigserial, event_id text, event_type text, event jsonb, who text DEFAULT session_user
);
CREATE FUNCTION journal.note_slot() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO journal.slots (slot_start, what) SELECT NEW.slot_start, CASE
        WHEN TG_OP = 'INSERT' THEN 'claimed'
        WHEN OLD.done_at IS NOT NULL THEN 'changed'
        WHEN NEW.done_at IS NOT NULL THEN 'finished'
        WHEN NEW.owner = OLD.owner AND NEW.fence = OLD.fence THEN 'released'
        WHEN OLD.lease_until >= now() THEN 'robbed'
        ELSE 'claimed' END;
    RETURN NULL;
END $$;
CREATE FUNCTION journal.note_announcement() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO journal.announced (event_id, event_type, event) VALUES (NEW.event_id, NEW.event_type, NEW.event);
    RETURN NULL;
END $$;
CREATE TRIGGER note AFTER INSERT OR UPDATE ON cron_slots FOR EACH ROW EXECUTE FUNCTION journal.note_slot();
CREATE TRIGGER note AFTER INSERT ON outbox FOR EACH ROW EXECUTE FUNCTION journal.note_announcement()
"""
_ROLE: Final = """
DO $$ BEGIN
    CREATE ROLE {0} SUPERUSER LOGIN;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$
"""
_SLOTS: Final = "SELECT slot_start, what, who FROM journal.slots ORDER BY number"
_ANNOUNCED: Final = "SELECT event_id, event_type, event FROM journal.announced ORDER BY number"
_DONE: Final = "SELECT slot_start, result FROM cron_slots WHERE job = :job AND done_at IS NOT NULL"
_IS_DONE: Final = """
SELECT count(*) FROM cron_slots
WHERE job = :job AND slot_start = date_trunc('hour', now()) AND done_at IS NOT NULL
"""


@dataclass(frozen=True, slots=True)
class Note:
    """What a replica did to a slot's row: claimed, robbed (its lease was valid), finished, released or changed it."""

    slot: datetime
    what: str
    who: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Entries:
    """Everything that was noted, in its order; ``done`` has the results of slots by their start."""

    notes: Sequence[Note]
    announced: Sequence[Any]
    done: Mapping[datetime, Any]


class Journal:
    """The journal of one job.

    Args:
        rows: a connection of our own, opened after the clock was put in.
        job: whose slots.
        replicas: names of roles.
    """

    def __init__(self, rows: Rows, job: str, replicas: Sequence[str]) -> None:
        self._rows: Final = rows
        self._job: Final = job
        for name in replicas:
            rows(_ROLE.format(name))
        rows(_INSTALL)

    def is_done(self) -> bool:
        """Whether the slot of this hour is."""
        return bool(self._rows(_IS_DONE, job=self._job)[0][0])

    def entries(self) -> Entries:
        """All."""
        return Entries(
            notes=[Note(*row) for row in self._rows(_SLOTS)],
            announced=[event for _, _, event in self._rows(_ANNOUNCED)],
            done={row[0]: row[1] for row in self._rows(_DONE, job=self._job)},
        )
