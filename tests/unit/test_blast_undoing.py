from __future__ import annotations

import pytest

from functions.gitops_issue.core.assessing import assess
from functions.gitops_issue.core.policy import Policy
from shared.domain.remediations import Tier

PATCH = "patch deploy api -n prod -p"


def plan(command):
    return assess(f"kubectl {command}", Policy()).rollback_plan


@pytest.mark.parametrize(
    ("command", "undo"),
    [
        ("drain worker-3", "uncordon worker-3"),
        ("drain -l pool=blue", "uncordon -l pool=blue"),
        ("cordon a b", "uncordon a b"),
        ("uncordon a", "cordon a"),
        ("rollout restart deploy/api -n prod", "rollout undo deployment/api -n prod"),
        ("rollout restart sts -l app=db -n prod", "rollout undo statefulset -l app=db -n prod"),
        ("rollout restart deploy/api", "rollout undo deployment/api -n <namespace>"),
        (
            "rollout restart deploy,sts,ds -l app=db -n prod",
            "rollout undo deployment,statefulset,daemonset -l app=db -n prod",
        ),
        ("rollout pause deploy/api -n prod", "rollout resume deployment/api -n prod"),
        ("rollout resume deploy/api -n prod", "rollout pause deployment/api -n prod"),
        ("rollout undo ds/api -n prod", "rollout undo daemonset/api -n prod"),
        ("set image deploy/api api=api:2 -n prod", "rollout undo deployment/api -n prod"),
        ("set env sts/api A=b -n prod", "rollout undo statefulset/api -n prod"),
        ("set resources ds/api --limits=cpu=1 -n prod", "rollout undo daemonset/api -n prod"),
        ("set serviceaccount deploy/api robot -n prod", "rollout undo deployment/api -n prod"),
        ("scale deploy/a --replicas=3 -n dev", "scale deployment/a -n dev --replicas=<replicas before the change>"),
        ("scale deploy/a --replicas=3 --current-replicas=2 -n dev", "scale deployment/a -n dev --replicas=2"),
        ("label pod a x=y -n dev", "label pod/a -n dev x=<value before, or x- if it had none>"),
        ("label pod a x- -n dev", "label pod/a -n dev x=<value before>"),
        ("label pods -l a=b x=y -n dev", "label pod -l a=b -n dev x=<value before, or x- if it had none>"),
        ("label pod a tier- -n dev", "label pod/a -n dev tier=<value before>"),
        ("label pods --all x- -n dev", "label pod --all -n dev x=<value before>"),
        (
            "label deploy,svc a x=y- -n dev",
            "label deployment/a service/a -n dev x=<value before, or x- if it had none>",
        ),
        ("annotate no n1 x=y", "annotate node/n1 x=<value before, or x- if it had none>"),
        ("annotate no n1 x=y:80 z-", "annotate node/n1 x=<value before, or x- if it had none> z=<value before>"),
        ("taint nodes n1 n2 a=b:NoSchedule", "taint node n1 n2 a:NoSchedule-"),
        ("taint nodes n1 a:NoSchedule-", "taint node n1 a=<value before>:NoSchedule"),
        ("taint nodes n1 a:NoSchedule", "taint node n1 a:NoSchedule-"),
        ("taint nodes n1 a=b:NoSchedule-", "taint node n1 a=<value before>:NoSchedule"),
        ("taint nodes n1 a-", "taint node n1 a=<value before>"),
        ("taint nodes n1 a=b:NoExecute c-", "taint node n1 a:NoExecute- c=<value before>"),
        ("taint nodes -l x=y a=b:NoSchedule", "taint node -l x=y a:NoSchedule-"),
        ("taint nodes --all a=b:NoSchedule", "taint node --all a:NoSchedule-"),
        (
            "scale deploy,sts a --replicas=2",
            "scale deployment/a statefulset/a -n <namespace> --replicas=<replicas before the change>",
        ),
        ("autoscale deploy/api --max=5 -n dev", "delete horizontalpodautoscaler/api -n dev"),
        ("autoscale deploy/api --max=5", "delete horizontalpodautoscaler/api -n <namespace>"),
        ("create clusterrole a", "delete clusterrole/a"),
        ("create job now --from=cronjob/nightly -n dev", "delete job/now -n dev"),
        ("run probe --image=busybox -n dev", "delete pod/probe -n dev"),
        (PATCH + ' \'{"spec":{"template":{"metadata":{"labels":{"a":"b"}}}}}\'', "rollout undo deployment/api -n prod"),
        (PATCH + ' \'[{"op":"remove","path":"/spec/template/a"}]\'', "rollout undo deployment/api -n prod"),
        (
            PATCH + ' \'{"spec":{"replicas":1}}\'',
            "scale deployment/api -n prod --replicas=<replicas before the change>",
        ),
    ],
)
def test_the_rollback_plan_follows_from_the_operation(command, undo):
    assert plan(command) == f"kubectl {undo}"


def test_deleted_pods_start_again():
    assert plan("delete pod a -n dev") == "None needed for a pod that a controller owns: it starts a new one."


@pytest.mark.parametrize(
    "command",
    [
        "get pods",
        "delete deploy api -n dev",
        "delete pod,deploy -l a=b -n dev",
        "rollout restart -f a.yaml -n dev",
        "rollout undo deploy/api -n dev --dry-run=server",
        "apply -f a.yaml -n dev",
        "exec a -n dev -- ls",
        "set image pod/a a=b -n dev",
        "set image deploy,pod a a=b -n dev",
        "autoscale deploy a b --max=2 -n dev",
        "autoscale deploy a --name=b --max=2 -n dev",
        "label pods -l a=b x=y -A",
        "patch svc a -n dev -p '{}'",
        PATCH + " '{}'",
        PATCH + " '[]'",
        PATCH + " '{\"replicas\":1}'",
        PATCH + ' \'{"spec":{"paused":true}}\'',
        PATCH + ' \'{"spec":{"template":{"a":1},"paused":true}}\'',
        'patch svc a -n dev -p \'{"spec":{"template":{"a":1}}}\'',
        PATCH + ' \'{"spec":{"replicas":1,"template":{"a":1}}}\'',
    ],
)
def test_where_nothing_undoes_it_no_plan_is_made_up(command):
    assert plan(command) is None
    assert assess(f"kubectl {command}", Policy()).tier is not Tier.BLOCKED


@pytest.mark.parametrize("command", ["drain worker-3", "scale deploy/a --replicas=3 -n dev", "cordon a b"])
def test_a_plan_that_needs_no_filling_in_is_itself_understood(command):
    undo = plan(command).replace("<replicas before the change>", "2")
    assert assess(undo, Policy()).tier is not Tier.BLOCKED
