from __future__ import annotations

import pytest

from functions.gitops_issue.core.assessing import assess
from functions.gitops_issue.core.kinds import KINDS, PROTECTED, kind_of
from functions.gitops_issue.core.policy import DEFAULT_CLASSES, ClassRule, NamespaceClass, Policy
from functions.gitops_issue.core.verbs import VERBS
from shared.domain.remediations import Contribution, Tier


def assessed(command, policy=None):
    return assess(f"kubectl {command}", policy or Policy())


def reasons(command):
    return [(part.rule, part.points if part.factor is None else part.factor) for part in assessed(command).reasons]


def test_a_drain_in_production_is_explained_as_the_contract_shows():
    found = assessed("drain worker-3 -n prod")

    assert (found.score, found.tier, found.hard_rule) == (72, Tier.DUAL, None)
    assert found.reasons == (
        Contribution(rule="verb:drain", points=60),
        Contribution(rule="namespace:production", factor=1.2),
    )
    assert (found.namespace, found.target, found.dry_run_required) == ("prod", "node/worker-3", True)
    assert found.rollback_plan == "kubectl uncordon worker-3"


def test_a_restart_in_production_is_18_and_for_one_person():
    found = assessed("rollout restart deploy/api -n prod")
    assert (found.score, found.tier, found.target) == (18, Tier.HUMAN, "deployment/api")


@pytest.mark.parametrize(
    ("command", "rule"),
    [
        ("delete ns a", "delete:namespace"),
        ("delete pod,pv x -n dev", "delete:persistentvolume"),
        ("delete -f a.yaml", "delete:unseen"),
        ("delete secrets --all -n dev", "delete:secrets-en-masse"),
        ("delete pods --all -n kube-system", "delete:--all-in-system"),
        ("replace -f a.yaml --force", "replace:--force"),
        ("get pods --raw=/api", "flag:--raw"),
        ("get pods --as root", "flag:--as"),
        ("edit deploy api", "verb:edit"),
        ("neat get pods", "verb:neat"),
        ("exec a -n dev -- /bin/bash", "shell:bash"),
        ("exec a -n dev -- ./run", "program:not-understood"),
        ("exec a -n dev -- rm -rf /x", "text:rm-rf"),
        ("exec a -n dev -- psql -c 'drop table x'", "text:sql"),
        ("get pods; ls", "shell:chain"),
        ("get pods | sh", "shell:chain"),
        ("get pods > x", "shell:redirect"),
        ("get pods $(id)", "shell:substitution"),
        ("get pods `id`", "shell:substitution"),
        ('get pods "$(id)"', "shell:substitution"),
        ("get pods 'x", "shell:open-quote"),
        ('get pods "a\\b"', "shell:escape"),
        ("get p\u043eds", "text:not-plain"),
        ("get pods\nget ns", "text:several-lines"),
        ("apply -f https://a/b.yaml", "manifest:not-a-file"),
        ("delete widget x -n dev", "kind:not-known"),
        ("delete pod x -n dev -n prod", "flag:--namespace:contradictory"),
        ("delete pod x -n dev --context=y", "flag:--context"),
        ('patch pvc a -n dev -p \'{"metadata":{"finalizers":[]}}\'', "patch:finalizers"),
    ],
)
def test_the_rule_that_hit_is_named(command, rule):
    found = assessed(command)

    assert (found.hard_rule, found.score, found.tier) == (rule, 100, Tier.BLOCKED)
    assert found.reasons == (Contribution(rule=rule, points=100),)


@pytest.mark.parametrize(
    "bypass",
    [
        "sh -c 'kubectl delete ns prod'",
        "kubectl exec a -n dev -- sh -c 'kubectl delete ns prod'",
        "kubectl delete namespaces.v1./prod",
        "kubectl -n dev delete NS prod",
        "kubectl delete ns --all",
        "kubectl delete -n dev --all po,ns",
        "kubectl delete all,crd --all -n dev",
        "kubectl delete -Rf . -n dev",
        "kubectl get ns -o name | xargs kubectl delete",
        "kubectl delete --raw /api/v1/namespaces/prod",
        "kubectl d'e'lete n's' prod",
        "kubectl delete -- ns prod",
    ],
)
def test_no_shell_sweep_alias_or_detour_gets_around_a_hard_rule(bypass):
    found = assess(bypass, Policy())
    assert (found.tier, found.score) == (Tier.BLOCKED, 100)
    assert found.hard_rule is not None


