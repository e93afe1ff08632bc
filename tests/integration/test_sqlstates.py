"""Every class of failure, raised by the real server or a real line, lands in the class that the tables name."""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import contextmanager, suppress
from urllib.parse import quote

import pytest
from pg8000.native import Connection as Driver
from pg8000.native import InterfaceError, identifier

from shared.adapters.dsn import Dsn
from shared.adapters.postgres import Database, Limits
from shared.domain.errors import DatabaseRejected, DatabaseUnavailable
from shared.domain.failures import DEADLINE_PASSED, LOST_CONNECTION, Failure, FailureClass, of_sqlstate
from tests.integration.lines import Wire, black_hole, nobody

SECRET = "hunter2-CANARY"
QUICK = Limits(threads=2, connect_s=1, statement_s=5, lock_s=0.2)
SCHEMA = """
CREATE TABLE words (word varchar(8) NOT NULL PRIMARY KEY CHECK (word <> ''));
CREATE TABLE children (word varchar(8) REFERENCES words);
CREATE TABLE numbers (number int);
CREATE TABLE spans (span int4range, EXCLUDE USING gist (span WITH &&));
INSERT INTO words VALUES ('known'), ('other');
INSERT INTO spans VALUES ('[1,3]');
"""


@contextmanager
def database(url, limits=QUICK):
    made = Database(Dsn.parse(url), application="test", limits=limits)
    try:
        yield made
    finally:
        made.close()


async def failure_of(call):
    """How a call fails; only content may be refused for good."""
    with pytest.raises((DatabaseUnavailable, DatabaseRejected)) as failed:
        await call
    failure = failed.value.failure
    assert isinstance(failed.value, DatabaseRejected) == (failure.kind is FailureClass.EVENT)
    assert SECRET not in str(failed.value)
    return failure


@pytest.fixture(scope="module")
def url(postgres_server):
    """One database for all of it: nothing here is committed that another test could trip over."""
    address = postgres_server.create_database("sqlstates")
    connection = Driver("postgres", unix_sock=str(postgres_server.socket), database="sqlstates")
    connection.run(SCHEMA)
    connection.close()
    yield address
    postgres_server.drop_database("sqlstates")


@pytest.fixture
def db(url):
    with database(url) as made:
        yield made


@pytest.fixture
def other(postgres_server, url):
    """A second client, outside of what is tested."""
    connection = Driver("postgres", unix_sock=str(postgres_server.socket), database=Dsn.parse(url).database)
    yield connection
    with suppress(InterfaceError):  # a test may have killed the server
        connection.close()


@pytest.fixture
def role(other):
    """A role with no rights; roles belong to the whole server, so it is taken away again."""
    other.run("CREATE ROLE stranger LOGIN")
    yield "stranger"
    other.run("DROP ROLE stranger")


def statement(sql, **parameters):
    return lambda connection: connection.rows(sql, **parameters)


STATEMENTS = {
    "22001": "INSERT INTO words VALUES ('longer than eight')",
    "22003": "SELECT 32767::smallint + 1::smallint",
    "22007": "SELECT 'yesterday-ish'::timestamptz",
    "22012": "SELECT 1 / 0",
    "22021": "SELECT convert_from('\\xff', 'UTF8')",
    "22P02": "SELECT 'seven'::int",
    "22P05": """SELECT '"\\u0000"'::jsonb ->> 0""",
    "23502": "INSERT INTO words VALUES (NULL)",
    "23503": "INSERT INTO children VALUES ('nobody')",
    "23505": "INSERT INTO words VALUES ('known')",
    "23514": "INSERT INTO words VALUES ('')",
    "23P01": "INSERT INTO spans VALUES ('[2,4]')",
    "42501": "SELECT pg_read_file('/etc/hostname') FROM set_config('role', 'pg_monitor', true)",
    "42601": "SELEKT 1",
    "42703": "SELECT nothing FROM words",
    "42804": "INSERT INTO numbers VALUES ('now'::timestamptz)",
    "42883": "SELECT nothing(1)",
    "42P01": "SELECT * FROM nowhere",
    "0A000": "SELECT count(*) FROM words GROUP BY word FOR UPDATE",
}


