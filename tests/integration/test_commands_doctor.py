"""``aftercare doctor`` against real servers, well and unwell."""

from __future__ import annotations

import socket
import subprocess

import pytest
import redis

from functions.verify_execution.checks import checks
from shared.commands.findings import State, examine
from shared.commands.schema import revisions
from shared.local.redis import EmbeddedRedis
from shared.local.simulators.alertmanager import AlertmanagerSimulator
from shared.local.simulators.faults import Fault
from shared.local.simulators.kubernetes import KubernetesSimulator, kubeconfig
from shared.local.simulators.prometheus import PrometheusSimulator
from tests.commanding import COMMAND, HERE, aftercare, install, receiver
from tests.tables import cloned, emptied, reading

NOWHERE = {
    "DATABASE_URL": "postgresql://ada:hunter2-CANARY@127.0.0.1:1/nothing",
    "REDIS_URL": "redis://:hunter2-CANARY@127.0.0.1:1/0",
}
QUARANTINED = """
INSERT INTO dead_letters (id, stream, event, reason, attempts, first_failed_at)
VALUES (gen_random_uuid(), 'km:dlq', '{}', '{}', 1, now())
"""
FAILED = "INSERT INTO effects (key, kind, state, request) VALUES ('k', 'issue', 'failed', '{}')"
UNSENT = """
INSERT INTO outbox (event, event_source, event_id, event_type, created_at)
VALUES ('{}', '/s', '1', 't', now() - interval '1 hour')
"""


@pytest.fixture(scope="module")
def database(postgres_server, migrated_template):
    with cloned(postgres_server, migrated_template, "doctor") as url:
        yield url


@pytest.fixture
def well(database, durable_redis):
    """Where everything is as it should be."""
    return {"DATABASE_URL": emptied(database), "REDIS_URL": durable_redis.url}


def doctor(environ, *words):
    done = aftercare("doctor", "-o", "json", *words, **environ)
    found = {(each["check"], each["what"]): each for each in done.json["findings"]}
    return done, found


def unwell(environ, *words):
    done, found = doctor(environ, *words)
    assert done.code == 1
    assert done.json["ok"] is False
    return {key: each for key, each in found.items() if each["state"] == "wrong"}


def test_all_is_well(well):
    done, found = doctor(well)

    assert (done.code, done.err, done.json["ok"]) == (0, "", True), done.out
    assert found["postgresql", "schema"]["says"] == f"at {revisions()[-1]}, the newest"
    assert {found[key]["state"] for key in found} == {"ok", "unset"}
    assert {("redis", "durability"), ("redis", "km:dlq"), ("postgresql", "fsync"), ("settings", "functions")} <= set(
        found
    )


def test_for_people_it_is_a_table_and_quiet_is_quiet(well):
    done = aftercare("doctor", **well)

    assert (done.code, done.err) == (0, "")
    assert "ok     postgresql" in done.out
    assert "\x1b" not in done.out
    assert aftercare("doctor", "--quiet", **well).out == ""


def test_servers_that_are_down_are_told_with_what_to_do_and_without_secrets():
    done, found = doctor(NOWHERE)

    assert done.code == 1
    assert found["postgresql", "server"]["says"] == "PostgreSQL is unavailable (connection)"
    assert found["postgresql", "server"]["fix"].startswith("Start PostgreSQL, or correct the host and port")
    assert found["redis", "server"]["fix"].startswith("Start Redis, or correct the address")
    assert "CANARY" not in done.out + done.err
    assert "→ Start PostgreSQL" in aftercare("doctor", "-q", **NOWHERE).out


@pytest.mark.parametrize("url", ["hunter2-CANARY://host/db", "redis://h:port-CANARY/0"])
def test_addresses_that_cannot_be_read_are_not_repeated(well, url):
    done, found = doctor({**well, "DATABASE_URL": url, "REDIS_URL": url})

    assert found["postgresql", "address"]["state"] == found["redis", "address"]["state"] == "wrong"
    assert "CANARY" not in done.out + done.err


def test_a_server_that_never_answers_costs_only_its_own_check(well):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://ada@127.0.0.1:{silent.getsockname()[1]}/nothing"
        troubles = unwell({**well, "DATABASE_URL": url}, "--timeout", "0.5")

    assert {key: each["says"] for key, each in troubles.items()} == {("postgresql", "answer"): "none within 0.5 s"}


