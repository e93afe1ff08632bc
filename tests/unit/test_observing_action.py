from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.verify_execution.core.observing import is_observe_only
from shared.domain.executions import ActionKind
from tests.verdicts import action


def looks(command, kind=ActionKind.OTHER):
    return is_observe_only(action(kind, command))


@pytest.mark.parametrize(
    "command",
    [
        "ps aux",
        "free -m",
        "  df   -h /var",
        "ssh_diagnose web-1",
        "kubectl get pods -n prod -o wide",
        "kubectl describe deployment/api",
        "docker stats --no-stream",
        "journalctl -u 'my unit' --since today",
        "systemctl status api",
    ],
)
def test_known_looks(command):
    assert looks(command)


@pytest.mark.parametrize(
    "command",
    [
        None,
        "",
        "   ",
        "reboot",
        "kubectl",
        "kubectl delete pod get",
        "kubectl -n prod get pods",  # not understood is not believed
        "docker restart api",
        "docker exec api ps",
        "systemctl restart api",
        "sudo ps aux",
        "/tmp/ps",
        "PS aux",
        "psx",
        "ps 'unbalanced",
        *(f"ps aux{chain}reboot" for chain in (";", "&&", "||", "|", "&", "\n", ">", "<", "`", "$(")),
    ],
)
def test_anything_else_may_have_changed_something(command):
    assert not looks(command)


@pytest.mark.parametrize("kind", [kind for kind in ActionKind if kind not in (ActionKind.OTHER, ActionKind.OBSERVE)])
def test_a_typed_action_is_what_its_type_says(kind):
    assert not looks("ps aux", kind)


@pytest.mark.parametrize("command", [None, "reboot", "ps aux; reboot"])
def test_a_typed_observation_is_one(command):
    assert looks(command, ActionKind.OBSERVE)


@given(st.text(max_size=40), st.sampled_from([";", "&", "|", ">", "<", "`", "$", "\n"]), st.text(max_size=40))
def test_a_chain_is_never_a_look(first, chain, second):
    assert not looks(f"ps {first}{chain}{second}")


@given(st.text(max_size=60))
def test_every_command_is_decided(command):
    assert looks(command) in (True, False)
