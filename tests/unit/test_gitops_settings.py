from __future__ import annotations

import pytest

from functions.gitops_issue.core.assessing import assess
from functions.gitops_issue.core.policy import Policy
from functions.gitops_issue.gitea import forge_of
from functions.gitops_issue.proposals import policy_of
from functions.gitops_issue.settings import Settings
from shared.domain.errors import ConfigurationError
from shared.testing.clocks import FakeClock

BASE = {"AUTH_MODE": "network", "DATABASE_URL": "postgresql://u@h/d"}
GITEA = {
    "GITEA_API_URL": "http://gitea:3000",
    "GITEA_API_TOKEN": "hunter2",
    "GITEA_REPO_OWNER": "sre",
    "GITEA_REPO_NAME": "changes",
}


def load(**environ):
    return Settings.load({**BASE, **environ})


@pytest.mark.parametrize("missing", GITEA)
def test_a_forge_is_named_as_a_whole_or_not_at_all(missing):
    given = {name: value for name, value in GITEA.items() if name != missing}
    with pytest.raises(ConfigurationError, match=missing) as refused:
        load(**given)
    assert "hunter2" not in str(refused.value)


def test_without_a_forge_there_is_none():
    assert forge_of(load(), None, FakeClock()) is None


@pytest.mark.parametrize(
    "url", ["http://gitea:3000", "http://gitea:3000/", "http://gitea:3000/api/v1", "http://gitea:3000/api/v1/"]
)
def test_an_address_is_taken_with_and_without_the_api_in_it(url):
    forge = forge_of(load(**{**GITEA, "GITEA_API_URL": url}), None, FakeClock())
    assert forge._endpoint.url == "http://gitea:3000/api/v1"


def test_the_token_is_shown_to_gitea_and_to_nobody_else():
    settings = load(**GITEA)
    assert forge_of(settings, None, FakeClock())._endpoint.authorize() == {"authorization": "token hunter2"}
    assert "hunter2" not in repr(settings)


def test_lists_are_separated_by_commas():
    settings = load(GITEA_ISSUE_LABELS=" risk, ai ,", GITEA_ISSUE_ASSIGNEES="ana")
    assert (settings.labels, settings.assignees) == (("risk", "ai"), ("ana",))
    assert (load().labels, load().assignees) == ((), ())


def test_the_usual_namespaces_are_the_policy_s_own():
    assert policy_of(load().namespaces) == Policy()


def test_namespaces_are_each_installation_s_own():
    policy = policy_of(load(BLAST_PRODUCTION_NAMESPACES="shop-*").namespaces)
    reasons = assess("kubectl rollout restart deployment/api -n shop-eu", policy).reasons
    assert "namespace:production" in [each.rule for each in reasons]


@pytest.mark.parametrize("given", ["ada", "ada,", "ada, ADA", ",", " "])
def test_a_list_of_approvers_that_could_never_approve_is_refused(given):
    with pytest.raises(ConfigurationError, match="GITEA_APPROVERS"):
        load(GITEA_APPROVERS=given)


def test_without_a_list_everybody_may_approve():
    assert load().approvers == frozenset()
    assert load(GITEA_APPROVERS="ada, Grace").approvers == {"ada", "Grace"}