@pytest.mark.parametrize(
    ("revision", "says", "fix"),
    [
        ("0001", f"at 0001, and this software needs {revisions()[-1]}", "Bring it up: aftercare db upgrade."),
        ("9999", f"at 9999, which this software (up to {revisions()[-1]}) does not know", "Install the release"),
    ],
)
def test_a_schema_that_does_not_fit(well, revision, says, fix):
    with reading(well["DATABASE_URL"]) as rows:
        rows("UPDATE alembic_version SET version_num = :revision", revision=revision)
        troubles = unwell(well)
        rows("UPDATE alembic_version SET version_num = :revision", revision=revisions()[-1])

    assert list(troubles) == [("postgresql", "schema")]
    assert troubles["postgresql", "schema"]["says"] == says
    assert troubles["postgresql", "schema"]["fix"].startswith(fix)


def test_a_database_without_a_schema(well, empty_database_url):
    troubles = unwell({**well, "DATABASE_URL": empty_database_url})

    assert troubles["postgresql", "schema"]["fix"] == "Make it: aftercare db upgrade."


def test_commits_that_a_crash_would_take(well):
    with reading(well["DATABASE_URL"]) as rows:
        rows("ALTER DATABASE doctor SET synchronous_commit = off")
        troubles = unwell(well)
        rows("ALTER DATABASE doctor RESET synchronous_commit")

    assert list(troubles) == [("postgresql", "synchronous_commit")]


def test_a_wrong_login_is_told_from_a_server_that_is_down(well):
    troubles = unwell({**well, "DATABASE_URL": well["DATABASE_URL"].replace("postgres@", "nobody@", 1)})

    assert troubles["postgresql", "server"]["fix"].startswith("Check user, password, database")


@pytest.mark.parametrize(
    ("row", "what", "says"),
    [
        (QUARANTINED, "quarantine", "letters that wait for a person: 1"),
        (FAILED, "effects", "calls to other systems that failed for good: 1"),
        (UNSENT, "outbox", "events that wait to be sent: 1, the oldest for 60 min"),
    ],
)
def test_what_waits_for_a_person_is_wrong(well, row, what, says):
    with reading(well["DATABASE_URL"]) as rows:
        rows(row)
    troubles = unwell(well)

    assert {key: each["says"] for key, each in troubles.items()} == {("postgresql", what): says}


def test_a_redis_that_forgets(well, tmp_path):
    forgetful = EmbeddedRedis(tmp_path, append_only=False).start()
    try:
        troubles = unwell({**well, "REDIS_URL": forgetful.url})
        asserted, _ = doctor({**well, "REDIS_URL": forgetful.url, "DLQ_DURABILITY": "asserted"})
    finally:
        forgetful.destroy()

    assert troubles["redis", "durability"]["fix"] == "Set appendonly yes."
    assert asserted.code == 0


def test_a_redis_that_evicts(well):
    with redis.Redis.from_url(well["REDIS_URL"]) as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
        troubles = unwell(well)
        client.config_set("maxmemory-policy", "noeviction")

    assert {key: each["fix"] for key, each in troubles.items()} == {
        ("redis", "durability"): "Set maxmemory-policy noeviction."
    }


def test_a_redis_that_does_not_let_us_see(well):
    with redis.Redis.from_url(well["REDIS_URL"]) as client:
        client.execute_command("ACL", "SETUSER", "half", "on", ">CANARY", "~*", "+@all", "-info", "-config")
        troubles = unwell({**well, "REDIS_URL": well["REDIS_URL"].replace("unix://", "unix://half:CANARY@")})
        refused = unwell({**well, "REDIS_URL": well["REDIS_URL"].replace("unix://", "unix://half:wrong@")})
        client.execute_command("ACL", "DELUSER", "half")

    assert list(troubles) == [("redis", "durability")]
    assert "DLQ_DURABILITY=asserted" in troubles["redis", "durability"]["fix"]
    assert refused["redis", "server"]["fix"] == "Check user and password of REDIS_URL."


def test_letters_that_nobody_drains(well):
    with redis.Redis.from_url(well["REDIS_URL"]) as client:
        client.xadd("km:dlq", {"letter": "{}"}, id="1-1")
        troubles = unwell(well)
        full = unwell({**well, "DLQ_MAX_ENTRIES": "1"})

    assert list(troubles) == [("redis", "km:dlq")]
    assert "cron of backfill-reconcile" in troubles["redis", "km:dlq"]["fix"]
    assert full["redis", "km:dlq"]["says"].endswith("; full at 1")


