"""Every class of failure that PostgreSQL can be brought to, raised by a real server."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from shared.domain.failures import DEADLINE_PASSED, Failure, FailureClass
from tests.sqlstates import SECRET, failure, failure_of, statement
from tests.tables import opened, reading

SCHEMA = """
CREATE TABLE words (word varchar(8) NOT NULL PRIMARY KEY CHECK (word <> ''));
CREATE TABLE children (word varchar(8) REFERENCES words);
CREATE TABLE numbers (number int);
CREATE TABLE spans (span int4range, EXCLUDE USING gist (span WITH &&));
INSERT INTO words VALUES ('known'), ('other');
INSERT INTO spans VALUES ('[1,3]');
"""


@pytest.fixture(scope="module")
def url(postgres_server):
    """One database for all of it: nothing here is committed that another test could trip over."""
    address = postgres_server.create_database("sqlstates")
    with reading(address) as rows:
        rows(SCHEMA)
    yield address
    postgres_server.drop_database("sqlstates")


@pytest.fixture
def db(url):
    with opened(url, threads=2, lock_s=0.2) as made:
        yield made


@pytest.fixture
def other(url):
    """A second client, outside of what is tested."""
    with reading(url) as rows:
        yield rows


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
    assert await failure_of(db.transact(statement(STATEMENTS[code]))) == failure(code)
    assert await failure_of(db.run(statement(STATEMENTS[code]))) == failure(code)
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

    assert await failure_of(db.transact(statement(raising))) == failure(code)
    assert await db.run(statement("SELECT 1")) == [[1]]


async def test_a_misleading_text_changes_nothing(db):
    for text in ["Network timeout", "deadlock detected", "connection reset by peer", SECRET]:
        refused = statement("INSERT INTO words VALUES (NULLIF(:word, :word))", word=text)
        assert await failure_of(db.transact(refused)) == failure("23502")


async def test_text_that_no_database_takes_is_the_events_fault(db):
    assert await failure_of(db.transact(statement("SELECT (:t)::text", t="\ud800"))) == Failure(FailureClass.EVENT)
    assert await failure_of(db.transact(statement("SELECT (:t)::text", t="a\0b"))) == failure("22021")
    assert await db.run(statement("SELECT 1")) == [[1]]


class TestTwoTransactions:
    async def test_a_serialization_failure(self, db, other):
        def work(connection):
            connection.rows("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            connection.rows("SELECT * FROM words")
            other("UPDATE words SET word = word")
            connection.rows("UPDATE words SET word = word")

        assert await failure_of(db.transact(work)) == failure("40001")

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
        assert [error.failure for error in lost] == [failure("40P01")]

    async def test_a_lock_that_is_not_free(self, db, other):
        other("BEGIN")
        other("SELECT * FROM words FOR UPDATE")

        assert await failure_of(db.transact(statement("SELECT * FROM words FOR UPDATE"))) == failure("55P03")
        assert await failure_of(db.run(statement("SELECT * FROM words FOR UPDATE NOWAIT"))) == failure("55P03")

    async def test_a_standby_takes_no_writes(self, db):
        def work(connection):
            connection.rows("SET TRANSACTION READ ONLY")
            connection.rows("INSERT INTO words VALUES ('new')")

        assert await failure_of(db.transact(work)) == failure("25006")


class TestTime:
    async def test_the_servers_own_limit(self, url):
        with opened(url, statement_s=0.05) as db:
            assert await failure_of(db.transact(statement("SELECT pg_sleep(5)"))) == failure("57014")
            assert await db.run(statement("SELECT 1")) == [[1]]

    async def test_our_deadline(self, db):
        assert await failure_of(db.run(statement("SELECT pg_sleep(0.3)"), deadline_s=0.05)) == DEADLINE_PASSED

    async def test_no_free_thread(self, url):
        with opened(url, threads=1, slot_s=0.05) as db:
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
        assert (await failure_of(db.transact(work))).kind is failure("25P03").kind
        assert await db.run(statement("SELECT 1")) == [[1]]
