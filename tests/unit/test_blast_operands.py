"""What the words of a command mean for each verb, and which words mean nothing that anybody should guess at."""

from __future__ import annotations

import pytest

from functions.gitops_issue.core.assessing import assess
from functions.gitops_issue.core.policy import Policy


def assessed(command):
    return assess(f"kubectl {command}", Policy())


@pytest.mark.parametrize(
    ("command", "rule"),
    [
        # selectors
        ("delete pods -l a+b -n dev", "flag:--selector"),
        ("delete pods -l '' -n dev", "flag:--selector"),
        ("delete pods --field-selector a+b -n dev", "flag:--field-selector"),
        ("delete pods --all -l app=a -n kube-system", "delete:--all-in-system"),
        # objects
        ("scale deploy/a -f a.yaml --replicas=1 -n dev", "operand:words"),
        ("delete pod/a b -n dev", "operand:name"),
        ("delete pod,svc/a -n dev", "operand:words"),
        ("delete pod a_b -n dev", "operand:name"),
        # changes
        ("label pod aX b=c -n dev", "operand:name"),
        ("taint node aX b=c:NoSchedule", "operand:name"),
        ("label pod a b=c =d -n dev", "operand:change"),
        ("label pod a =d -n dev", "operand:change"),
        # what is new
        ("create -n dev", "operand:missing"),
        ("create deploy a -f a.yaml -n dev", "operand:words"),
        ("create secret -n dev", "operand:name"),
        ("create secret generic -n dev", "operand:name"),
        ("create deploy a b -n dev", "operand:name"),
        ("create secret generic a b -n dev", "operand:name"),
        ("create deploy/a -n dev", "kind:not-known"),
        ("create deploy/a b -n dev", "kind:not-known"),
        ("run a b --image=c -n dev", "operand:name"),
        ("run --image=c -n dev", "operand:name"),
        # pods
        ("logs -n dev", "operand:words"),
        ("logs a b -n dev", "operand:words"),
        ("logs a b c -n dev", "operand:words"),
        ("logs a b -l c=d -n dev", "operand:words"),
        ("logs a -l c=d -n dev", "operand:names-and-selector"),
        ("exec a b -n dev -- ls", "operand:words"),
        # ports
        ("port-forward a -n dev", "operand:port"),
        ("port-forward -n dev", "operand:port"),
        ("port-forward a 8_0 -n dev", "operand:port"),
        ("port-forward a 80 8_0 -n dev", "operand:port"),
        ("port-forward a 8_0 80 -n dev", "operand:port"),
        # paths
        ("cp dev/a:/x 'a b'", "operand:path"),
        ("cp dev/a:/x x y", "operand:path"),
        ("cp dev/a:/x dev/b:/y", "operand:path"),
        ("cp x y", "operand:path"),
        ("cp dev-/a:/x x", "operand:path"),
        ("cp dev/a:/x x -n prod", "flag:--namespace:contradictory"),
        # nothing, or anything that only asks
        ("version a", "operand:words"),
        ("apply a -f a.yaml -n dev", "operand:words"),
        ("explain 'a b'", "operand:words"),
        ("auth can-i get 'a b'", "operand:words"),
        # verbs
        ("", "verb:missing"),
        ("-n dev", "verb:missing"),
        ("- get pods", "verb:not-known"),
        ("-- get pods", "verb:not-known"),
        ("get pods - -n dev", "operand:name"),
        ("a" * 20, f"verb:{'a' * 20}"),
        ("a" * 21, "verb:not-known"),
    ],
)
def test_what_makes_no_sense_is_refused_by_its_name(command, rule):
    assert assessed(command).hard_rule == rule


@pytest.mark.parametrize(
    ("command", "namespace", "target"),
    [
        ("delete pods,svc -l a=b -n dev", "dev", "pod,service -l a=b"),
        ("label pod a --list -n dev", "dev", "pod/a"),
        ("set serviceaccount deploy/a robot -n dev", "dev", "deployment/a"),
        ("set serviceaccount deploy a robot -n dev", "dev", "deployment/a"),
        ("set serviceaccount deploy a b robot -n dev", "dev", "deployment/a,deployment/b"),
        ("create secret generic a -n dev", "dev", "secret/a"),
        ("create secret docker-registry a -n dev", "dev", "secret/a"),
        ("create secret tls a -n dev", "dev", "secret/a"),
        ("create secret a -n dev", "dev", "secret/a"),
        ("create service clusterip a -n dev", "dev", "service/a"),
        ("create svc externalname a -n dev", "dev", "service/a"),
        ("create svc loadbalancer a -n dev", "dev", "service/a"),
        ("create svc nodeport a -n dev", "dev", "service/a"),
        ("create deploy generic -n dev", "dev", "deployment/generic"),
        ("create pod,svc a -n dev", "dev", "pod/a,service/a"),
        ("run a --image=b -n dev", "dev", "pod/a"),
        ("logs -l app=a -n dev", "dev", "pod -l app=a"),
        ("logs deploy/a -n dev", "dev", "deployment/a"),
        ("port-forward a 80 -n dev", "dev", "pod/a"),
        ("port-forward svc/a 8080:80 :443 -n dev", "dev", "service/a"),
        ("cp dev/a:/x x", "dev", "pod/a"),
        ("cp x dev/a:/x -n dev", "dev", "pod/a"),
        ("cp a:/x x -n dev", "dev", "pod/a"),
        ("cp a:/x x", None, "pod/a"),
        ("auth can-i delete pods", None, None),
    ],
)
def test_words_are_read_as_the_verb_takes_them(command, namespace, target):
    found = assessed(command)

    assert (found.hard_rule, found.namespace, found.target) == (None, namespace, target)


def test_one_object_without_a_namespace_is_shared_by_all():
    found = assessed("label pod,node -l a=b x=y -n dev")

    assert (found.hard_rule, found.reasons[-1].rule) == (None, "scope:cluster")


SHELLS = "sh bash dash ash zsh ksh fish busybox pwsh python python3 perl"
WRAPPERS = "env sudo su xargs nohup timeout watch eval exec command nsenter"


@pytest.mark.parametrize("program", f"{SHELLS} {WRAPPERS}".split())
def test_what_runs_other_programs_is_named(program):
    assert assess(f"{program} kubectl get pods", Policy()).hard_rule == f"shell:{program}"
    assert assessed(f"exec a -n dev -- {program} x").hard_rule == f"shell:{program}"
    assert assessed(f"exec a -n dev -- /usr/bin/{program} x").hard_rule == f"shell:{program}"


@pytest.mark.parametrize("program", ["helm", "kubectl-neat", "./kubectl", "KUBECTL", "s3cr3t"])
def test_another_program_is_not_named(program):
    assert assess(f"{program} get pods", Policy()).hard_rule == "program:not-kubectl"
