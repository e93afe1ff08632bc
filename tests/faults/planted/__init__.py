"""Bugs on purpose: a function as it ships, with one adapter that is wrong in a way people really get wrong.

None of this is in the product: each module here is a composition of its own, started in the function's place. Every
campaign has at least one bug that it must notice; a campaign that does not is not worth its figures.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tests.faults.traffic import BRIDGE, RECONCILER, WRITER

VERIFIER: Final = "verify-execution"


@dataclass(frozen=True, slots=True)
class Bug:
    """A planted bug.

    Attributes:
        name: its module.
        campaign: whose rounds must catch it.
        symptom: the counter that must move.
        function: in whose place it is started.
    """

    name: str
    campaign: str
    symptom: str
    function: str = WRITER

    @property
    def source(self) -> str:
        """For FUNCTION_SOURCE."""
        return f"tests/faults/planted/{self.name}.py"


BUGS: Final = (
    Bug("ack_before_commit", campaign="postgres", symptom="lost"),
    Bug("ack_before_commit", campaign="both", symptom="forbidden"),
    Bug("link_lost_on_redelivery", campaign="postgres", symptom="wrong"),
    Bug("no_inbox", campaign="km-write", symptom="duplicated"),
    Bug("trimmed_stream", campaign="redis", symptom="lost"),
    Bug("redis_retries", campaign="redis", symptom="duplicated"),
    Bug("aof_not_asked", campaign="no-aof", symptom="forbidden"),
    Bug("settle_before_commit", campaign="drain", symptom="lost", function=RECONCILER),
    Bug("sent_from_memory", campaign="alert-bridge", symptom="lost", function=BRIDGE),
    Bug("exit_at_once", campaign="sigterm", symptom="wrong"),
    Bug("promised_in_memory", campaign="verification", symptom="lost", function=VERIFIER),
)
