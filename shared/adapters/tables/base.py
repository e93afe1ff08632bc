"""What every table shares: names, kinds of columns, closed sets.

- Text is ``text``: lengths belong to the contract, where breaking one is a clear 422 and not a truncated row.
- Identifiers compare byte by byte (collation C): ties between two events are then broken as Python breaks them, and
  no upgrade of the operating system's collations can reorder an index.
- A unique key leads with its most telling column, so that no plan is tempted to use the rest alone.
- A closed set is a CHECK, not a PostgreSQL enum: a value can be taken back in one transaction.
- A foreign key stands only where the child means nothing without its parent. What another system named (incidents,
  executions, playbooks), and what is kept for a shorter time than its reader (evidence), is a plain column.
"""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

metadata: Final = sa.MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

PROSE: Final = sa.Text()
IDENTIFIER: Final = sa.Text(collation="C")
INSTANT: Final = sa.DateTime(timezone=True)
JSON: Final = JSONB()

NOW: Final = "now()"
EMPTY_OBJECT: Final = "'{}'::jsonb"
EMPTY_ARRAY: Final = "'[]'::jsonb"

VERDICTS: Final = ("success", "degraded", "failed", "timeout")
REASONS: Final = (
    "recovered",
    "recovered_without_baseline",
    "already_healthy",
    "observe_only",
    "unchanged",
    "partially_recovered",
    "contradictory",
    "worse",
    "still_unhealthy",
    "no_replicas",
    "crash_loop",
    "oom_killed",
    "image_pull",
    "execution_failed",
    "relapsed",
    "sensors_silent",
    "deadline",
)
DECIDERS: Final = ("rule", "llm", "human")

Kind = sa.types.TypeEngine[Any]


def key(name: str, kind: Kind) -> sa.Column[Any]:
    """A column of the primary key."""
    return sa.Column(name, kind, primary_key=True)


def serial(name: str) -> sa.Column[Any]:
    """A primary key that the server counts, in order of arrival."""
    return sa.Column(name, sa.BigInteger, sa.Identity(always=True), primary_key=True)


def required(name: str, kind: Kind, default: str | None = None) -> sa.Column[Any]:
    """A column that always has a value; ``default`` is an SQL expression."""
    return sa.Column(name, kind, nullable=False, server_default=None if default is None else sa.text(default))


def optional(name: str, kind: Kind) -> sa.Column[Any]:
    """A column that may be unknown."""
    return sa.Column(name, kind, nullable=True)


def one_of(column: str, values: tuple[str, ...]) -> sa.CheckConstraint:
    """The column holds one of these words, or NULL where it may."""
    words = ", ".join(f"'{value}'" for value in values)
    return sa.CheckConstraint(f"{column} IN ({words})", name=column)


def fraction(column: str) -> sa.CheckConstraint:
    """The column is between 0 and 1. NaN is not: PostgreSQL sorts it above every number."""
    return sa.CheckConstraint(f"{column} BETWEEN 0 AND 1", name=column)
