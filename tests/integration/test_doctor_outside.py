"""What the doctor says of Gitea and Telegram: each trouble with its fix, and no secret."""

from __future__ import annotations

import pytest

from functions.gitops_issue.checks import checks as gitops_checks
from functions.notify.checks import checks as notify_checks
from shared.commands.findings import examine
from shared.local.simulators.gitea import GiteaSimulator
from shared.local.simulators.telegram import TelegramSimulator

STORES = {"AUTH_MODE": "network", "DATABASE_URL": "postgresql://x/y"}
GITEA = {"GITEA_REPO_OWNER": "sre", "GITEA_REPO_NAME": "changes"}
TELEGRAM = {"SRE_GROUP_CHAT_ID": "-1001"}


async def found(checks, **environ):
    (examined,) = await examine(checks({**STORES, **environ}), limit_s=10)
    (finding,) = examined.findings
    return finding


@pytest.fixture
async def gitea():
    async with GiteaSimulator(owner="sre", repository="changes", token="geheim").serving() as url:
        yield url


@pytest.fixture
async def telegram():
    async with TelegramSimulator("1:geheim").serving() as url:
        yield url


async def test_a_gitea_that_is_as_it_should_be(gitea):
    finding = await found(gitops_checks, GITEA_API_URL=gitea, GITEA_API_TOKEN="geheim", **GITEA)
    assert finding.state == "ok"


@pytest.mark.parametrize(
    ("changes", "fix"),
    [
        ({"GITEA_API_TOKEN": "falsch"}, "GITEA_API_TOKEN"),
        ({"GITEA_REPO_NAME": "elsewhere"}, "GITEA_REPO_OWNER and NAME"),
        ({"GITEA_API_URL": "http://127.0.0.1:1"}, "tried again"),
    ],
)
async def test_a_gitea_that_is_not(gitea, changes, fix):
    finding = await found(gitops_checks, **{"GITEA_API_URL": gitea, "GITEA_API_TOKEN": "geheim", **GITEA, **changes})
    assert finding.state == "wrong"
    assert fix in finding.fix
    assert "geheim" not in str(finding)


async def test_a_telegram_that_knows_the_bot(telegram):
    finding = await found(notify_checks, TELEGRAM_API_URL=telegram, TELEGRAM_BOT_TOKEN="1:geheim", **TELEGRAM)
    assert finding.state == "ok"


@pytest.mark.parametrize(
    ("changes", "fix"),
    [
        ({"TELEGRAM_BOT_TOKEN": "1:falsch"}, "@BotFather"),
        ({"TELEGRAM_API_URL": "http://127.0.0.1:1"}, "TELEGRAM_API_URL"),
    ],
)
async def test_a_telegram_that_does_not(telegram, changes, fix):
    finding = await found(
        notify_checks, **{"TELEGRAM_API_URL": telegram, "TELEGRAM_BOT_TOKEN": "1:geheim", **TELEGRAM, **changes}
    )
    assert finding.state == "wrong"
    assert fix in finding.fix
    assert "geheim" not in str(finding)


async def test_what_is_not_set_is_said():
    assert (await found(gitops_checks)).state == "unset"
    assert (await found(notify_checks)).state == "unset"