@pytest.mark.parametrize("code", STATEMENTS)
async def test_what_the_server_says_of_a_statement(db, code):
    assert await failure_of(db.transact(statement(STATEMENTS[code]))) == of_sqlstate(code)
    assert await failure_of(db.run(statement(STATEMENTS[code]))) == of_sqlstate(code)
    assert await db.run(statement("SELECT 1")) == [[1]]


# What this server cannot be brought to: full disks, broken pages, failovers. The code is the server's all the same.
INJECTED = [
    "08000",
    "08003",
    "08006",
    "40003",
    "53000",
    "53100",
    "53200",
    "57P02",
    "57P03",
    "57P05",
    "58000",
    "58030",
    "XX001",
    "XX002",
    "XX000",
    "40000",
    "P0001",
]


@pytest.mark.parametrize("code", INJECTED)
async def test_codes_that_this_server_cannot_be_brought_to(db, code):
    raising = f"DO $$ BEGIN RAISE EXCEPTION 'timeout deadlock connection {SECRET}' USING ERRCODE = '{code}'; END $$"

    assert await failure_of(db.transact(statement(raising))) == of_sqlstate(code)
    assert await db.run(statement("SELECT 1")) == [[1]]


async def test_a_misleading_text_changes_nothing(db):
    for text in ["Network timeout", "deadlock detected", "connection reset by peer", SECRET]:
        refused = statement("INSERT INTO words VALUES (NULLIF(:word, :word))", word=text)
        assert await failure_of(db.transact(refused)) == of_sqlstate("23502")


async def test_text_that_no_database_takes_is_the_events_fault(db):
    assert await failure_of(db.transact(statement("SELECT (:t)::text", t="\ud800"))) == Failure(FailureClass.EVENT)
    assert await failure_of(db.transact(statement("SELECT (:t)::text", t="a\0b"))) == of_sqlstate("22021")
    assert await db.run(statement("SELECT 1")) == [[1]]


