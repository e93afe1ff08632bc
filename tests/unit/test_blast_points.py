"""What makes up a score, to the point, and what the parts come to."""

from __future__ import annotations

import pytest

from functions.gitops_issue.core.assessing import Assessment, assess
from functions.gitops_issue.core.policy import DEFAULT_CLASSES, ClassRule, NamespaceClass, Policy
from functions.gitops_issue.core.scoring import total
from shared.domain.remediations import Contribution, Tier

DEV = {"namespace:development": 0.5}
SCALE = {"verb:scale": 20}
DELETE = {"verb:delete": 25}
SWEPT = {"objects:not-named": 30}
SELECTED = {"flag:--selector": 15}
UNSEEN = {"manifest:unseen": 20}
SHOWN = {"secret:contents": 50}
CLUSTER = {"scope:cluster": 1.2}
TO_NOTHING, TO_MANY = {"flag:--replicas=0": 35}, {"flag:--replicas>=50": 20}
REPLICAS = 'patch deploy a -n dev -p \'{{"spec":{{"replicas":{}}}}}\''
STEP = 'patch deploy a -n dev -p \'[{"op":"replace","path":"/spec/replicas","value":0}]\''


@pytest.mark.parametrize(
    ("command", "score", "parts"),
    [
        # to look costs nothing, but at secrets
        ("get pods -A", 0, {"verb:get": 0}),
        ("get secrets -n dev -o name", 0, {"verb:get": 0}),
        ("get secret a -n dev -o yaml", 25, {"verb:get": 0} | SHOWN | DEV),
        ("get secret a -n dev -v=9", 25, {"verb:get": 0} | SHOWN | DEV),
        ("get secrets -n dev -o yaml", 40, {"verb:get": 0} | SWEPT | SHOWN | DEV),
        ("get pod,secret -n dev -o yaml", 40, {"verb:get": 0} | SWEPT | SHOWN | DEV),
        ("get secret.example.com a -n dev -o yaml", 25, {"verb:get": 0} | SHOWN | DEV),
        ("get secrets.example.com a -n dev -o yaml", 25, {"verb:get": 0} | SHOWN | DEV),
        ("get -f a.yaml -n dev -o yaml", 84, {"verb:get": 0} | UNSEEN | SHOWN | CLUSTER),
        # how much is left
        ("scale deploy a --replicas=1 -n dev", 10, SCALE | DEV),
        ("scale deploy a --replicas=49 -n dev", 10, SCALE | DEV),
        ("scale deploy a --replicas=50 -n dev", 20, SCALE | TO_MANY | DEV),
        ("scale deploy a --replicas=0 -n dev", 28, SCALE | TO_NOTHING | DEV),
        ("autoscale deploy a --max=5 --min=1 -n dev", 10, {"verb:autoscale": 20} | DEV),
        ("autoscale deploy a --max=5 --min=0 -n dev", 28, {"verb:autoscale": 20} | TO_NOTHING | DEV),
        ("autoscale deploy a --max=50 --min=1 -n dev", 20, {"verb:autoscale": 20} | TO_MANY | DEV),
        (REPLICAS.format(1), 23, {"verb:patch": 45} | DEV),
        (REPLICAS.format(60), 33, {"verb:patch": 45} | TO_MANY | DEV),
        (REPLICAS.format(0.0), 40, {"verb:patch": 45} | TO_NOTHING | DEV),
        (REPLICAS.format("true"), 23, {"verb:patch": 45} | DEV),
        (REPLICAS.format("false"), 23, {"verb:patch": 45} | DEV),
        (STEP, 40, {"verb:patch": 45} | TO_NOTHING | DEV),
        # how it goes
        ("delete pod a --grace-period=0 -n dev", 20, DELETE | {"flag:--grace-period=0": 15} | DEV),
        ("delete pod a --grace-period=1 -n dev", 18, DELETE | {"flag:--grace-period=1": 10} | DEV),
        ("delete pod a --grace-period=2 -n dev", 13, DELETE | DEV),
        ("delete pod a --cascade=orphan -n dev", 18, DELETE | {"flag:--cascade=orphan": 10} | DEV),
        ("delete pod a --cascade=false -n dev", 18, DELETE | {"flag:--cascade=orphan": 10} | DEV),
        ("delete pod a --cascade=foreground -n dev", 13, DELETE | DEV),
        ("taint node a b=c:NoSchedule d-", 54, {"verb:taint": 45} | CLUSTER),
        ("taint node a b=c:NoExecute d-", 78, {"verb:taint": 45, "effect:NoExecute": 20} | CLUSTER),
        # how many
        ("delete pod a b -n dev", 14, DELETE | {"objects:several": 3} | DEV),
        (f"delete pod {' '.join('abcdefghijk')} -n dev", 28, DELETE | {"objects:several": 30} | DEV),
        (f"delete pod {' '.join('abcdefghijkl')} -n dev", 28, DELETE | {"objects:several": 30} | DEV),
        ("delete pods -n dev", 28, DELETE | SWEPT | DEV),
        ("delete pods --all -n dev", 28, DELETE | {"flag:--all": 30} | DEV),
        ("delete pods -l a=b -n dev", 20, DELETE | SELECTED | DEV),
        ("delete pods -l a==b -n dev", 20, DELETE | SELECTED | DEV),
        ("delete pods -l 'a in (b)' -n dev", 20, DELETE | SELECTED | DEV),
        ("delete pods --field-selector a=b -n dev", 20, DELETE | SELECTED | DEV),
        ("delete pods -l a -n dev", 35, DELETE | SWEPT | SELECTED | DEV),
        ("delete pods -l a!=b -n dev", 35, DELETE | SWEPT | SELECTED | DEV),
        ("delete pods -l 'a notin (b)' -n dev", 35, DELETE | SWEPT | SELECTED | DEV),
        # what
        ("delete cm a -n dev", 23, DELETE | {"kind:configmap": 20} | DEV),
        ("delete deploy,sts a -n dev", 29, DELETE | {"kind:statefulset": 30, "objects:several": 3} | DEV),
        ("delete sts,deploy a -n dev", 29, DELETE | {"kind:statefulset": 30, "objects:several": 3} | DEV),
        ("label secret,deploy a b=c -n dev", 22, {"verb:label": 15, "kind:secret": 25, "objects:several": 3} | DEV),
        ("apply -f a.yaml -f b.yaml -n dev", 66, {"verb:apply": 35} | UNSEEN | CLUSTER),
        # where
        ("label pod a b=c -n staging", 12, {"verb:label": 15, "namespace:staging": 0.8}),
        ("label pod a b=c -n payments", 18, {"verb:label": 15, "namespace:unclassified": 1.2}),
        ("label pod a b=c -n prod", 18, {"verb:label": 15, "namespace:production": 1.2}),
        ("label pod a b=c -n kube-system", 23, {"verb:label": 15, "namespace:system": 1.5}),
        ("label pod a b=c", 23, {"verb:label": 15, "namespace:not-named": 1.5}),
        (
            "label pod -l a=b b=c -A",
            75,
            {"verb:label": 15, "flag:--all-namespaces": 20, "namespace:all": 1.5} | SELECTED,
        ),
        ("label node a b=c", 18, {"verb:label": 15} | CLUSTER),
        ("label node a b=c -n dev", 18, {"verb:label": 15} | CLUSTER),
        ("uncordon a -n kube-system", 23, {"verb:uncordon": 15, "namespace:system": 1.5}),
        ("apply -f a.yaml", 83, {"verb:apply": 35, "namespace:not-named": 1.5} | UNSEEN),
        ("apply -f a.yaml -n kube-system", 83, {"verb:apply": 35, "namespace:system": 1.5} | UNSEEN),
        # whether anything stays
        ("drain a --dry-run=client", 8, {"verb:drain": 60, "flag:--dry-run": 0.1} | CLUSTER),
        ("drain a --dry-run", 8, {"verb:drain": 60, "flag:--dry-run": 0.1} | CLUSTER),
        ("drain a --dry-run=none", 72, {"verb:drain": 60} | CLUSTER),
    ],
)
def test_a_score_is_the_sum_of_its_points_times_its_factors(command, score, parts):
    found = assess(f"kubectl {command}", Policy())

    assert {part.rule: part.points if part.factor is None else part.factor for part in found.reasons} == parts
    assert all((part.points is None) is (part.factor is not None) for part in found.reasons)
    assert (found.hard_rule, found.score) == (None, score)


