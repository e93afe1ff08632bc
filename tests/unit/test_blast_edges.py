"""What each verb costs and which flags it has, written down a second time, so that nothing of it changes unnoticed.

``blast_verbs.txt`` has a line for each verb: points (``-`` when it only looks), what it takes, whether a program may
follow, and its flags as they are written, with what each is taken for.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from functions.gitops_issue.core.assessing import assess, tier_of
from functions.gitops_issue.core.flags import FlagReader, Takes, declared
from functions.gitops_issue.core.policy import ClassRule, NamespaceClass, Policy
from functions.gitops_issue.core.verbs import GROUPS, VERBS
from functions.gitops_issue.core.words import NotUnderstood

TABLE = Path(__file__).with_name("blast_verbs.txt")
_MARK = {Takes.NOTHING: "", Takes.VALUE: "=", Takes.VALUES: "=*", Takes.PERHAPS: "=?"}


def line(verb):
    points = "-" if verb.points is None else str(verb.points)
    flags = (
        f"{written}{_MARK[flag.takes]}{flag.implied if flag.takes is Takes.PERHAPS else ''}"
        + ("" if written == f"--{flag.name}" else f"({flag.name})")
        for written, flag in verb.flags.items()
    )
    runs = "runs" if verb.runs else "-"
    return " | ".join([verb.name, points, verb.takes.name.lower(), runs, " ".join(sorted(flags))])


def test_every_verb_is_what_is_written_down():
    assert [line(verb) for verb in VERBS.values()] == TABLE.read_text(encoding="utf-8").splitlines()


def test_half_a_verb_is_the_first_word_of_one():
    assert sorted(GROUPS) == ["auth", "certificate", "config", "rollout", "set"]


@pytest.mark.parametrize("verb", VERBS.values(), ids=lambda verb: verb.name)
def test_a_verb_that_only_looks_has_no_price(verb):
    assert verb.looks is (verb.points is None)
    assert verb.can_rehearse is ("--dry-run" in verb.flags)


KNOWN = declared("all/a", "name/n=", "file/f=*", "mode=?soft")


def read(*arguments):
    left = list(arguments)
    reader = FlagReader(left)
    while left:
        reader.take(left.pop(0), KNOWN)
    return reader.given()


class TestFlags:
    @pytest.mark.parametrize(
        ("arguments", "name", "values"),
        [
            (["--all"], "all", ("true",)),
            (["-a"], "all", ("true",)),
            *(([f"--all={yes}"], "all", ("true",)) for yes in ("1", "t", "T", "true", "TRUE", "True")),
            *(([f"--all={no}"], "all", ()) for no in ("0", "f", "F", "false", "FALSE", "False")),
            (["--all", "--all=false"], "all", ("true",)),
            (["--name", "x"], "name", ("x",)),
            (["--name=x"], "name", ("x",)),
            (["-n", "x"], "name", ("x",)),
            (["-nx"], "name", ("x",)),
            (["-n=x"], "name", ("x",)),
            (["-anx"], "name", ("x",)),
            (["-anx"], "all", ("true",)),
            (["-n", "x", "-n", "x"], "name", ("x",)),
            (["-f", "a", "--file=b,c"], "file", ("a", "b", "c")),
            (["--mode"], "mode", ("soft",)),
            (["--mode=hard"], "mode", ("hard",)),
            (["--all"], "name", ()),
        ],
    )
    def test_a_flag_is_read_as_kubectl_reads_it(self, arguments, name, values):
        given = read(*arguments)

        assert given.values(name) == values
        assert (name in given) is bool(values)

    def test_the_last_value_counts(self):
        assert read("-f", "a", "-f", "b").value("file") == "b"
        assert read("--all").value("file") is None

    @pytest.mark.parametrize(
        ("arguments", "rule"),
        [
            (["--name"], "flag:--name"),
            (["-n"], "flag:--name"),
            (["--all=perhaps"], "flag:--all"),
            (["--name=x", "--name=y"], "flag:--name:contradictory"),
            (["--mode", "--mode=hard"], "flag:--mode:contradictory"),
            (["--other"], "flag:--other"),
            (["-x"], "flag:-x"),
            (["-ax"], "flag:-x"),
            (["--sEcret"], "flag:--*"),
            (["--" + "a" * 41], "flag:--*"),
            (["--" + "a" * 40], "flag:--" + "a" * 40),
        ],
    )
    def test_what_is_not_declared_is_not_understood(self, arguments, rule):
        with pytest.raises(NotUnderstood) as refused:
            read(*arguments)
        assert refused.value.rule == rule

    @pytest.mark.parametrize("text", ["Name", "a=b=c", "a/bc"])
    def test_a_declaration_is_checked_when_it_is_made(self, text):
        with pytest.raises(ValueError, match=text):
            declared(text)


def rule(command):
    return assess(f"kubectl {command}", Policy()).hard_rule


class TestHardRules:
    @pytest.mark.parametrize(
        ("character", "name"),
        [
            *((character, "chain") for character in ";&|"),
            *((character, "redirect") for character in "<>"),
            *((character, "substitution") for character in "$`"),
            *((character, "group") for character in "()"),
            *((character, "pattern") for character in "*?[]{}~"),
            ("#", "comment"),
            ("\\", "escape"),
            ("'", "open-quote"),
            ('"', "open-quote"),
        ],
    )
    def test_what_a_shell_acts_upon_has_a_name(self, character, name):
        assert rule(f"get pods {character}a -n dev") == f"shell:{name}"

    @pytest.mark.parametrize(
        "program", ["df", "du", "free", "id", "ls", "netstat", "nslookup", "ps", "pwd", "uptime", "whoami"]
    )
    def test_a_program_that_only_shows_may_run(self, program):
        assert rule(f"exec a -n dev -- {program} -a /x") is None
        assert rule(f"exec a -n dev -- {program} 'a b'") == "program:not-understood"

    def test_a_program_must_be_named(self):
        assert rule("exec a -n dev") == "program:missing"
        assert rule("run a --image=b -n dev") is None

    @pytest.mark.parametrize(
        ("flag", "verb"),
        [
            ("--replicas={}", "scale deploy/a"),
            ("--replicas=1 --current-replicas={}", "scale deploy/a"),
            ("--grace-period={}", "delete pod/a"),
            ("--max=2 --min={}", "autoscale deploy/a"),
            ("--max={}", "autoscale deploy/a"),
            ("--revision={}", "rollout status deploy/a"),
            ("--to-revision={}", "rollout undo deploy/a"),
        ],
    )
    def test_a_count_is_a_number_that_is_read_in_one_way(self, verb, flag):
        for count in ("1", "0", "-1", "123456789"):
            assert rule(f"{verb} -n dev {flag.format(count)}") is None
        for count in ("-2", "01", "1e3", "+1", "0x1", "1234567890"):
            assert rule(f"{verb} -n dev {flag.format(count)}") == "flag:not-a-count"

    @pytest.mark.parametrize("way", ["background", "foreground", "orphan", "true", "false"])
    def test_a_cascade_is_one_of_kubectls(self, way):
        assert rule(f"delete pod/a -n dev --cascade={way}") is None
        assert rule(f"delete pod/a -n dev --cascade={way}x") == "flag:--cascade"

    @pytest.mark.parametrize("way", ["client", "server", "none"])
    def test_a_rehearsal_is_one_of_kubectls(self, way):
        assert rule(f"scale deploy/a -n dev --replicas=1 --dry-run={way}") is None
        assert rule(f"scale deploy/a -n dev --replicas=1 --dry-run={way}x") == "flag:--dry-run"

    @pytest.mark.parametrize("verb", ["replace", "apply"])
    @pytest.mark.parametrize("flag", ["--force", "--grace-period=1", "--cascade"])
    def test_what_deletes_first_is_a_replacement_by_force(self, verb, flag):
        assert rule(f"{verb} -f a.yaml -n dev {flag}") == f"{verb}:--force"

    @pytest.mark.parametrize(
        ("output", "broken"),
        [
            ("name", None),
            ("wide", None),
            ("json", None),
            ("yaml", None),
            ("kyaml", None),
            ("jsonpath=x", None),
            ("go-template=x", None),
            ("custom-columns=x", None),
            ("jsonpath-as-json=x", None),
            ("jsonpath-file=x", "flag:--output"),
            ("go-template-file=x", "flag:--output"),
        ],
    )
    def test_a_template_is_never_read_from_a_file(self, output, broken):
        assert rule(f"get pods -n dev -o {output}") == broken

    @pytest.mark.parametrize(
        ("command", "broken"),
        [
            ("scale deploy/a -n dev", "flag:--replicas:missing"),
            ("patch deploy/a -n dev", "flag:--patch:missing"),
            ("autoscale deploy/a -n dev", "flag:--max:missing"),
            ("run a -n dev", "flag:--image:missing"),
            ("get pods --context=a", None),
            ("get pods --cluster=a", None),
            ("scale deploy/a --replicas=1 --context=a", "flag:--context"),
            ("scale deploy/a --replicas=1 --cluster=a", "flag:--cluster"),
            ("get secrets -n dev --context=a -o yaml", "flag:--context"),
            ("get secrets -n dev --context=a -o name", None),
            ("get secrets -n dev --context=a -o wide", None),
            ("get secrets -n dev --context=a -v=9", "flag:--context"),
            ("delete secret a -n dev", None),
            ("delete secret a b -n dev", "delete:secrets-en-masse"),
            ("delete secret -l x=y -n dev", "delete:secrets-en-masse"),
            ("delete pods --all -n dev", None),
            ("delete pods --all", "delete:--all-in-system"),
        ],
    )
    def test_what_no_review_can_agree_to(self, command, broken):
        assert rule(command) == broken


@pytest.mark.parametrize(
    ("score", "tier"),
    [(0, "auto"), (10, "auto"), (11, "human"), (50, "human"), (51, "dual"), (99, "dual"), (100, "blocked")],
)
def test_a_tier_ends_where_the_product_says(score, tier):
    assert tier_of(score) == tier


def test_what_cannot_be_computed_is_for_one_person():
    unusable = Policy(classes={NamespaceClass.PRODUCTION: ClassRule(("prod",), float("nan"))})
    found = assess("kubectl scale deploy/a --replicas=1 -n prod", unusable)

    assert (found.score, found.tier, found.reasons[0].rule) == (50, "human", "score:not-computable")


NAMESPACES = {
    NamespaceClass.SYSTEM: "kube-public a-system istio-a openshift openshift-a argocd cert-manager ingress-nginx",
    NamespaceClass.PRODUCTION: "default prod1 prd1 live live-a a-prod a-prod-b a-production a-prd a-live",
    NamespaceClass.STAGING: "stage stg1 a-staging a-stage a-stg uat1 a-uat",
    NamespaceClass.DEVELOPMENT: "dev dev-a development a-dev test test-a a-test sandbox sandbox-a",
}


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, text in NAMESPACES.items() for name in text.split()])
def test_a_namespace_is_of_the_class_that_its_name_says(kind, name):
    assert kind in Policy().classes_of(name)


SWITCHES = {
    "delete pods --all": {"all": 30},
    "label pod a x=y --all-namespaces": {"all-namespaces": 20},
    "delete pod a --force": {"force": 20},
    "delete pod a --now": {"now": 10},
    "apply -k a --prune": {"prune": 30},
    "apply -f a -R": {"recursive": 5},
    "apply -f a --force-conflicts": {"force-conflicts": 10},
    "label pod a x=y --overwrite": {"overwrite": 5},
    "drain a --disable-eviction": {"disable-eviction": 25},
    "drain a --delete-emptydir-data": {"delete-emptydir-data": 10},
    "run a --image=b --privileged": {"privileged": 40},
    "run a --image=b -it": {"stdin": 5, "tty": 5},
    "auth reconcile -f a --remove-extra-permissions --remove-extra-subjects": {
        "remove-extra-permissions": 15,
        "remove-extra-subjects": 15,
    },
}


@pytest.mark.parametrize("command", SWITCHES)
def test_a_switch_that_widens_has_its_price(command):
    found = assess(f"kubectl {command} -n dev", Policy())
    points = {part.rule.removeprefix("flag:--"): part.points for part in found.reasons}

    assert found.hard_rule is None
    assert SWITCHES[command].items() <= points.items()
