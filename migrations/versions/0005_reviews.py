"""Reviews: what people decided about an effect, and the issues that are read back for it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

BEFORE = "'planned', 'sending', 'sent', 'unknown', 'failed'"
DECIDED = "'approved', 'rejected', 'expired', 'voided'"


def upgrade() -> None:
    """Allow the states, and find the issues."""
    op.drop_constraint(op.f("ck_effects_state"), "effects")
    op.create_check_constraint(op.f("ck_effects_state"), "effects", f"state IN ({BEFORE}, {DECIDED})")
    op.create_index("ix_effects_reviews", "effects", ["next_at"], postgresql_where=sa.text("kind = 'gitea-issue'"))


def downgrade() -> None:
    """Forget what was decided; the issues were opened all the same."""
    op.drop_index("ix_effects_reviews", "effects")
    op.execute("UPDATE effects SET state = 'sent' WHERE state IN ('approved', 'rejected', 'expired', 'voided')")
    op.drop_constraint(op.f("ck_effects_state"), "effects")
    op.create_check_constraint(op.f("ck_effects_state"), "effects", f"state IN ({BEFORE})")
