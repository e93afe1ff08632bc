"""Lines to a database that is not there, will not let us in, falls silent, or dies in the middle of an answer."""

from __future__ import annotations

import asyncio
import time
from contextlib import contextmanager
from urllib.parse import quote

import pytest
from pg8000.native import identifier

from shared.adapters.dsn import Dsn
from shared.domain.failures import DEADLINE_PASSED, LOST_CONNECTION, FailureClass
from tests.integration.lines import Wire, black_hole, nobody
from tests.sqlstates import failure, failure_of, statement
from tests.tables import opened, reading


@pytest.fixture(scope="module")
def url(postgres_server):
    address = postgres_server.create_database("lost_lines")
    yield address
    postgres_server.drop_database("lost_lines")


@pytest.fixture
def db(url):
    with opened(url) as made:
        yield made


@pytest.fixture
def other(url):
    """A second client, outside of what is tested."""
    with reading(url) as rows:
        yield rows


@pytest.fixture
def role(other):
    """A role with no rights; roles belong to the whole server, so it is taken away again."""
    other("CREATE ROLE stranger LOGIN")
    yield "stranger"
    other("DROP ROLE stranger")


@contextmanager
def asked_for_passwords(other):
    """The server wants a password from the stranger; everybody else gets in as before."""
    (path,), *_ = other("SHOW hba_file")
    (text,), *_ = other("SELECT pg_read_file('pg_hba.conf')")

    def write(content):
        # As text, COPY would double the backslashes; there are none.
        lines = [line for line in content.splitlines() if line and not line.startswith("#")]
        rows = ", ".join(f"($l${line.replace(chr(9), ' ')}$l$)" for line in lines)
        other(f"COPY (SELECT * FROM (VALUES {rows}) AS l) TO '{path}'")
        other("SELECT pg_reload_conf()")
        time.sleep(0.1)  # the postmaster reads it when its signal arrives

    write("local all stranger scram-sha-256\nhost all stranger all scram-sha-256\n" + text)
    try:
        yield
    finally:
        write(text)


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
        with opened(address) as db:
            (found,) = {await failure_of(db.run(statement("SELECT 1"))) for _ in range(times)}
        return found

    async def test_no_such_role(self, address, name):
        assert await self.refused(address("nobody-of-that-name", name)) == failure("28000")

    async def test_no_such_database(self, address):
        assert await self.refused(address("postgres", "nothing-of-that-name")) == failure("3D000")

    async def test_too_many_connections(self, address, name, other, role):
        other("ALTER ROLE stranger CONNECTION LIMIT 0")

        assert await self.refused(address(role, name)) == failure("53300")

    async def test_not_allowed_to_connect(self, address, name, other, role):
        other(f"REVOKE CONNECT ON DATABASE {identifier(name)} FROM PUBLIC")
        try:
            assert await self.refused(address(role, name)) == failure("42501")
        finally:
            other(f"GRANT CONNECT ON DATABASE {identifier(name)} TO PUBLIC")

    @pytest.mark.parametrize("password", ["", ":wrong"])
    async def test_a_wrong_password_or_none(self, address, name, other, role, password):
        other("ALTER ROLE stranger PASSWORD 'right'")
        with asked_for_passwords(other):
            assert await self.refused(address(f"{role}{password}", name)) == failure("28P01")
            with opened(address(f"{role}:right", name)) as db:
                assert await db.run(statement("SELECT 1")) == [[1]]

    async def test_no_rights_inside(self, address, name, role):
        with opened(address(role, name)) as db:
            assert await failure_of(db.run(statement("SELECT * FROM pg_authid"))) == failure("42501")


class TestLostLines:
    async def test_a_terminated_session(self, db, other):
        pid = await backend(db)
        call = asyncio.create_task(db.run(statement("SELECT pg_sleep(5)")))
        await sleeping(other, pid)
        other("SELECT pg_terminate_backend(:pid)", pid=pid)

        assert (await failure_of(call)).kind is FailureClass.CONNECTION
        assert await db.run(statement("SELECT 1")) == [[1]]

    async def test_a_session_terminated_between_two_calls(self, db, other):
        other("SELECT pg_terminate_backend(:pid, 5000)", pid=await backend(db))

        assert (await failure_of(db.run(statement("SELECT 1")))).kind is FailureClass.CONNECTION
        assert await db.run(statement("SELECT 1")) == [[1]]

    async def test_nobody_at_the_port(self):
        with nobody() as port, opened(f"postgresql://postgres@127.0.0.1:{port}/x") as db:
            assert await failure_of(db.run(statement("SELECT 1"))) == LOST_CONNECTION

    async def test_nobody_at_the_unix_socket(self, tmp_path):
        with opened(f"postgresql://postgres@/x?host={tmp_path}") as db:
            assert await failure_of(db.run(statement("SELECT 1"))) == LOST_CONNECTION

    async def test_a_host_that_has_no_address(self):
        with opened("postgresql://postgres@nowhere.invalid/x") as db:
            assert await failure_of(db.run(statement("SELECT 1"))) == LOST_CONNECTION

    @pytest.mark.parametrize("sslmode", ["disable", "prefer", "require"])
    async def test_a_black_hole(self, sslmode):
        with black_hole() as port, opened(f"postgresql://p@127.0.0.1:{port}/x?sslmode={sslmode}", connect_s=0.1) as db:
            assert await failure_of(db.run(statement("SELECT 1"))) == LOST_CONNECTION
            assert await failure_of(db.run(statement("SELECT 1"), deadline_s=0.05)) == DEADLINE_PASSED

    @pytest.fixture
    def wired(self, postgres_server, url):
        """A database behind a wire, with a connection that stands already."""
        with Wire(str(postgres_server.socket)) as wire:
            address = f"postgresql://postgres@127.0.0.1:{wire.port}/{Dsn.parse(url).database}?sslmode=disable"
            with opened(address, threads=1, statement_s=0.5) as db:
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
        while not other(asleep, pid=pid):  # noqa: ASYNC110 - the server tells nobody
            await asyncio.sleep(0.005)
