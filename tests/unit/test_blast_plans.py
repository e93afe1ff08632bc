from __future__ import annotations

import re

import pytest

from functions.gitops_issue.core.assessing import assess
from functions.gitops_issue.core.plans import Spec, digest
from functions.gitops_issue.core.policy import Policy
from shared.domain.remediations import RemediationProposed

PLAN = {
    "proposal_id": "p-1",
    "incident_id": "INC-1",
    "command": "kubectl drain worker-3 -n prod",
    "target_state": "worker-3 is empty",
    "constraints": ["no pod is lost", "before noon"],
    "diagnosis": "disk pressure",
    "requested_by": "planner",
    "cluster": "eu-1",
}


def proposed(**edits):
    return RemediationProposed.model_validate({**PLAN, **edits})


def test_a_digest_is_of_the_plan_and_always_the_same():
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", digest(proposed()))
    assert digest(proposed()) == digest(RemediationProposed.model_validate_json(proposed().model_dump_json()))


def test_a_digest_is_what_it_was_in_every_version_before():
    # Another one would open a second issue for each plan, and no approval would fit its plan.
    assert digest(proposed()) == "sha256:eb66b9650d0d1c7d67e1b6fbc0ebec0e9db0a86bd4e0995c6a175438cecc4742"


@pytest.mark.parametrize(
    "edit",
    [
        {"command": "kubectl drain worker-4 -n prod"},
        {"command": "kubectl  drain worker-3 -n prod"},  # only what was shown is agreed to
        {"target_state": "worker-3 is gone"},
        {"constraints": ["no pod is lost"]},
        {"constraints": ["before noon", "no pod is lost"]},
        {"constraints": ["no pod is lostbefore noon"]},
        {"diagnosis": None},
        {"requested_by": "somebody"},
        {"cluster": "eu-2"},
        {"cluster": None},
        {"incident_id": "INC-2"},
    ],
)
def test_any_edit_of_a_plan_is_another_plan(edit):
    assert digest(proposed(**edit)) != digest(proposed())


def test_the_same_plan_proposed_again_is_the_same_plan():
    assert digest(proposed(proposal_id="p-2")) == digest(proposed())


def test_a_spec_is_frozen_with_its_assessment_and_its_digest():
    plan = proposed()
    spec = Spec.frozen(plan, assess(plan.command, Policy()))

    assert (spec.proposal, spec.assessment.score, spec.digest) == (plan, 72, digest(plan))
    with pytest.raises(AttributeError):
        spec.digest = "sha256:0"  # type: ignore[misc]