@pytest.mark.parametrize("word", ["s3cr3t", "hunter2-hunter2-hunter2-hunter2-hunter2-hunter2", "a;b", "A B"])
def test_a_rule_never_repeats_what_may_be_a_secret(word):
    for command in (f"'--{word}=x' get pods", f"get pods '--token={word}'", f"'{word}' get pods", f"get pods -z{word}"):
        assert word not in str(assessed(command).hard_rule)


@pytest.mark.parametrize("name", [name for name, kind in KINDS.items() if kind.deleted >= PROTECTED])
def test_no_review_agrees_to_the_deletion_of_what_others_depend_on(name):
    assert assessed(f"delete {name} x -n dev").hard_rule == f"delete:{KINDS[name].name}"
    assert assessed(f"delete {name} x -n dev --dry-run=server").tier is Tier.BLOCKED


def test_everything_without_a_namespace_is_protected():
    assert [kind.name for kind in KINDS.values() if not kind.namespaced and kind.deleted < PROTECTED] == []


@pytest.mark.parametrize("verb", [verb.name for verb in VERBS.values() if not verb.looks])
def test_a_kind_that_is_not_known_is_only_looked_at(verb):
    assert assessed(f"{verb} widget/x -n dev").tier is Tier.BLOCKED
    assert assessed("get widget/x -n dev").tier is Tier.AUTO


def test_a_known_word_in_a_foreign_group_is_another_kind():
    assert kind_of("services.serving.knative.dev").known is False
    assert kind_of("Deployments.v1.apps") is KINDS["deployment"]
    assert kind_of("deployments.apps") is kind_of("deploy")
    assert kind_of("pods.") is kind_of("PO") is KINDS["pod"]
    assert kind_of("po ds") is None


@pytest.mark.parametrize("folder", ["github.com/org/repo", "git.example/x//y", "ssh-user@host/x", "a.b/c", "X.io/c"])
def test_a_kustomization_from_elsewhere_is_not_a_file(folder):
    assert assessed(f"apply -k {folder} -n dev").hard_rule == "manifest:not-a-file"


@pytest.mark.parametrize("folder", [".", "./overlays/prod", "overlays/v1.2", "/srv/app", "overlays"])
def test_a_kustomization_beside_it_is_a_file(folder):
    assert assessed(f"apply -k {folder} -n dev").target == folder


def test_more_objects_than_a_person_can_review_are_blocked():
    names = [f"a-{number}" for number in range(100)]

    assert assessed(f"delete pod {' '.join(names[:99])} -n dev").tier is Tier.HUMAN
    assert assessed(f"delete pod {' '.join(names)} -n dev").hard_rule == "operand:too-many"


def test_a_namespace_is_never_taken_for_granted():
    found = assessed("rollout restart deploy/api")

    assert found.namespace is None
    assert found.reasons[-1] == Contribution(rule="namespace:not-named", factor=1.5)
    assert found.score == max(
        assessed(f"rollout restart deploy/api -n {each}").score for each in ("prod", "kube-system")
    )


def test_all_namespaces_is_no_namespace():
    found = assessed("label pods -l a=b x=y -A -n dev")

    assert found.namespace is None
    assert found.reasons[-1] == Contribution(rule="namespace:all", factor=1.5)


@pytest.mark.parametrize(
    ("namespace", "rule"),
    [
        ("kube-system", "system"),
        ("cert-manager", "system"),
        ("prod", "production"),
        ("production", "production"),
        ("shop-prod", "production"),
        ("default", "production"),
        ("payments", "unclassified"),
        ("devops", "unclassified"),
        ("staging", "staging"),
        ("shop-staging", "staging"),
        ("dev", "development"),
        ("shop-dev", "development"),
        ("prod-test", "production"),
        ("dev-system", "system"),
    ],
)
def test_a_namespace_belongs_to_the_heaviest_class_that_claims_it(namespace, rule):
    assert assessed(f"delete pod a -n {namespace}").reasons[-1].rule == f"namespace:{rule}"


def test_the_classes_are_the_installations_own():
    policy = Policy({**DEFAULT_CLASSES, NamespaceClass.SYSTEM: ClassRule(("platform",), 2.0)})

    assert assessed("delete pod a -n platform", policy).score == 50
    assert assessed("delete pods --all -n platform", policy).hard_rule == "delete:--all-in-system"


def test_a_lighter_namespace_does_not_make_what_has_none_lighter():
    assert assessed("drain worker-3 -n dev").reasons[-1] == Contribution(rule="scope:cluster", factor=1.2)
    assert assessed("drain worker-3 -n kube-system").score == 90
    assert assessed("apply -f a.yaml -n dev").score == assessed("apply -f a.yaml -n prod").score


