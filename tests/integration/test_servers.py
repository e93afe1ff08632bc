"""The embedded servers do what the README promises of them: kill them, and what was acknowledged is there again."""

from __future__ import annotations

import importlib.util
import os
import threading
import time
from contextlib import suppress

import pg8000.native
import pytest
import redis

from shared.local import redis_program
from shared.local.children import ProcessFailed
from shared.local.postgres import EmbeddedPostgres
from shared.local.process_table import children_of
from shared.local.redis import EmbeddedRedis, InMemoryRedis
from shared.local.stores import open_postgres, open_redis
from tests.integration.existence import all_gone

needs_redis = pytest.mark.skipif(
    redis_program.find() is None, reason="no Redis program on this machine: install redis-server 6.2 or newer"
)
needs_fakeredis = pytest.mark.skipif(
    importlib.util.find_spec("fakeredis") is None,
    reason="fakeredis is installed only where no wheel holds a Redis program",
)

LINE_BROKE = (pg8000.exceptions.InterfaceError, OSError)
ACTIVE = "SELECT 1 FROM pg_stat_activity WHERE query LIKE '%generate_series%' AND pid <> pg_backend_pid()"


@pytest.fixture
def postgres(postgres_server):
    return postgres_server.start()


@pytest.fixture
def one_redis(tmp_path):
    server = EmbeddedRedis(tmp_path)
    yield server
    server.destroy()


def ask(server, sql):
    with server.connection() as connection:
        return connection.run(sql)


def fill(client):
    for _ in range(1000):
        client.xadd("stream", {"filler": "x" * 10_000})


class TestPostgres:
    def test_it_is_durable_and_listens_on_no_port(self, postgres):
        assert ask(postgres, "SHOW fsync") == [["on"]]
        assert ask(postgres, "SHOW full_page_writes") == [["on"]]
        assert ask(postgres, "SHOW listen_addresses") == [[""]]
        assert postgres.socket.parent.stat().st_mode & 0o077 == 0
        assert ask(postgres, "SHOW server_version") == [[postgres.version]]

    def test_what_was_acknowledged_before_kill_9_is_there_after_the_start(self, postgres):
        ask(postgres, "CREATE TABLE acknowledged (number integer)")
        acknowledged = []
        under_way = threading.Event()

        def write():
            with suppress(*LINE_BROKE), postgres.connection() as connection:
                while True:
                    connection.run("INSERT INTO acknowledged VALUES (:number)", number=len(acknowledged))
                    acknowledged.append(len(acknowledged))
                    if len(acknowledged) == 50:
                        under_way.set()

        writer = threading.Thread(target=write)
        writer.start()
        assert under_way.wait(30)
        postgres.kill9()
        writer.join()
        postgres.start()
        stored = {row[0] for row in ask(postgres, "SELECT number FROM acknowledged")}
        assert set(acknowledged) <= stored

    def test_kill_9_ends_a_busy_backend_too(self, postgres):
        def busy():
            with suppress(*LINE_BROKE):
                ask(postgres, "SELECT count(*) FROM generate_series(1, 1000000000)")

        query = threading.Thread(target=busy)
        query.start()
        while not ask(postgres, ACTIVE):
            time.sleep(0.01)
        family = {postgres.pid, *children_of(postgres.pid)}
        assert len(family) > 3
        postgres.kill9()
        query.join()
        assert all_gone(family)
        assert not postgres.alive
        assert postgres.pid is None
        postgres.start()

    def test_a_stale_pid_file_that_names_a_stranger_is_no_obstacle(self, postgres):
        postgres.kill9()
        stale = (postgres.folder / "data").resolve() / "cluster" / "postmaster.pid"
        lines = stale.read_text().splitlines()
        stale.write_text("\n".join([str(os.getppid()), *lines[1:]]) + "\n")
        postgres.start()
        assert ask(postgres, "SELECT 1") == [[1]]

    def test_a_second_start_finds_the_server_that_runs(self, postgres):
        other = EmbeddedPostgres(postgres.folder).start()
        assert other.pid == postgres.pid
        assert other.uri() == postgres.uri()
        other.kill9()
        assert not postgres.alive
        postgres.start()

    def test_stop_does_not_wait_for_clients_and_start_finds_the_data(self, postgres):
        ask(postgres, "CREATE TABLE kept AS SELECT 7 AS number")
        before = postgres.pid
        with postgres.connection() as client:
            postgres.restart()
            with pytest.raises((pg8000.exceptions.DatabaseError, *LINE_BROKE)):
                client.run("SELECT 1")
        assert postgres.pid != before
        assert ask(postgres, "SELECT number FROM kept") == [[7]]

    def test_databases_come_from_templates_and_go_with_their_clients(self, postgres):
        postgres.create_database("original")
        postgres.create_database("copy", template="original")
        assert postgres.has_database("copy")
        with postgres.connection("copy") as client:
            postgres.drop_database("copy")
            with pytest.raises((pg8000.exceptions.DatabaseError, *LINE_BROKE)):
                client.run("SELECT 1")
        assert not postgres.has_database("copy")

    def test_a_long_folder_an_interrupted_initdb_and_own_settings(self, tmp_path):
        folder = tmp_path / ("a folder + with 100% of " + "characters " * 9) / "postgres"
        server = EmbeddedPostgres(folder, settings={"max_connections": "7"})
        try:
            server.start()
            data = (folder / "data").resolve()
            server.kill9()
            (data / "cluster").rename(data / "draft")
            server.start()
            assert len(str(server.socket)) < 100
            assert ask(server, "SHOW max_connections") == [["7"]]
        finally:
            server.destroy()
        assert not folder.exists()
        assert not data.exists()
        assert not server.socket.parent.exists()

    def test_a_server_that_cannot_start_says_why(self, postgres):
        postgres.stop()
        with pytest.raises(ProcessFailed, match="max_connections"):
            EmbeddedPostgres(postgres.folder, settings={"max_connections": "many"}).start()
        assert not postgres.alive


