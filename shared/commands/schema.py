"""Which revisions of the schema this software has, without loading what applies them.

They are numbered in the names of their files, in the order they are applied; a test holds this against Alembic.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

_FOLDER: Final = Path(__file__).resolve().parents[2] / "migrations" / "versions"


def revisions() -> tuple[str, ...]:
    """All of them, the head last."""
    return tuple(sorted(path.name.partition("_")[0] for path in _FOLDER.glob("[0-9]*.py")))


def shortfall(current: str | None) -> tuple[str, str] | None:
    """What is wrong with a schema at this revision, and what to do about it; None when it is the newest known here."""
    known = revisions()
    if current == known[-1]:
        return None
    if current is None:
        return "there is none", "Make it: aftercare db upgrade."
    if current not in known:
        return (
            f"at {current}, which this software (up to {known[-1]}) does not know",
            "Install the release that brought it; a schema is never taken back.",
        )
    return f"at {current}, and this software needs {known[-1]}", "Bring it up: aftercare db upgrade."
