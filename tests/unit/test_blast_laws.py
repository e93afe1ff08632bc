"""What holds for every command: bounds, totality, monotony, and one answer for all spellings of one thing."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.gitops_issue.core.assessing import Assessment, assess, tier_of
from functions.gitops_issue.core.kinds import KINDS
from functions.gitops_issue.core.policy import DEFAULT_CLASSES, ClassRule, NamespaceClass, Policy
from functions.gitops_issue.core.verbs import VERBS
from functions.gitops_issue.core.words import NotUnderstood, split
from shared.domain.remediations import Contribution, Tier

POLICY = Policy()
# By weight; None names no namespace.
NAMESPACES = ["dev", "staging", "prod", "kube-system", None]

# What widens a change, by the verbs that have it.
WIDENING = {
    "delete": ["--all", "-A", "--force", "--now", "--grace-period=0", "--cascade=orphan", "--recursive"],
    "drain": ["--force", "--delete-emptydir-data", "--disable-eviction", "--grace-period=0", "--grace-period=1"],
    "scale": ["--all"],
    "apply": ["--all", "--prune", "--recursive", "--force-conflicts", "--overwrite", "--force"],
    "label": ["--all", "-A", "--overwrite"],
    "annotate": ["--all", "-A", "--overwrite"],
    "taint": ["--all", "--overwrite"],
    "set image": ["--all"],
    "run": ["--privileged", "-i", "-t"],
    "get": ["-A", "-oyaml", "-v=9"],
}
STARTS = {
    "delete": ["pods", "pods a", "pod/a pod/b", "deploy api", "secret db", "pods -l a=b", "ns a", "svc,deploy -l a=b"],
    "drain": ["worker-1", "worker-1 worker-2", "-l pool=blue"],
    "scale": ["deploy api --replicas=3", "deploy api --replicas=0", "deploy -l a=b --replicas=1"],
    "apply": ["-f a.yaml", "-f a.yaml,b.yaml", "-k overlays"],
    "label": ["pod a x=y", "nodes n x=y", "pods -l a=b x-", "secret db x=y"],
    "annotate": ["pod a x=y", "clusterrole c x=y", "-f a.yaml x=y"],
    "taint": ["nodes n x=y:NoSchedule", "nodes n x=y:NoExecute"],
    "set image": ["deploy/api api=api:2", "deploy api=api:2"],
    "run": ["probe --image=busybox"],
    "get": ["pods", "secret db", "secrets", "pods,secrets"],
}
changes = st.sampled_from(sorted(STARTS)).flatmap(
    lambda verb: st.tuples(
        st.just(verb),
        st.sampled_from(STARTS[verb]),
        st.lists(st.sampled_from(WIDENING[verb]), unique_by=lambda flag: flag.partition("=")[0]),
    )
)
fragments = st.sampled_from(
    [
        *VERBS,
        *KINDS,
        "-n",
        "prod",
        "--all",
        "-A",
        "--",
        "/",
        ",",
        "=",
        "'",
        '"',
        "-",
        ";",
        "$(",
        "{",
        "é",
        "\n",
        "a",
        "0",
    ]
)
commandlike = st.lists(fragments | st.text(max_size=3), max_size=12).map(lambda parts: "kubectl " + " ".join(parts))


def scored(command, policy=POLICY):
    return assess(command, policy).score


def placed(namespace):
    return "" if namespace is None else f" -n {namespace}"


@given(st.text(max_size=60) | commandlike)
def test_every_text_has_an_assessment_within_bounds(command):
    found = assess(command, POLICY)

    assert 0 <= found.score <= 100
    assert found.tier is tier_of(found.score)
    assert found.reasons
    assert (found.hard_rule is None) or found.tier is Tier.BLOCKED


@given(changes, st.sampled_from(NAMESPACES), st.data())
def test_one_more_flag_that_widens_never_lowers_a_score(change, namespace, data):
    verb, start, flags = change
    more = data.draw(st.sampled_from(WIDENING[verb]))
    if any(flag.partition("=")[0] == more.partition("=")[0] for flag in flags):
        return
    command = f"kubectl {verb} {start} {' '.join(flags)}{placed(namespace)}"

    assert scored(f"{command} {more}") >= scored(command)


@given(changes)
def test_a_heavier_namespace_never_lowers_a_score_and_none_is_the_heaviest(change):
    verb, start, flags = change
    found = [assess(f"kubectl {verb} {start} {' '.join(flags)}{placed(each)}", POLICY) for each in NAMESPACES]
    scores = [each.score for each in found if all(reason.rule != "scope:cluster" for reason in each.reasons)]

    assert scores == sorted(scores)


@given(changes, st.sampled_from(list(NamespaceClass)), st.floats(0, 3, allow_nan=False))
def test_a_heavier_weight_never_lowers_a_score(change, heavier, more):
    verb, start, flags = change
    rule = DEFAULT_CLASSES[heavier]
    policy = Policy({**DEFAULT_CLASSES, heavier: ClassRule(rule.patterns, rule.weight + more)})

    for namespace in NAMESPACES:
        command = f"kubectl {verb} {start} {' '.join(flags)}{placed(namespace)}"
        assert scored(command, policy) >= scored(command)


def each_spelling(flag):
    """All spellings of a flag with a value."""
    short, long, value = flag
    joined = [f"{long} {value}", f"{long}={value}"]
    return st.sampled_from([*joined, f"{short}{value}", f"{short} {value}", f"{short}={value}"] if short else joined)


def each_name(kind):
    return st.sampled_from([name for name, found in KINDS.items() if found is KINDS[kind]])


def quoted(word):
    return st.sampled_from([word, f"'{word}'", f'"{word}"', f'{word[:1]}"{word[1:]}"', f"{word[:-1]}'{word[-1:]}'"])


@st.composite
def spellings(draw, verb, kind, name, *flags):
    """One operation, somehow written."""
    noun = draw(each_name(kind))
    noun = draw(st.sampled_from([noun, noun.upper(), noun.title()]))
    group = KINDS[kind].group
    noun += draw(st.sampled_from(["", f".{group}", f".v1.{group}"] if group else ["", ".", ".v1."]))
    objects = draw(st.sampled_from([f"{noun} {name}", f"{noun}/{name}"]))
    parts = draw(st.permutations([objects, *(draw(each_spelling(flag)) for flag in flags)]))
    words = [draw(quoted(word)) for word in " ".join(parts).split()]
    return draw(st.sampled_from([" ", "  ", "\t "])).join(["kubectl", *verb.split(), *words])


@given(
    spellings("delete", "deployment", "api", ("-n", "--namespace", "prod"), ("", "--grace-period", "0")),
    spellings("rollout restart", "statefulset", "db", ("-n", "--namespace", "dev")),
    spellings("get", "secret", "db", ("-n", "--namespace", "prod"), ("-o", "--output", "yaml")),
)
def test_equivalent_spellings_have_equal_assessments(delete, restart, read):
    said = [
        (delete, "kubectl delete deployment/api --namespace=prod --grace-period=0"),
        (restart, "kubectl rollout restart statefulset/db -n dev"),
        (read, "kubectl get secret/db -n prod -o yaml"),
    ]
    for written, plain in said:
        assert assess(written, POLICY) == assess(plain, POLICY)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("delete pods api -n prod", "delete -n prod po/api"),
        ("delete pods --all -n prod", "delete pods --all=true -n prod"),
        ("delete pods -A -l a=b", "delete po --all-namespaces --selector a=b"),
        ("exec -i -t api -n prod -- ls", "exec -it api -nprod -- ls"),
        ("exec -it -n prod api -- ls", "exec -tin=prod api -- ls"),
        ("apply -R -f a.yaml -n prod", "apply -Rf a.yaml -n prod"),
        ("apply -Rf a.yaml -n prod", "apply --filename=a.yaml --recursive --namespace prod"),
        ("apply -f a.yaml --dry-run -n prod", "apply -f a.yaml --dry-run=client -n prod"),
        ("cordon worker-1", "cordon nodes/worker-1"),
        ("cp prod/api:/x x", "cp api:/x x -n prod"),
        ("delete pods a b -n prod", "delete pod/a pod/b -n prod"),
        ("delete pods a -n prod", "delete pods a a -n prod"),
        ("delete pods a -n prod", "-n prod delete -- pods a"),
        ("delete pods a -n prod", "delete pods a -n prod --namespace=prod"),
        ("delete pods a -n prod", "delete pods a -n prod --force=false --all=0"),
        ("delete pods a -n prod --cascade", "delete pods a -n prod --cascade=background"),
    ],
)
def test_short_forms_are_the_long_ones(one, other):
    assert assess(f"kubectl {one}", POLICY) == assess(f"kubectl {other}", POLICY)
    assert assess(f"kubectl {one}", POLICY).hard_rule is None


@pytest.mark.parametrize("weight", [float("nan"), float("inf"), 0.0, -1.0])
@pytest.mark.parametrize("command", ["rollout restart deploy/api -n dev", "drain worker-1", "get pods"])
def test_what_cannot_be_computed_is_for_a_person_and_never_automatic(weight, command):
    rule = DEFAULT_CLASSES[NamespaceClass.DEVELOPMENT]
    policy = Policy({**DEFAULT_CLASSES, NamespaceClass.DEVELOPMENT: ClassRule(rule.patterns, weight)})

    assert assess(f"kubectl {command}", policy).tier is Tier.HUMAN
    assert assess("kubectl delete ns dev", policy).tier is Tier.BLOCKED


def test_a_policy_without_one_of_its_classes_computes_nothing():
    assert assess("kubectl cordon worker-1", Policy({})).tier is Tier.HUMAN


def test_a_weight_too_large_for_a_score_is_for_a_person():
    huge = {each: ClassRule(rule.patterns, 1e308) for each, rule in DEFAULT_CLASSES.items()}
    assert assess("kubectl cordon worker-1", Policy(huge)).tier is Tier.HUMAN


def test_the_tiers_end_where_the_product_says():
    ends = {score: tier_of(score).value for score in (0, 10, 11, 50, 51, 99, 100)}
    assert " ".join(ends.values()) == "auto auto human human dual dual blocked"


@pytest.mark.parametrize(("score", "tier"), [(72, Tier.AUTO), (0, Tier.HUMAN), (100, Tier.DUAL), (101, Tier.BLOCKED)])
def test_a_tier_that_is_not_that_of_its_score_cannot_be_made(score, tier):
    with pytest.raises(ValueError, match="is not"):
        Assessment(score=score, tier=tier, reasons=(Contribution(rule="verb:get", points=score),))


@given(st.lists(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=8), min_size=1, max_size=5))
def test_words_are_split_as_a_shell_splits_them(words):
    try:
        found = split(shlex.join(words))
    except NotUnderstood:
        return
    assert found == words
