"""governance-check's settings."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import from_json

from functions.governance_check.core.objectives import DEFAULT_OBJECTIVES, Objective
from functions.governance_check.core.policy import Policy
from shared.runtime.settings import DatabaseSettings, RedisUrl, Seconds, ServingSettings, Switch

Share = Annotated[float, Field(ge=0, le=1)]
Days = Annotated[float, Field(gt=0, le=3650)]
Count = Annotated[int, Field(ge=1, le=10_000)]


def _parsed(given: Any) -> Any:
    return from_json(given) if isinstance(given, str) else given


def _named_once(objectives: tuple[Objective, ...]) -> tuple[Objective, ...]:
    names = [objective.name for objective in objectives]
    if len(set(names)) < len(names):
        raise ValueError("every objective needs a name of its own")
    return objectives


Objectives = Annotated[
    tuple[Objective, ...],
    Field(min_length=1, max_length=100),
    BeforeValidator(_parsed),
    AfterValidator(_named_once),
]


class GovernanceSettings(DatabaseSettings):
    """What the checks need, served or run by hand."""

    redis_url: RedisUrl | None = None
    """Where replicas agree who runs a cycle; without it the slot's row alone decides, as it does anyway."""
    lease_timeout_seconds: Seconds = 1.0
    """The longest wait for Redis; then the run goes on without a lease."""
    governance_interval_seconds: Seconds = 3600.0
    """Length of a slot; the same as the schedule of the ticks. One run per slot across replicas."""
    governance_lease_seconds: Seconds = 120.0
    """After this silence another replica takes over a slot."""
    governance_check_timeout_seconds: Annotated[float, Field(gt=0, le=20)] = 10.0
    """For each check, while the others go on."""
    governance_read_only: Switch = False
    """On reports and changes nothing: no deprecation, no alert, no work item."""
    governance_failed_checks: Count = 3
    """So many checks that could not be carried out are an alert of their own."""
    governance_redispatch_seconds: Seconds = 86_400.0
    """After work ended and the trouble did not: until there is work, and an announcement, again."""
    governance_lead: str | None = None
    """Whom alerts belong to: the lead."""
    governance_support: str | None = None
    """Whom alerts belong to: who helps."""
    governance_human_owner: str | None = None
    """Whom alerts belong to: the person who decides."""
    trust_floor: Share = 0.2
    """A playbook that is trusted less is an alert."""
    playbook_unused_days: Days = 30.0
    """A playbook that nobody used for longer is deprecated."""
    playbook_failing_least: Count = 5
    """Verified executions before a playbook can be deprecated for failing."""
    playbook_failing_rate: Share = 0.8
    """The share of them that failed, from which on it is."""
    knowledge_stale_days: Days = 7.0
    """Knowledge that was neither verified nor updated for longer is stale."""
    knowledge_stale_rate: Share = 0.2
    """Stale knowledge above this share is an alert."""
    execution_window: Count = 100
    """The last so many executions are looked at."""
    execution_window_days: Days = 30.0
    """Older ones are not."""
    execution_least: Count = 20
    """Fewer executions prove nothing."""
    hallucination_rate: Share = 0.1
    """Failed executions that a model decided, above which it is an alert."""
    execution_failure_rate: Share = 0.15
    """The same of everybody's unsuccessful executions."""
    prometheus_url: str | None = None
    """Prometheus' base URL; without it every objective is skipped, and that is an alert."""
    prometheus_timeout_seconds: Annotated[float, Field(gt=0, le=20)] = 5.0
    """The longest wait for one answer."""
    slo_sample_age_seconds: Seconds = 180.0
    """A sample older than this says nothing about now."""
    slo_objectives: Objectives | None = None
    """The objectives as a JSON list, instead of those above."""

    @property
    def policy(self) -> Policy:
        """All thresholds."""
        owners = {
            "lead": self.governance_lead,
            "support": self.governance_support,
            "human_owner": self.governance_human_owner,
        }
        return Policy(
            trust_floor=self.trust_floor,
            unused_days=self.playbook_unused_days,
            failing_least=self.playbook_failing_least,
            failing_rate=self.playbook_failing_rate,
            stale_days=self.knowledge_stale_days,
            stale_rate=self.knowledge_stale_rate,
            window=self.execution_window,
            window_days=self.execution_window_days,
            least_judged=self.execution_least,
            hallucination_rate=self.hallucination_rate,
            failure_rate=self.execution_failure_rate,
            objectives=self.slo_objectives or DEFAULT_OBJECTIVES,
            sample_age_s=self.slo_sample_age_seconds,
            failed_checks=self.governance_failed_checks,
            ownership={role: who for role, who in owners.items() if who},
        )


class Settings(ServingSettings, GovernanceSettings):
    """What governance-check reads from the environment."""

    concurrency: Annotated[int, Field(ge=1, le=10_000)] = 4
    """Requests handled at once; one more is answered 503."""
    database_threads: Annotated[int, Field(ge=1, le=64)] = 8
    """Connections, and threads that wait on them; one run takes four."""
