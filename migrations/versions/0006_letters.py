"""Letters: two events with one id and different contents are two letters, and neither is lost."""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"

_COLUMNS = ["event_id", "source", "stream"]


def upgrade() -> None:
    """What is the same letter is said by its own id, which is made of its content too."""
    op.drop_constraint(op.f("uq_dead_letters_event_id_source_stream"), "dead_letters")


def downgrade() -> None:
    """Refused by PostgreSQL while there are two such letters: settle them first, none is deleted here."""
    op.create_unique_constraint(op.f("uq_dead_letters_event_id_source_stream"), "dead_letters", _COLUMNS)
