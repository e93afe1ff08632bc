"""Bugs on purpose: a function as it ships, with one adapter that is wrong in a way people really get wrong.

None of this is in the product: each module is a composition of its own, started in the function's place. Every
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
        folder: where its module is, if its campaign has brought it along.
    """

    name: str
    campaign: str
    symptom: str
    function: str = WRITER
    folder: str = "tests/faults/planted"

    @property
    def source(self) -> str:
        """For FUNCTION_SOURCE."""
        return f"{self.folder}/{self.name}.py"


BUGS: Final = (
    Bug("ack_before_commit", campaign="postgres", symptom="lost"),
    Bug("ack_before_commit", campaign="both", symptom="forbidden"),
    Bug("link_lost_on_redelivery", campaign="postgres", symptom="wrong"),
    Bug("no_inbox", campaign="km-write", symptom="duplicated"),
    Bug("trimmed_stream", campaign="redis", symptom="lost"),
    Bug("redis_retries", campaign="redis", symptom="duplicated"),
    Bug("aof_not_asked", campaign="no-aof", symptom="forbidden"),
    Bug("logged_and_forgotten", campaign="redis-states", symptom="forbidden"),
    Bug("redis_retries", campaign="redis-states", symptom="duplicated"),
    Bug("capped_by_forgetting", campaign="overflow", symptom="lost"),
    Bug("no_inbox", campaign="commit", symptom="duplicated"),
    Bug("answers_ok", campaign="commit", symptom="wrong"),
    Bug("settle_before_commit", campaign="drain", symptom="lost", function=RECONCILER),
    Bug("sink_not_asked", campaign="soak", symptom="lost", function=BRIDGE),
    Bug("sent_from_memory", campaign="alert-bridge", symptom="lost", function=BRIDGE),
    Bug("exit_at_once", campaign="sigterm", symptom="wrong"),
    Bug("verdict_by_text", campaign="verification", symptom="false_success", function=VERIFIER),
    Bug("promised_in_memory", campaign="verification", symptom="lost", function=VERIFIER),
    Bug("fail_open", campaign="races", symptom="wrong", function="governance-check", folder="tests/faults/races"),
    Bug("searched_by_keyword", campaign="steps", symptom="duplicated", function="gitops-issue"),
)