@pytest.mark.parametrize(("status", "code"), [(405, 0), (202, 0), (404, 1), (503, 1)])
def test_the_sink_is_asked_and_sent_nothing(well, status, code):
    with receiver(status) as broker:
        done, found = doctor({**well, "EVENT_SINK": broker.url})

    assert done.code == code, found["events", "sink"]
    assert broker.posts == []


def test_a_sink_that_is_not_there(well):
    troubles = unwell({**well, "K_SINK": "http://127.0.0.1:1"})

    assert troubles["events", "sink"]["fix"] == "Start the broker, or correct EVENT_SINK."


def test_settings_are_those_of_the_manifest_and_this_place(well):
    troubles = unwell({**well, "KM_RETRY_MAX": "many"})

    assert list(troubles) == [("settings", "km-write")]
    assert troubles["settings", "km-write"]["says"].startswith("KM_RETRY_MAX: ")


def test_checks_that_cannot_be_loaded_cost_only_themselves(well, monkeypatch, tmp_path):
    install(monkeypatch, tmp_path, "aftercare.checks", half="there_is_no_such_module:checks")
    troubles = unwell(well)

    assert {key: each["says"] for key, each in troubles.items()} == {
        ("half", "checks"): "cannot be loaded (ModuleNotFoundError)"
    }


@pytest.mark.skipif(not COMMAND.exists(), reason="the environment was not made by `make`")
def test_the_process_says_the_same(well):
    done = subprocess.run(
        [COMMAND, "doctor", "-q"],
        env={**HERE, **well, "REDIS_URL": "redis://127.0.0.1:1/0"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.split()[:3] == ["wrong", "redis", "server"]
    assert done.stdout.splitlines()[1].strip() == "→ Start Redis, or correct the address in REDIS_URL."


class TestVerifyExecution:
    """What its sensors ask."""

    ENVIRON = {"AUTH_MODE": "network", "DATABASE_URL": "postgresql://u@h/d", "SENSOR_TIMEOUT_SECONDS": "0.3"}

    async def found(self, **environ):
        examined = await examine(checks({**self.ENVIRON, **environ}), limit_s=5)
        return {each.name: finding for each in examined for finding in each.findings}

    async def test_what_is_not_configured_is_not_wrong(self):
        found = await self.found()

        assert {finding.state for finding in found.values()} == {State.UNSET}

    async def test_services_that_answer_are_well(self, tmp_path):
        prometheus, alertmanager, cluster = PrometheusSimulator(), AlertmanagerSimulator(), KubernetesSimulator()
        prometheus.scrape("up", {"job": "api"}, 1.0)
        async with prometheus.serving() as metrics, alertmanager.serving() as alerts, cluster.serving() as api:
            (tmp_path / "config").write_text(kubeconfig(api))
            found = await self.found(
                PROMETHEUS_URL=metrics, ALERTMANAGER_URL=alerts, KUBECONFIG=str(tmp_path / "config")
            )

        assert {name: finding.state for name, finding in found.items()} == dict.fromkeys(found, State.OK)
        assert found["prometheus"].says == "answers; targets that it scrapes: 1"

    async def test_services_that_fail_are_told_by_how(self):
        prometheus, alertmanager = PrometheusSimulator(), AlertmanagerSimulator()
        alertmanager.faults.add(Fault(times=None))
        async with prometheus.serving() as metrics, alertmanager.serving() as alerts:
            found = await self.found(PROMETHEUS_URL=metrics, ALERTMANAGER_URL=alerts, KUBECONFIG="/nowhere")

        assert found["prometheus"].says == "answers, and scrapes nothing"
        assert found["alertmanager"].says == "no answer (timeout)"
        assert found["kubernetes"].fix.startswith("KUBECONFIG is not one readable file")

    @pytest.mark.parametrize(
        ("token", "says"),
        [
            ("half", "does not let us list pods in all namespaces"),
            ("stranger", "does not let us list "),
        ],
    )
    async def test_rights_that_are_missing_are_named(self, tmp_path, token, says):
        cluster = KubernetesSimulator()
        kinds = ("deployments", "replicasets", "statefulsets", "daemonsets", "jobs", "controllerrevisions")
        cluster.allow("half", plurals=kinds)
        async with cluster.serving() as api:
            (tmp_path / "config").write_text(kubeconfig(api, token))
            found = await self.found(KUBECONFIG=str(tmp_path / "config"))

        assert found["kubernetes"].says.startswith(says)
        assert "ClusterRole" in found["kubernetes"].fix
        assert {asked.path.rpartition("/")[2] for asked in cluster.asked} == {*kinds, "pods"}
