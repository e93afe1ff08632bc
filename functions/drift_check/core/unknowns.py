"""What cannot be known: of one expression, or at all."""

from __future__ import annotations

from shared.domain.errors import AftercareError


class Unknown(Exception):
    """Reading alone does not tell what an expression is; the text says why, in a few words."""


class CannotTell(AftercareError):
    """The two cannot be compared at all; the text is one sentence that says what to do."""
