"""The Docker sensor: what the Engine calls running, and whose container it is."""

from __future__ import annotations

import ssl
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from functions.verify_execution.core.conditions import Condition, examine
from functions.verify_execution.core.readings import ContainerHealth
from functions.verify_execution.sensors.docker import DockerSensor
from shared.adapters.endpoints import Endpoint
from shared.adapters.http import HttpClient
from shared.domain.calls import CallFailed, FailureKind
from shared.local.simulators.docker import Container, DockerSimulator, container_id
from tests.contracts.rigs import CLOCK, question


@pytest.fixture
def simulator():
    return DockerSimulator()


@pytest.fixture
async def sensor(simulator):
    async with (
        simulator.serving() as url,
        HttpClient(tls=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)) as http,
    ):
        yield DockerSensor(Endpoint(http=http, url=url), CLOCK)


def asked(name="api", **labels):
    return question("Container", name, namespace="docker", labels=labels)


async def failure(reading):
    with pytest.raises(CallFailed) as raised:
        await reading
    return raised.value.kind


@pytest.mark.parametrize(
    ("container", "running", "health", "condition"),
    [
        (Container(), True, ContainerHealth.NONE, Condition.HEALTHY),
        (Container(health=""), True, ContainerHealth.NONE, Condition.HEALTHY),
        (Container(health="healthy"), True, ContainerHealth.HEALTHY, Condition.HEALTHY),
        (Container(health="starting"), True, ContainerHealth.STARTING, Condition.ON_ITS_WAY),
        (Container(health="unhealthy"), True, ContainerHealth.UNHEALTHY, Condition.BROKEN),
        (Container(status="restarting"), False, ContainerHealth.NONE, Condition.BROKEN),
        (Container(status="paused", health="healthy"), False, ContainerHealth.HEALTHY, Condition.BROKEN),
        (Container(status="exited", oom_killed=True), False, ContainerHealth.NONE, Condition.BROKEN),
        (Container(status="dead"), False, ContainerHealth.NONE, Condition.BROKEN),
        (Container(status="created"), False, ContainerHealth.NONE, Condition.BROKEN),
    ],
)
async def test_running_is_what_does_its_work(simulator, sensor, container, running, health, condition):
    simulator.containers["api"] = container
    seen = await sensor.read(asked())
    assert (seen.running, seen.health, seen.oom_killed) == (running, health, container.oom_killed)
    assert examine(seen, since=None).condition is condition


async def test_when_it_began_and_how_often_it_was_restarted(simulator, sensor):
    simulator.containers["api"] = Container(restarts=3, started_at="2026-01-02T03:04:05.987654321Z")
    seen = await sensor.read(asked())
    assert (seen.restarts, seen.started_at) == (3, datetime(2026, 1, 2, 3, 4, 5, 987654, UTC))
    simulator.containers["api"] = Container(status="created")
    assert (await sensor.read(asked())).started_at is None


async def test_a_health_that_is_not_known_is_not_good(simulator, sensor):
    simulator.containers["api"] = Container(health="splendid")
    assert await failure(sensor.read(asked())) is FailureKind.UNREADABLE


async def test_the_beginning_of_somebodys_id_is_not_a_name(simulator, sensor):
    simulator.containers["other"] = Container()
    prefix = container_id("other")[:3]
    assert await failure(sensor.read(asked(prefix))) is FailureKind.NOT_FOUND
    assert len(simulator.asked) == 1
    assert (await sensor.read(asked(container_id("other")))).running
    assert (await sensor.read(asked("other"))).running


async def test_no_such_container(sensor):
    assert await failure(sensor.read(asked())) is FailureKind.NOT_FOUND


async def test_it_is_asked_over_its_socket(simulator):
    simulator.containers["api"] = Container(health="healthy")
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "docker.sock")
        async with simulator.serving(unix_socket=path) as url, HttpClient(unix_socket=path) as http:
            sensor = DockerSensor(Endpoint(http=http, url=url), CLOCK)
            assert (await sensor.read(asked())).running
        async with HttpClient(unix_socket=path) as http:
            sensor = DockerSensor(Endpoint(http=http, url="http://docker"), CLOCK)
            assert await failure(sensor.read(asked())) is FailureKind.UNREACHABLE


def test_containers_of_other_hosts_do_not_suit():
    named = DockerSensor(Endpoint(http=None, url=""), CLOCK, host="h-1")
    unnamed = DockerSensor(Endpoint(http=None, url=""), CLOCK)
    assert [named.suits(asked(host=host)) for host in ("h-1", "h-2")] == [True, False]
    assert named.suits(asked())
    assert unnamed.suits(asked(host="h-2"))
    assert not unnamed.suits(question("Deployment"))
