"""Lines to PostgreSQL that break at a statement, and statements that fail as if the server were in trouble."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from pg8000.exceptions import DatabaseError, InterfaceError

from shared.adapters.dsn import Dsn
from shared.domain.errors import DatabaseUnavailable
from tests.faults.proxy import Proxy, Reset, Slice
from tests.faults.proxy.postgres import Cut, NoLogin, PostgresDialect, Sqlstate
from tests.sqlstates import failure_of
from tests.tables import opened, reading


@pytest.fixture(scope="module")
def words_url(postgres_server):
    postgres_server.start()
    url = postgres_server.create_database("proxied")
    with reading(url) as rows:
        rows("CREATE TABLE words (word text)")
    yield url
    postgres_server.start()
    postgres_server.drop_database("proxied")


@pytest.fixture
def proxy(postgres_server, words_url):
    with Proxy(postgres_server.socket, PostgresDialect) as made:
        yield made


def address(proxy, sslmode="disable"):
    return f"postgresql://postgres@127.0.0.1:{proxy.port}/proxied?sslmode={sslmode}"


@pytest.fixture
def database(proxy):
    with opened(address(proxy), threads=1) as made:
        yield made


@pytest.fixture
def rows(words_url):
    with reading(words_url) as run:
        run("DELETE FROM words")
        yield run


def write(word):
    def work(connection):
        connection.send("INSERT INTO words VALUES (:word)", word=word)
        return connection.rows("SELECT count(*) FROM words")

    return work


async def test_without_a_fault_everything_passes(database, rows):
    for number in range(3):
        assert await database.transact(write("word")) == [[number + 1]]


async def test_a_client_that_asks_for_encryption_is_told_that_there_is_none(proxy, rows):
    with opened(address(proxy, "prefer"), threads=1) as database:
        assert await database.transact(write("word")) == [[1]]


async def test_in_small_pieces_as_well(proxy, database, rows):
    proxy.fault = Slice(3)
    assert await database.transact(write("word")) == [[1]]


@pytest.mark.parametrize("after", [False, True])
async def test_cut_before_commit_is_undone_and_after_it_is_done_and_nobody_can_tell(proxy, database, rows, after):
    await database.transact(write("first"))
    proxy.fault = Cut(after=after, times=1)
    with pytest.raises(DatabaseUnavailable) as cut:
        await database.transact(write("second"))

    assert cut.value.failure.sqlstate is None
    assert proxy.fault.hits == 1
    assert rows("SELECT count(*) FROM words WHERE word = 'second'") == [[1 if after else 0]]
    await database.transact(write("third"))


@pytest.mark.parametrize("after", [False, True])
async def test_cut_at_any_statement(proxy, database, rows, after):
    proxy.fault = Cut("^INSERT", after=after, times=1)
    with pytest.raises(DatabaseUnavailable):
        await database.run(lambda connection: connection.rows("INSERT INTO words VALUES ('alone')"))
    assert rows("SELECT count(*) FROM words") == [[1 if after else 0]]


@pytest.mark.parametrize("code", ["40001", "25006", "53100", "XX001"])
@pytest.mark.parametrize("at", ["^INSERT", "^SELECT", "^COMMIT"])
async def test_a_statement_fails_with_any_code(proxy, database, rows, code, at):
    proxy.fault = Sqlstate(code, at=at, times=1)

    assert (await failure_of(database.transact(write("lost")))).sqlstate == code
    assert rows("SELECT count(*) FROM words") == [[0]]
    assert await database.transact(write("kept")) == [[1]]


@pytest.mark.parametrize("code", ["57P03", "53300"])
async def test_nobody_is_let_in(proxy, database, rows, code):
    await database.transact(write("before"))
    proxy.fault = NoLogin(code)
    with pytest.raises(DatabaseUnavailable):
        await database.transact(write("lost"))  # on the line that broke
    assert (await failure_of(database.transact(write("lost")))).sqlstate == code
    proxy.fault = None
    assert await database.transact(write("kept")) == [[2]]


@pytest.mark.parametrize("fault", [Reset, lambda: NoLogin("57P03"), lambda: Sqlstate("25006", times=1)])
async def test_after_an_outage_one_call_pays_for_all_connections(proxy, rows, fault):
    with opened(address(proxy), threads=4) as database:
        held = [database.run(lambda connection: connection.rows("SELECT pg_sleep(0.05)")) for _ in range(4)]
        await asyncio.gather(*held)
        proxy.fault = fault()
        with pytest.raises(DatabaseUnavailable):
            await database.transact(write("lost"))
        proxy.fault = None
        for number in range(8):
            assert await database.transact(write("kept")) == [[number + 1]]


def test_plain_queries_on_a_unix_socket_fail_as_well(tmp_path, postgres_server, rows):
    url = f"postgresql://postgres@/proxied?host={tmp_path}"
    place = Path(Dsn.parse(url).unix_socket)
    with Proxy(postgres_server.socket, PostgresDialect, address=place) as proxy, reading(url) as run:
        assert run("SELECT count(*) FROM words; SELECT 1")[-1] == [1]
        proxy.fault = Sqlstate("53100", times=1)
        with pytest.raises(DatabaseError) as refused:
            run("INSERT INTO words VALUES ('x')")
        assert refused.value.args[0]["C"] == "53100"
        proxy.fault = Cut("^INSERT", after=True)
        with pytest.raises(InterfaceError):
            run("INSERT INTO words VALUES ('y')")
    assert rows("SELECT word FROM words") == [["y"]]
