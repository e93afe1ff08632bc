from __future__ import annotations

from datetime import timedelta

import pytest

from functions.verify_execution.core.baselines import Baseline, choose, is_comparable
from shared.domain.executions import Target
from tests.verdicts import ACTED, TARGET, before, workload

POD = Target(namespace="prod", kind="Pod", name="api-7d9f-x2x")


def baseline(id_, seconds_before=60.0, *, execution="ex-1", target=TARGET):
    return Baseline(
        id=id_,
        execution_id=execution,
        target=target,
        plan=["workload"],
        snapshot=before(workload(ready=0)),
        captured_at=ACTED - timedelta(seconds=seconds_before),
    )


def chosen(*candidates, target=TARGET):
    found = choose(candidates, execution_id="ex-1", target=target, before=ACTED)
    return None if found is None else found.id


@pytest.mark.parametrize(
    ("candidates", "expected"),
    [
        ([], None),
        ([baseline("only")], "only"),
        ([baseline("old", 90), baseline("new", 30)], "new"),
        ([baseline("own", 90), baseline("other's", 30, execution="ex-2")], "own"),
        ([baseline("own", 90), baseline("alert's", 30, execution=None)], "own"),
        ([baseline("other's", 90, execution="ex-2"), baseline("alert's", 30, execution=None)], "alert's"),
        ([baseline("during the last moment", 0)], "during the last moment"),
        ([baseline("after", -0.001)], None),
        ([baseline("after", -1), baseline("before", 9)], "before"),
    ],
)
def test_the_executions_own_then_the_newest_and_none_from_after_the_action(candidates, expected):
    assert chosen(*candidates) == chosen(*reversed(candidates)) == expected


@pytest.mark.parametrize(
    ("seen", "comparable"),
    [
        (TARGET, True),
        (POD, True),
        (Target(namespace="prod", kind="Pod", name="api"), False),
        (Target(namespace="prod", kind="Pod", name="web-7d9f-x2x"), False),
        (Target(namespace="prod", kind="StatefulSet", name="api"), False),
        (Target(namespace="dev", kind="Deployment", name="api"), False),
        (Target(namespace="dev", kind="Pod", name="api-7d9f-x2x"), False),
        (Target(cluster="eu", namespace="prod", kind="Deployment", name="api"), False),
        (Target(cluster="", namespace="prod", kind="Deployment", name="api"), True),
    ],
)
def test_only_the_same_thing_is_compared(seen, comparable):
    assert is_comparable(seen, TARGET) is comparable
    assert chosen(baseline("b", target=seen)) == ("b" if comparable else None)


def test_what_was_done_to_a_pod_is_not_compared_with_its_workload():
    assert not is_comparable(TARGET, POD)
    assert is_comparable(POD, POD)
