from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.verify_execution.core.inverting import inverse
from shared.domain.executions import ActionKind, Target
from tests.verdicts import action, before, http, snapshot, workload

K = ActionKind
AFTER = snapshot(workload(revisions=3))
NODE = Target(namespace="nodes", kind="Node", name="worker-3.example")


@pytest.mark.parametrize("kind", [K.ROLLOUT_RESTART, K.ROLLOUT_UNDO, K.SET_IMAGE, K.PATCH, K.APPLY])
def test_a_change_of_the_template_is_undone_by_its_history(kind):
    found = inverse(action(kind), None, AFTER)

    assert (found.kind, found.command) == (K.ROLLOUT_UNDO, "kubectl rollout undo deployment/api -n prod")
    assert (found.possible, found.revisions) == (True, 3)


@pytest.mark.parametrize(
    "seen", [snapshot(workload(revisions=1)), snapshot(workload()), snapshot(http(200)), snapshot()]
)
def test_without_two_revisions_there_is_nothing_to_go_back_to(seen):
    found = inverse(action(K.SET_IMAGE), None, seen)

    assert not found.possible
    assert "2 are needed" in found.why


@pytest.mark.parametrize("kind", ["Pod", "Job", "Container", "Service", "Host"])
def test_what_keeps_no_revisions_cannot_go_back(kind):
    found = inverse(action(K.PATCH, target=Target(namespace="prod", kind=kind, name="api")), None, AFTER)

    assert (found.kind, found.command, found.possible) == (None, None, False)


def test_a_scaling_is_undone_by_what_there_was():
    found = inverse(action(K.SCALE), before(workload(desired=5)), AFTER)

    assert (found.kind, found.command) == (K.SCALE, "kubectl scale deployment/api -n prod --replicas=5")
    assert found.possible


@pytest.mark.parametrize("was", [None, before(http(200)), before()])
def test_a_scaling_without_a_baseline_cannot_be_undone(was):
    found = inverse(action(K.SCALE), was, AFTER)

    assert (found.kind, found.command, found.possible) == (K.SCALE, None, False)


@pytest.mark.parametrize(("kind", "undo"), [(K.CORDON, K.UNCORDON), (K.DRAIN, K.UNCORDON), (K.UNCORDON, K.CORDON)])
def test_a_node(kind, undo):
    found = inverse(action(kind, target=NODE), None, AFTER)

    assert (found.kind, found.command, found.possible) == (undo, f"kubectl {undo} worker-3.example", True)


def test_a_node_has_no_namespace():
    found = inverse(action(K.DRAIN, target=Target(namespace="", kind="Node", name="worker-3")), None, AFTER)

    assert (found.command, found.possible) == ("kubectl uncordon worker-3", True)


@pytest.mark.parametrize("kind", [K.DELETE_POD, K.RESTART_CONTAINER, K.RESTART_PROCESS, K.RUN_JOB, K.OBSERVE, K.OTHER])
def test_the_rest_cannot_be_undone(kind):
    found = inverse(action(kind), before(workload()), AFTER)

    assert (found.kind, found.command, found.possible, found.why) == (None, None, False, f"nothing undoes {kind}")


names = st.text(max_size=20) | st.sampled_from(
    ["--all", "a;b", "a b", "$(x)", "a\nb", "A", "-a", "a\n", "\uff41", "api"]
)


@given(st.sampled_from(list(ActionKind)), names, names, names)
def test_a_command_has_no_word_that_somebody_else_chose(kind, namespace, of, name):
    target = Target.model_construct(namespace=namespace, kind=of, name=name)
    command = inverse(action(kind, target=target), before(workload()), AFTER).command

    if command is not None:
        words = shlex.split(command)
        assert words[0] == "kubectl"
        assert " ".join(words) == command
        assert command.isascii()
        assert not {"--all", "-a"} & set(words)
