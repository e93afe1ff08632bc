"""Every threshold of every check, in one frozen value: all of them are settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from functions.governance_check.core.objectives import DEFAULT_OBJECTIVES, Objective


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The limits; a rate is a share between 0 and 1.

    Attributes:
        trust_floor: trust below this is an alert.
        unused_days: a playbook that nobody used for longer is deprecated.
        failing_least: verified executions before a playbook can be deprecated for failing.
        failing_rate: the share of these that failed, from which on it is.
        stale_days: knowledge that was neither verified nor updated for longer is stale.
        stale_rate: stale knowledge above this is an alert.
        window: the last so many executions are looked at.
        window_days: older ones are not: what was long ago says nothing about now.
        least_judged: fewer executions prove nothing.
        hallucination_rate: failed executions that a model decided, above which it is an alert.
        failure_rate: the same of everybody's unsuccessful executions.
        objectives: what Prometheus is asked, and what it should say.
        sample_age_s: a sample older than this (seconds) says nothing about now.
        failed_checks: so many checks in error are a failure of governance itself.
        ownership: whom alerts belong to, by role.
    """

    trust_floor: float = 0.2
    unused_days: float = 30
    failing_least: int = 5
    failing_rate: float = 0.8
    stale_days: float = 7
    stale_rate: float = 0.2
    window: int = 100
    window_days: float = 30
    least_judged: int = 20
    hallucination_rate: float = 0.1
    failure_rate: float = 0.15
    objectives: tuple[Objective, ...] = DEFAULT_OBJECTIVES
    sample_age_s: float = 180
    failed_checks: int = 3
    ownership: Mapping[str, str] = field(default_factory=dict)
