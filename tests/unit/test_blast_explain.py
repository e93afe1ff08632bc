from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from functions.gitops_issue.cli import app
from shared.domain.remediations import Contribution


def explained(command, *options, **environ):
    done = CliRunner().invoke(app, ["explain", command, *options], env={"NO_COLOR": "1", **environ})
    assert (done.exit_code, done.stderr) == (0, "")
    return done.stdout


def test_a_score_is_shown_with_all_that_it_is_made_of():
    lines = [line.rstrip() for line in explained("kubectl drain worker-3 -n prod").splitlines()]

    assert lines == [
        "score 72 of 100: dual, two people must agree",
        " rule                  part",
        " verb:drain            +60",
        " namespace:production  x 1.2",
        "namespace  prod",
        "target     node/worker-3",
        "dry run    required first",
        "rollback   kubectl uncordon worker-3",
    ]


def test_the_rule_that_hit_is_shown():
    shown = explained("kubectl get pods; kubectl delete ns prod")

    assert shown.startswith("score 100 of 100: blocked, no review can agree to it\n")
    assert "\nhard rule  shell:chain\n" in shown
    assert "\nrollback   none is known\n" in shown


@pytest.mark.parametrize("command", ["kubectl get pods -n prod", "kubectl drain worker-3", "reboot", ""])
def test_json_is_the_assessment_in_the_words_of_the_event(command):
    found = json.loads(explained(command, "-o", "json"))

    assert set(found) == {
        "score",
        "tier",
        "reasons",
        "hard_rule",
        "namespace",
        "target",
        "dry_run_required",
        "rollback_plan",
    }
    assert [Contribution.model_validate(reason) for reason in found["reasons"]]


def test_the_namespaces_are_those_of_the_environment():
    command = "kubectl rollout restart deploy/api -n platform"

    assert explained(command).startswith("score 18 of 100: human")
    assert explained(command, BLAST_DEVELOPMENT_NAMESPACES="platform").startswith("score 8 of 100: auto")


def test_it_needs_no_server(monkeypatch):
    for name in ("AUTH_MODE", "DATABASE_URL", "AUTH_TOKEN"):
        monkeypatch.delenv(name, raising=False)

    assert "verb:get" in explained("kubectl get pods")
