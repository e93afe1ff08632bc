"""notify as it is deployed: told, killed, and still nobody misses anything."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from pathlib import Path

import httpx
import pytest

from shared.local.processes import Program, Supervisor
from shared.local.simulators.faults import Fault
from shared.local.simulators.telegram import Chat, TelegramSimulator
from shared.testing.events import execution_verified
from shared.testing.notify import alert_raised, rollback_proposed
from tests.senders import structured, tick
from tests.tables import reading

ROOT = Path(__file__).parents[2]
TOKEN = "123456:AAH-CANARY-token"
CHAT = -1001
PATIENCE_S = 20


@pytest.fixture
async def telegram():
    made = TelegramSimulator(TOKEN)
    made.chats = {CHAT: Chat()}
    async with made.serving() as url:
        made.url = url
        yield made


@pytest.fixture
def notify(tmp_path, database_url, telegram):
    """Start notify under a name; gives its address."""
    with Supervisor() as supervisor:

        async def start(name="notify", **settings):
            with socket.create_server(("127.0.0.1", 0)) as probe:
                port = probe.getsockname()[1]
            program = Program(
                name=name,
                argv=[*(sys.executable, "-m", "gunicorn"), "-c", "shared/runtime/gunicorn_conf.py", TARGET],
                log=tmp_path / f"{name}.log",
                env=environment(port, database_url, telegram.url, settings),
                cwd=ROOT,
                ready=f"http://127.0.0.1:{port}/readyz",
            )
            await asyncio.to_thread(supervisor.start, program)
            return httpx.AsyncClient(
                base_url=f"http://127.0.0.1:{port}", trust_env=False, verify=False, timeout=PATIENCE_S
            )

        start.kill9 = supervisor.kill9
        start.log = lambda name="notify": (tmp_path / f"{name}.log").read_text()
        yield start


TARGET = "functions_framework.aio:app"


def environment(port, database_url, telegram_url, settings):
    return {
        "PATH": os.environ["PATH"],
        "APP_BIND": f"127.0.0.1:{port}",
        "FUNCTION_SOURCE": "functions/notify/main.py",
        "FUNCTION_TARGET": "handle",
        "AUTH_MODE": "network",
        "LOG_LEVEL": "DEBUG",
        "DATABASE_URL": database_url,
        "TELEGRAM_API_URL": telegram_url,
        "TELEGRAM_BOT_TOKEN": TOKEN,
        "SRE_GROUP_CHAT_ID": str(CHAT),
        "NOTIFY_GATHER_SECONDS": "0.2",
        "NOTIFY_INTERVAL_SECONDS": "0.01",
        **settings,
    }


async def posted(telegram, count):
    async with asyncio.timeout(PATIENCE_S):
        while len(telegram.posted) < count:  # noqa: ASYNC110 - the simulator tells nobody
            await asyncio.sleep(0.01)
    return [each.text for each in telegram.posted]


async def ticked(http, telegram, count):
    """Ticks until so many messages are there; one that finds a pass under way leaves the work to it."""
    async with asyncio.timeout(PATIENCE_S):
        while len(telegram.posted) < count:
            assert (await http.post("/", **tick())).status_code == 204
            await asyncio.sleep(0.01)
    return [each.text for each in telegram.posted]


async def test_people_are_told_in_spite_of_everything(notify, telegram, database_url):
    async with await notify(NOTIFY_GATHER_SECONDS="60") as http:
        for event in (execution_verified("failed"), rollback_proposed()):
            assert (await http.post("/", **structured(event))).status_code == 202
        notify.kill9("notify")  # both are committed, and nothing is sent
    assert not telegram.posted

    telegram.faults.add(Fault(status=503))
    async with await notify("next") as http:
        assert (await http.post("/", **structured(execution_verified("failed")))).status_code == 202
        assert (await http.post("/", **structured(alert_raised()))).status_code == 202
        (first,) = await posted(telegram, 1)
        with reading(database_url) as rows:
            rows("UPDATE effects SET next_at = now() WHERE state = 'unknown'")
        texts = await ticked(http, telegram, 2)

    (together,) = [text for text in texts if "FIX FAILED" in text]
    assert "ROLLBACK PROPOSED" in together
    assert sum("GOVERNANCE ALERT" in text for text in texts) == 1
    assert "shown twice" not in first
    assert "shown twice" in texts[1]  # the server's error left it open
    with reading(database_url) as rows:
        assert rows("SELECT state, count(*) FROM effects GROUP BY state") == [["sent", 3]]
    log = notify.log() + notify.log("next")
    assert '"event":"message.not_sent"' in log
    assert "CANARY" not in log