class TestTwoTransactions:
    async def test_a_serialization_failure(self, db, other):
        def work(connection):
            connection.rows("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            connection.rows("SELECT * FROM words")
            other.run("UPDATE words SET word = word")
            connection.rows("UPDATE words SET word = word")

        assert await failure_of(db.transact(work)) == of_sqlstate("40001")

    async def test_a_deadlock(self, db):
        met = threading.Barrier(2, timeout=5)

        def crossing(first, second):
            def work(connection):
                connection.rows("SET LOCAL deadlock_timeout = '10ms'")
                connection.rows("SET LOCAL lock_timeout = '5s'")
                connection.rows("UPDATE words SET word = word WHERE word = (:word)", word=first)
                met.wait()
                connection.rows("UPDATE words SET word = word WHERE word = (:word)", word=second)

            return work

        calls = db.transact(crossing("known", "other")), db.transact(crossing("other", "known"))
        ended = await asyncio.gather(*calls, return_exceptions=True)

        lost = [end for end in ended if end is not None]
        assert [error.failure for error in lost] == [of_sqlstate("40P01")]

    async def test_a_lock_that_is_not_free(self, db, other):
        other.run("BEGIN")
        other.run("SELECT * FROM words FOR UPDATE")

        assert await failure_of(db.transact(statement("SELECT * FROM words FOR UPDATE"))) == of_sqlstate("55P03")
        assert await failure_of(db.run(statement("SELECT * FROM words FOR UPDATE NOWAIT"))) == of_sqlstate("55P03")

    async def test_a_standby_takes_no_writes(self, db):
        def work(connection):
            connection.rows("SET TRANSACTION READ ONLY")
            connection.rows("INSERT INTO words VALUES ('new')")

        assert await failure_of(db.transact(work)) == of_sqlstate("25006")


class TestTime:
    async def test_the_servers_own_limit(self, url):
        with database(url, Limits(statement_s=0.05)) as db:
            assert await failure_of(db.transact(statement("SELECT pg_sleep(5)"))) == of_sqlstate("57014")
            assert await db.run(statement("SELECT 1")) == [[1]]

    async def test_our_deadline(self, db):
        assert await failure_of(db.run(statement("SELECT pg_sleep(0.3)"), deadline_s=0.05)) == DEADLINE_PASSED

    async def test_no_free_thread(self, url):
        with database(url, Limits(threads=1, slot_s=0.05)) as db:
            busy = asyncio.create_task(db.run(statement("SELECT pg_sleep(0.3)")))
            await asyncio.sleep(0)

            assert await failure_of(db.run(statement("SELECT 1"))) == Failure(FailureClass.OVERLOAD)
            await busy
            assert await db.run(statement("SELECT 1")) == [[1]]

    async def test_a_transaction_that_idles(self, db):
        def work(connection):
            connection.rows("SET LOCAL idle_in_transaction_session_timeout = '10ms'")
            time.sleep(0.1)
            connection.rows("SELECT 1")

        # The server hangs up with 25P03; the driver reports the line, not the reason. Both are the same class.
        assert (await failure_of(db.transact(work))).kind is of_sqlstate("25P03").kind
        assert await db.run(statement("SELECT 1")) == [[1]]


class TestGettingIn:
    """The server hangs up right after it refuses: the reason must not be lost to that race."""

    @pytest.fixture(params=["unix socket", "tcp"])
    def address(self, request, postgres_server):
        """Any user and database, by either kind of socket."""
        if request.param == "unix socket":
            yield lambda user, name: f"postgresql://{user}@/{name}?host={quote(str(postgres_server.socket.parent))}"
            return
        with Wire(str(postgres_server.socket)) as wire:
            yield lambda user, name: f"postgresql://{user}@127.0.0.1:{wire.port}/{name}"

    @pytest.fixture
    def name(self, url):
        return Dsn.parse(url).database

    async def refused(self, address, times=4):
        """The failures of several tries: one kind, or the reason is left to chance."""
        with database(address) as db:
            (failure,) = {await failure_of(db.run(statement("SELECT 1"))) for _ in range(times)}
        return failure

    async def test_no_such_role(self, address, name):
        assert await self.refused(address("nobody-of-that-name", name)) == of_sqlstate("28000")

    async def test_no_such_database(self, address):
        assert await self.refused(address("postgres", "nothing-of-that-name")) == of_sqlstate("3D000")

    async def test_too_many_connections(self, address, name, other, role):
        other.run("ALTER ROLE stranger CONNECTION LIMIT 0")

        assert await self.refused(address(role, name)) == of_sqlstate("53300")

    async def test_not_allowed_to_connect(self, address, name, other, role):
        other.run(f"REVOKE CONNECT ON DATABASE {identifier(name)} FROM PUBLIC")
        try:
            assert await self.refused(address(role, name)) == of_sqlstate("42501")
        finally:
            other.run(f"GRANT CONNECT ON DATABASE {identifier(name)} TO PUBLIC")

    @pytest.mark.parametrize("password", ["", ":wrong"])
    async def test_a_wrong_password_or_none(self, address, name, other, role, password):
        other.run("ALTER ROLE stranger PASSWORD 'right'")
        with asked_for_passwords(other):
            assert await self.refused(address(f"{role}{password}", name)) == of_sqlstate("28P01")
            with database(address(f"{role}:right", name)) as db:
                assert await db.run(statement("SELECT 1")) == [[1]]

    async def test_no_rights_inside(self, address, name, role):
        with database(address(role, name)) as db:
            assert await failure_of(db.run(statement("SELECT * FROM words"))) == of_sqlstate("42501")


@contextmanager
def asked_for_passwords(other):
    """The server wants a password from the stranger; everybody else gets in as before."""
    (path,), *_ = other.run("SHOW hba_file")
    (text,), *_ = other.run("SELECT pg_read_file('pg_hba.conf')")

    def write(content):
        # As text, COPY would double the backslashes; there are none.
        lines = [line for line in content.splitlines() if line and not line.startswith("#")]
        rows = ", ".join(f"($l${line.replace(chr(9), ' ')}$l$)" for line in lines)
        other.run(f"COPY (SELECT * FROM (VALUES {rows}) AS l) TO '{path}'")
        other.run("SELECT pg_reload_conf()")
        time.sleep(0.1)  # the postmaster reads it when its signal arrives

    write("local all stranger scram-sha-256\nhost all stranger all scram-sha-256\n" + text)
    try:
        yield
    finally:
        write(text)


class TestLostLines:
    async def test_a_terminated_session(self, db, other):
        pid = await backend(db)
        call = asyncio.create_task(db.run(statement("SELECT pg_sleep(5)")))
        await sleeping(other, pid)
        other.run("SELECT pg_terminate_backend(:pid)", pid=pid)

        assert (await failure_of(call)).kind is FailureClass.CONNECTION
        assert await db.run(statement("SELECT 1")) == [[1]]

    async def test_a_session_terminated_between_two_calls(self, db, other):
        other.run("SELECT pg_terminate_backend(:pid, 5000)", pid=await backend(db))

        assert (await failure_of(db.run(statement("SELECT 1")))).kind is FailureClass.CONNECTION
        assert await db.run(statement("SELECT 1")) == [[1]]

    async def test_nobody_at_the_port(self):
        with nobody() as port, database(f"postgresql://postgres@127.0.0.1:{port}/x") as db:
            assert await failure_of(db.run(statement("SELECT 1"))) == LOST_CONNECTION

    async def test_nobody_at_the_unix_socket(self, tmp_path):
        with database(f"postgresql://postgres@/x?host={tmp_path}") as db:
            assert await failure_of(db.run(statement("SELECT 1"))) == LOST_CONNECTION

    async def test_a_host_that_has_no_address(self):
        with database("postgresql://postgres@nowhere.invalid/x") as db:
            assert await failure_of(db.run(statement("SELECT 1"))) == LOST_CONNECTION

    @pytest.mark.parametrize("sslmode", ["disable", "prefer", "require"])
    async def test_a_black_hole(self, sslmode):
        limits = Limits(connect_s=0.1)
        with black_hole() as port, database(f"postgresql://p@127.0.0.1:{port}/x?sslmode={sslmode}", limits) as db:
            assert await failure_of(db.run(statement("SELECT 1"))) == LOST_CONNECTION
            assert await failure_of(db.run(statement("SELECT 1"), deadline_s=0.05)) == DEADLINE_PASSED

    @pytest.fixture
    def wired(self, postgres_server, url):
        """A database behind a wire, with a connection that stands already."""
        with Wire(str(postgres_server.socket)) as wire:
            address = f"postgresql://postgres@127.0.0.1:{wire.port}/{Dsn.parse(url).database}?sslmode=disable"
            with database(address, Limits(threads=1, statement_s=0.5)) as db:
                yield wire, db

    @pytest.mark.parametrize("passing", [0, 1, 4, 5, 20, 2000])
    async def test_a_line_that_is_reset_in_the_middle_of_an_answer(self, wired, passing):
        wire, db = wired
        await db.run(statement("SELECT 1"))
        wire.cut_after = passing

        call = db.transact(statement("SELECT repeat('x', 9), number FROM generate_series(1, 5000) AS n(number)"))
        assert await failure_of(call) == LOST_CONNECTION

        wire.cut_after = None
        assert await db.run(statement("SELECT 1")) == [[1]]

    async def test_a_server_that_falls_silent_in_the_middle_of_a_transaction(self, wired):
        wire, db = wired

        def work(connection):
            connection.rows("SELECT 1")
            wire.silent = True
            connection.rows("SELECT 2")

        assert await failure_of(db.transact(work)) == LOST_CONNECTION
        wire.silent = False
        assert await db.run(statement("SELECT 1")) == [[1]]

    async def test_a_server_killed_in_the_middle_of_a_statement(self, db, other, postgres_server):
        pid = await backend(db)
        call = asyncio.create_task(db.run(statement("SELECT pg_sleep(30)")))
        await sleeping(other, pid)
        await asyncio.to_thread(postgres_server.kill9)
        try:
            assert await failure_of(call) == LOST_CONNECTION
            assert await failure_of(db.run(statement("SELECT 1"))) == LOST_CONNECTION
        finally:
            await asyncio.to_thread(postgres_server.start)
        assert await db.run(statement("SELECT 1")) == [[1]]


async def backend(db):
    """The process that serves the one connection of a fresh database."""
    ((pid,),) = await db.run(statement("SELECT pg_backend_pid()"))
    return pid


async def sleeping(other, pid):
    """Return when that process sleeps."""
    asleep = "SELECT 1 FROM pg_stat_activity WHERE pid = :pid AND wait_event = 'PgSleep'"
    async with asyncio.timeout(10):
        while not other.run(asleep, pid=pid):  # noqa: ASYNC110 - the server tells nobody
            await asyncio.sleep(0.005)