def test_files_that_may_go_anywhere_weigh_as_the_heaviest_namespace():
    assert assessed("apply -f a.yaml").reasons[-1] == Contribution(rule="namespace:not-named", factor=1.5)


def test_a_score_is_not_raised_by_the_way_computers_write_fractions():
    policy = Policy({**DEFAULT_CLASSES, NamespaceClass.PRODUCTION: ClassRule(("prod",), 1.1)})
    assert assessed("annotate pod a -n prod x=y", policy).score == 11


def test_each_part_of_a_score_is_said():
    assert reasons("delete pods api-1 api-2 -n prod --force --grace-period=0 --cascade=orphan") == [
        ("verb:delete", 25),
        ("objects:several", 3),
        ("flag:--force", 20),
        ("flag:--grace-period=0", 15),
        ("flag:--cascade=orphan", 10),
        ("namespace:production", 1.2),
    ]


def test_a_rehearsal_weighs_a_tenth_and_is_not_asked_for_twice():
    found = assessed("drain worker-3 --dry-run=server")

    assert (found.score, found.tier) == (8, Tier.AUTO)
    assert (found.dry_run_required, found.rollback_plan) == (False, None)
    assert found.reasons[-1] == Contribution(rule="flag:--dry-run", factor=0.1)


@pytest.mark.parametrize("real", ["--dry-run=none", "--dry-run=client --dry-run=none", "--dry-run=server -- --dry-run"])
def test_what_only_looks_like_a_rehearsal_is_none(real):
    assert assessed(f"drain worker-3 {real}").tier in (Tier.DUAL, Tier.BLOCKED)


@pytest.mark.parametrize(
    ("command", "required"),
    [
        ("delete pod a -n prod", True),
        ("rollout restart deploy/api -n prod", False),  # it has no --dry-run
        ("scale deploy/api --replicas=2 -n dev", False),  # nobody waits for it
        ("get secret a -n prod -o yaml", False),
        ("delete ns a", False),
    ],
)
def test_a_rehearsal_is_required_where_somebody_waits_and_there_is_one(command, required):
    assert assessed(command).dry_run_required is required


@pytest.mark.parametrize(
    ("command", "target"),
    [
        ("get pods -n prod", "pod"),
        ("delete po a b -n dev", "pod/a,pod/b"),
        ("delete deploy,svc api -n dev", "deployment/api,service/api"),
        ("delete pods -l app=a -n dev", "pod -l app=a"),
        ("delete pods -l 'app in (a, b)' -n dev", "pod -l 'app in (a, b)'"),
        ("delete pods --field-selector status.phase=Failed -n dev", "pod --field-selector status.phase=Failed"),
        ("delete pods -n dev", "pod --all"),
        ("apply -f a.yaml -f b.yaml -n dev", "a.yaml,b.yaml"),
        ("apply -k overlays/dev -n dev", "overlays/dev"),
        ("create deployment api --image=api:1 -n dev", "deployment/api"),
        ("create secret tls a -n dev", "secret/a"),
        ("exec deploy/api -n dev -- ls", "deployment/api"),
        ("cp dev/api-1:/x x", "pod/api-1"),
        ("certificate approve a", "certificatesigningrequest/a"),
        ("version", None),
    ],
)
def test_the_target_has_one_spelling(command, target):
    assert assessed(command).target == target


@pytest.mark.parametrize("count", ["00", "0x0", "+0", "-0", "0_0", "1e3", "", "ten", "9999999999"])
def test_a_count_that_kubectl_reads_in_its_own_way_is_not_guessed(count):
    assert assessed(f"scale deploy/api --replicas={count} -n dev").hard_rule == "flag:not-a-count"


def test_a_patch_to_nothing_costs_what_scaling_to_nothing_does():
    patch = 'patch deploy api -n prod -p \'{"spec":{"replicas":0}}\''
    assert ("flag:--replicas=0", 35) in reasons(patch)
    assert ("flag:--replicas=0", 35) in reasons("scale deploy api -n prod --replicas=0")


def test_there_are_verbs_enough_and_each_change_costs_something():
    changes = [verb for verb in VERBS.values() if not verb.looks]

    assert len(changes) >= 18
    assert [verb.name for verb in changes if not 0 < verb.points < 100] == []
    assert [verb.points for verb in changes] == sorted(verb.points for verb in changes)