def points(*given, factor=None):
    return [Contribution(rule="x", points=each) for each in given] + (
        [] if factor is None else [Contribution(rule="y", factor=factor)]
    )


@pytest.mark.parametrize(
    ("parts", "score"),
    [
        (points(), 0),
        (points(0), 0),
        (points(99), 99),
        (points(100), 100),
        (points(99, 2), 100),
        (points(15, factor=1.2), 18),
        (points(21, factor=0.5), 11),
        (points(1, factor=0.0000004), 0),
        (points(1, factor=0.000001), 1),
        (points(5, factor=float("inf")), None),
        (points(5, factor=float("nan")), None),
    ],
)
def test_a_score_is_rounded_up_and_bounded(parts, score):
    assert total(parts) == score


@pytest.mark.parametrize(("score", "tier"), [(-1, Tier.AUTO), (101, Tier.BLOCKED), (11, Tier.AUTO), (10, Tier.HUMAN)])
def test_no_assessment_has_a_tier_that_its_score_does_not_say(score, tier):
    with pytest.raises(ValueError, match=f"{score} is not"):
        Assessment(score=score, tier=tier, reasons=())


@pytest.mark.parametrize("weight", [0.0, -1.0, float("nan"), float("inf")])
@pytest.mark.parametrize("kind", NamespaceClass)
def test_a_weight_is_a_positive_number(kind, weight):
    policy = Policy({**DEFAULT_CLASSES, kind: ClassRule(("x",), weight)})

    assert not policy.is_usable()
    assert assess("kubectl get pods -n dev", policy).score == 50


def test_the_heavier_of_two_classes_counts_and_of_two_equal_ones_always_the_same():
    rules = {kind: ClassRule(("x",), 1.0) for kind in NamespaceClass}

    assert Policy(rules).named("x").rule == "namespace:system"
    heavier = {**rules, NamespaceClass.DEVELOPMENT: ClassRule(("x",), 1.1)}
    assert Policy(heavier).named("x").rule == "namespace:development"
    assert Policy(heavier).heaviest("all").factor == 1.1