@needs_redis
class TestRedis:
    def test_what_was_acknowledged_before_kill_9_is_there_after_the_start(self, one_redis):
        one_redis.start()
        assert one_redis.durable
        with redis.Redis.from_url(one_redis.url) as client:
            ids = [client.xadd("km:dlq", {"number": number}) for number in range(500)]
        one_redis.kill9()
        assert not one_redis.alive
        one_redis.start()
        with redis.Redis.from_url(one_redis.url) as client:
            assert [entry[0] for entry in client.xrange("km:dlq")] == ids
            assert client.config_get("appendonly") == {"appendonly": "yes"}

    def test_without_the_file_kill_9_forgets(self, tmp_path):
        server = EmbeddedRedis(tmp_path, append_only=False)
        assert not server.durable
        with server, redis.Redis.from_url(server.url) as client:
            client.set("key", "value")
            server.kill9()
            server.start()
            assert client.get("key") is None

    def test_a_full_redis_refuses_instead_of_evicting(self, tmp_path):
        with EmbeddedRedis(tmp_path, maxmemory_mb=2) as server, redis.Redis.from_url(server.url) as client:
            client.set("first", "here")
            with pytest.raises(redis.exceptions.OutOfMemoryError):
                fill(client)
            assert client.get("first") == b"here"

    def test_a_second_start_finds_the_server_that_runs(self, one_redis):
        one_redis.start()
        other = EmbeddedRedis(one_redis.folder).start()
        assert (other.pid, other.url) == (one_redis.pid, one_redis.url)

    def test_a_long_folder(self, tmp_path):
        server = EmbeddedRedis(tmp_path / ("a folder + with 100% of " + "characters " * 9))
        with server, redis.Redis.from_url(server.url) as client:
            assert client.ping()
        server.destroy()

    def test_a_program_that_is_too_old_is_passed_over(self, tmp_path, monkeypatch):
        old = tmp_path / "redis-server"
        old.write_text("#!/bin/sh\necho 'Redis server v=6.0.16 sha=00000000:0 malloc=jemalloc bits=64'\n")
        old.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
        assert redis_program.version(old) == "6.0.16"
        assert redis_program.find() != old


@needs_fakeredis
class TestInMemoryRedis:
    def test_it_serves_and_says_that_it_forgets(self, tmp_path):
        with InMemoryRedis(tmp_path) as server, redis.Redis.from_url(server.url) as client:
            assert not server.durable
            assert client.eval("return redis.call('XADD', KEYS[1], '*', 'a', 'b')", 1, "stream")
            url = server.url
            server.kill9()
            server.start()
            assert server.url == url
            assert not client.exists("stream")


class TestStores:
    def test_a_database_that_the_environment_names_wins(self, postgres, tmp_path):
        found = open_postgres(tmp_path / "postgres", {"DATABASE_URL": postgres.uri()})
        assert (found.url, found.version, found.server) == (postgres.uri(), postgres.version, None)
        assert not (tmp_path / "postgres").exists()

    @needs_redis
    def test_a_redis_that_the_environment_names_wins(self, one_redis, tmp_path):
        one_redis.start()
        found = open_redis(tmp_path / "redis", {"REDIS_URL": one_redis.url})
        assert (found.url, found.version, found.server) == (one_redis.url, one_redis.version, None)
        assert not (tmp_path / "redis").exists()

    def test_a_server_that_does_not_answer_is_one_sentence(self, tmp_path):
        with pytest.raises(ProcessFailed, match="unset DATABASE_URL"):
            open_postgres(tmp_path, {"DATABASE_URL": f"postgresql://postgres@/aftercare?host={tmp_path}"})
        with pytest.raises(ProcessFailed, match="unset REDIS_URL"):
            open_redis(tmp_path, {"REDIS_URL": f"unix://{tmp_path}/none.sock"})

    def test_otherwise_real_servers_keep_their_data_below_the_folder(self, tmp_path):
        for expected in ([], [[1]]):
            stores = open_postgres(tmp_path / "postgres", {}), open_redis(tmp_path / "redis", {})
            with stores[0].server.connection("aftercare") as connection:
                connection.run("CREATE TABLE IF NOT EXISTS kept (number integer)")
                assert connection.run("SELECT * FROM kept") == expected
                connection.run("INSERT INTO kept VALUES (1)")
            for store in stores:
                store.server.stop()
        stores[0].server.destroy()
        stores[1].server.destroy()


def test_each_test_has_a_database_of_its_own(empty_database_url, postgres_server, redis_url):
    name = empty_database_url.partition("?")[0].rpartition("/")[2]
    assert postgres_server.has_database(name)
    with redis.Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0
