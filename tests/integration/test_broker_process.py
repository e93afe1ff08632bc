"""The broker as the process it is: killed, stopped, started again, started wrongly."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys

import httpx
import pytest

from shared.local.knative import broker
from tests.integration.brokering import (
    REQUESTED,
    SINK,
    Subscriber,
    brokering,
    deployment,
    free_port,
    reply,
    serving,
    talking,
)


@contextlib.asynccontextmanager
async def process(directory, urls, *, blocks=None):
    """A broker process that answers; killed at the end if it is still there.

    Args:
        directory: with the manifests; data and log go there too.
        urls: by service.
        blocks: the size a file may reach, in the shell's blocks; what a full disk looks like.
    """
    port = free_port()
    subscribers = [each for service, url in urls.items() for each in ("--subscriber", f"{service}={url}")]
    options = ("--port", str(port), *arguments(directory), *subscribers)
    with (directory / "log").open("wb") as log:
        running = await start(*options, stderr=log, blocks=blocks)
    try:
        async with talking(f"http://127.0.0.1:{port}") as client:
            await answering(client, running)
            yield client, running
    finally:
        if running.returncode is None:
            await kill(running)


def arguments(directory):
    return "--manifests", str(directory), "--data", str(directory / "data" / "broker.db")


async def start(*options, stderr, blocks=None):
    limit = ("sh", "-c", 'ulimit -f "$0" && exec "$@"', str(blocks)) if blocks else ()
    return await asyncio.create_subprocess_exec(
        *(*limit, sys.executable, "-m", "shared.local.knative.broker", *options),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=stderr,
        env={**os.environ, "PYTHONWARNINGS": "error"},
    )


async def answering(client, running):
    while running.returncode is None:
        with contextlib.suppress(httpx.TransportError):
            if await client.status("/readyz") == 200:
                return
        await asyncio.sleep(0.02)
    raise AssertionError("the broker ended; see its log")


async def kill(running):
    running.kill()
    await running.wait()


def triggers(**delivery):
    return {"worker": {"delivery": {"deadLetterSink": SINK, **delivery}}}


async def test_accepted_and_killed_before_the_delivery_ended(tmp_path):
    release = asyncio.Event()

    async def hold(*_):
        await release.wait()
        return 204

    deployment(tmp_path, triggers())
    subscriber = Subscriber(hold)
    async with serving(subscriber.app()) as [url]:
        urls = {"worker": url, "sink": url}
        async with process(tmp_path, urls) as (client, running):
            assert (await client.send("e-1", subject="INC-1", data={"title": "é"})).status_code == 202
            await kill(running)
        release.set()
        async with process(tmp_path, urls) as (client, _):
            stats = await client.settled()
    assert (stats["received"], stats["delivered"]) == (1, 1)
    last = subscriber.received[-1]
    assert last.event | {"id": "e-1", "type": REQUESTED, "subject": "INC-1"} == last.event
    assert last.body == '{"title":"é"}'.encode()


async def test_nothing_accepted_is_lost_in_three_kills(tmp_path):
    deployment(tmp_path, triggers())
    subscriber, accepted = Subscriber(), []

    async def send_until_killed(client, first):
        with contextlib.suppress(httpx.TransportError):
            for number in range(first, first + 1_000):
                answer = await client.send(f"e-{number}")
                accepted.extend([f"e-{number}"] if answer.status_code == 202 else [])

    async with serving(subscriber.app()) as [url]:
        urls = {"worker": url, "sink": url}
        for life in range(3):
            async with process(tmp_path, urls) as (client, running):
                senders = [send_until_killed(client, 10_000 * life + 1_000 * each) for each in range(8)]
                sending = asyncio.gather(*senders)
                while len(accepted) < 100 * (life + 1):  # noqa: ASYNC110 - counted by the senders
                    await asyncio.sleep(0.001)
                await kill(running)
                await sending
        async with process(tmp_path, urls) as (client, _):
            stats = await client.settled()
    assert set(accepted) - {each.event["id"] for each in subscriber.received} == set()
    assert len(accepted) >= 300
    assert stats["received"] >= len(accepted)
    assert stats["delivered"] == stats["received"]


async def test_a_full_disk_refuses_and_loses_nothing(tmp_path):
    release = asyncio.Event()

    async def hold(*_):
        await release.wait()
        return 204

    deployment(tmp_path, triggers())
    subscriber = Subscriber(hold)
    async with serving(subscriber.app()) as [url]:
        urls, accepted, statuses = {"worker": url, "sink": url}, [], set()
        async with process(tmp_path, urls, blocks=2_000) as (client, _):
            for number in range(200):
                status = (await client.send(f"e-{number}", data={"text": "x" * 20_000})).status_code
                statuses.add(status)
                accepted.extend([f"e-{number}"] if status == 202 else [])
        release.set()
        async with process(tmp_path, urls) as (client, _):
            await client.settled()
            assert (await client.send("e-last")).status_code == 202
            await client.settled()
    assert statuses == {202, 503}
    assert {each.event["id"] for each in subscriber.received} >= {*accepted, "e-last"}


async def test_a_pause_survives_a_kill(tmp_path):
    deployment(tmp_path, triggers(retry=3, backoffPolicy="exponential", backoffDelay="PT1H"))
    subscriber = Subscriber(503)
    async with serving(subscriber.app()) as [url]:
        urls = {"worker": url, "sink": url}
        async with process(tmp_path, urls) as (client, running):
            await client.send()
            await client.stats(lambda stats: stats["retried"] == 1)
            await kill(running)
        subscriber.answer = 204
        async with process(tmp_path, urls) as (client, _):
            await client.post("/pingsources/tick")  # whatever is due goes out no later than this
            stats = await client.stats(lambda stats: stats["delivered"] == 1)
    assert (stats["pending"], stats["retried"]) == (1, 1)
    assert len(subscriber.received) == 2


async def gone(client):
    with contextlib.suppress(httpx.TransportError):
        while await client.status("/livez"):  # noqa: ASYNC110 - another process knows
            await asyncio.sleep(0.005)


async def test_sigterm_lets_what_is_under_way_end_and_keeps_the_rest(tmp_path):
    release = asyncio.Event()

    async def hold(*_):
        await release.wait()
        return reply()

    deployment(tmp_path, {"worker": {"filters": [{"exact": {"type": REQUESTED}}]}}, concurrency=1)
    subscriber = Subscriber(hold)
    async with serving(subscriber.app()) as [url]:
        urls = {"worker": url, "sink": url}
        async with process(tmp_path, urls) as (client, running):
            await client.send("e-1")
            await client.send("e-2")
            running.send_signal(signal.SIGTERM)
            await gone(client)
            assert running.returncode is None  # it takes nothing more in, and the delivery is still under way
            release.set()
            assert await running.wait() == 0
            assert (tmp_path / "log").read_text() == ""
        async with process(tmp_path, urls) as (client, _):
            stats = await client.settled()
    assert [each.event["id"] for each in subscriber.received] == ["e-1", "e-2"]
    assert (stats["received"], stats["delivered"]) == (4, 2)


async def test_what_was_owed_for_a_trigger_that_is_gone_is_dropped(tmp_path):
    subscriber, sink = Subscriber(503), Subscriber()
    later = {"delivery": {"retry": 1, "backoffPolicy": "exponential", "backoffDelay": "PT1H", "deadLetterSink": SINK}}
    async with brokering(
        tmp_path, {"old": later, "new": later}, dict.fromkeys(("old", "new", "sink"), subscriber)
    ) as client:
        await client.send()
        await client.stats(lambda stats: stats["retried"] == 2)
    async with brokering(tmp_path, {"new": later}, {"new": sink, "sink": sink}) as client:
        stats = await client.get("/stats")
    assert {name: (row["pending"], row["dropped"]) for name, row in stats["by_trigger"].items()} == {
        "new": (1, 0),
        "old": (0, 1),
    }


NOWHERE = ("--subscriber", "sink=http://127.0.0.1:1")
UNSAID = "A trigger delivers to worker: say where it listens"


async def test_it_says_why_it_does_not_start(tmp_path):
    deployment(tmp_path, triggers())
    running = await start(*arguments(tmp_path), *NOWHERE, stderr=asyncio.subprocess.PIPE)
    _, error = await running.communicate()
    assert running.returncode == 2
    assert UNSAID in error.decode()
    assert "Traceback" not in error.decode()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], UNSAID),
        (["--manifests", "/nonexistent"], "/nonexistent/broker.yaml"),
        (["--subscriber", "worker"], "is not SERVICE=URL"),
        (["--time-scale", "nan"], "'nan' is not a number from 0 to 100"),
        (["--data", "/dev/null/broker.db"], "/dev/null/broker.db cannot be the broker's file"),
        (["--data", __file__], "file is not a database"),
    ],
)
def test_it_names_what_is_wrong(tmp_path, capsys, options, message):
    deployment(tmp_path, triggers())
    with pytest.raises(SystemExit) as ended:
        sys.exit(broker.main([*arguments(tmp_path), *NOWHERE, *options]))
    assert ended.value.code == 2
    assert message in capsys.readouterr().err
