"""PostgreSQL behind a few threads, each with one connection of its own.

pg8000 blocks, so statements run on a small, named pool; a thread cannot be cancelled, so every wait in it is bounded
by the server (``statement_timeout``, ``lock_timeout``) and by the socket. A caller that finds no free thread within
:attr:`Limits.slot_s` is told so instead of queueing behind a dead database, and one that comes when the database has
been dead for a while is told so at once, see :mod:`shared.domain.breaker`.

Statements are text with ``:names``, prepared once per connection. Lists travel as one JSON parameter
(``jsonb_to_recordset``): the text of a statement never changes with the number of rows.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeVar

from pg8000.converters import make_params
from pg8000.exceptions import DatabaseError, InterfaceError
from pg8000.native import PreparedStatement
from pydantic_core import to_json

from shared.adapters.breaker import Breaker, Call
from shared.adapters.dsn import Dsn
from shared.adapters.postgres_line import dial
from shared.domain.breaker import Rule
from shared.domain.errors import AftercareError, DatabaseRejected, DatabaseUnavailable
from shared.domain.failures import DEADLINE_PASSED, LOST_CONNECTION, Failure, FailureClass, of_sqlstate

T = TypeVar("T")

# What a driver raises when the line breaks: its own class without a SQLSTATE, or the socket's, unwrapped.
_LINE_BROKE: Final = (InterfaceError, OSError)
_READ_ONLY: Final = "25006"  # after a failover the line leads to what is a standby now
_SOUND: Final = frozenset({FailureClass.CONFLICT, FailureClass.COLLISION, FailureClass.EVENT})


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long anything here may take, in seconds, and how many threads there are."""

    threads: int = 4
    slot_s: float = 1.0
    connect_s: float = 3.0
    statement_s: float = 5.0
    lock_s: float = 2.0


class Connection:
    """One connection, used by one thread at a time; ``era`` counts the times that the server went away before it."""

    def __init__(self, dsn: Dsn, limits: Limits, *, application: str, era: int = 0) -> None:
        self.era: Final = era
        self._driver = dial(dsn, limits, application=application)
        self._prepared: dict[str, PreparedStatement] = {}
        self._waiting: list[tuple[PreparedStatement, dict[str, Any]]] = []
        self._in_transaction = False

    def rows(self, sql: str, **parameters: Any) -> list[Sequence[Any]]:
        """Run one statement; the rows it returns, none for a statement without a result."""
        statement = self._statement(sql)
        for waiting, values in self._take_waiting():
            self._driver.send_BIND(waiting.name_bin, make_params(self._driver.py_types, waiting.make_vals(values)))
            self._driver.send_EXECUTE()
        return statement.run(**parameters) or []

    def send(self, sql: str, **parameters: Any) -> None:
        """Run one statement without a result; in a transaction, in the round trip of the next one or of COMMIT.

        When it fails, that one raises its error and is not run.
        """
        if self._in_transaction:
            self._waiting.append((self._statement(sql), parameters))
        else:
            self.rows(sql, **parameters)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """BEGIN, then COMMIT; ROLLBACK when the block raises."""
        self._in_transaction = True
        self.send("BEGIN")
        try:
            yield
            self.rows("COMMIT")
        except _LINE_BROKE:
            raise  # nobody is there to be told; the server rolls back by itself
        except BaseException:
            self._take_waiting()
            self.rows("ROLLBACK")
            raise
        finally:
            self._in_transaction = False

    def close(self) -> None:
        """Close; a line that is broken already is no error."""
        try:
            self._driver.close()
        except _LINE_BROKE:
            return

    def _statement(self, sql: str) -> PreparedStatement:
        statement = self._prepared.get(sql)
        if statement is None:
            statement = self._prepared[sql] = self._driver.prepare(sql)
        return statement

    def _take_waiting(self) -> list[tuple[PreparedStatement, dict[str, Any]]]:
        waiting, self._waiting = self._waiting, []
        return waiting


class Database:
    """Runs work on PostgreSQL.

    Args:
        dsn: where.
        application: shown in ``pg_stat_activity``.
        limits: time and threads.
        rule: when it is not asked any more, and for how long.
    """

    def __init__(self, dsn: Dsn, *, application: str, limits: Limits | None = None, rule: Rule | None = None) -> None:
        self._dsn = dsn
        self._application = application
        self._limits = limits or Limits()
        self._pool = ThreadPoolExecutor(self._limits.threads, thread_name_prefix="postgres")
        self._local = threading.local()
        self._lock = threading.Lock()
        self._idle: set[Connection] = set()  # no thread is at work on them; under the lock, as is the end
        self._free: asyncio.Semaphore | None = None
        self._era = 0
        self._is_closed = False
        knock = partial(self.run, lambda connection: connection.rows("SELECT 1"))
        self._breaker = Breaker(rule or Rule(), knock)

    async def transact(self, work: Callable[[Connection], T], *, deadline_s: float | None = None) -> T:
        """Run ``work`` in one transaction.

        Raises:
            DatabaseUnavailable: not now, or not within ``deadline_s``; whether it was committed is unknown.
            DatabaseRejected: the server refused the content.
        """

        def in_transaction(connection: Connection) -> T:
            with connection.transaction():
                return work(connection)

        return await self.run(in_transaction, deadline_s=deadline_s)

    async def run(self, work: Callable[[Connection], T], *, deadline_s: float | None = None) -> T:
        """Run ``work`` on a connection, each statement its own transaction; errors as for :meth:`transact`."""
        self._breaker.require()
        free = self._slots()
        try:
            async with asyncio.timeout(self._limits.slot_s):
                await free.acquire()
        except TimeoutError:
            raise DatabaseUnavailable(Failure(FailureClass.OVERLOAD)) from None
        try:
            call = self._enter()
        except DatabaseUnavailable:
            free.release()
            raise
        running = asyncio.get_running_loop().run_in_executor(self._pool, self._work, work)
        # The thread keeps its slot until it is done, whether or not anyone still waits: stuck threads cannot pile up.
        running.add_done_callback(partial(self._ended, free, call))
        try:
            async with asyncio.timeout(deadline_s):
                return await asyncio.shield(running)
        except TimeoutError:
            raise DatabaseUnavailable(DEADLINE_PASSED) from None

    def close(self) -> None:
        """Close the connections, and let the threads end; one that is at work closes its own when it is done."""
        self._breaker.close()
        self._pool.shutdown(wait=False)
        with self._lock:
            self._is_closed = True
        for connection in self._idle:
            connection.close()

    def _slots(self) -> asyncio.Semaphore:
        if self._free is None:
            self._free = asyncio.Semaphore(self._limits.threads)
        return self._free

    def _enter(self) -> Call:
        if self._is_closed:
            raise DatabaseUnavailable(LOST_CONNECTION)
        return self._breaker.enter()

    def _ended(self, free: asyncio.Semaphore, call: Call, done: asyncio.Future[Any]) -> None:
        free.release()
        if done.cancelled():
            return
        error = done.exception()  # looked at, so that a failure nobody waits for any more is not reported as forgotten
        if not self._is_closed:
            self._breaker.ended(call, error)

    def _work(self, work: Callable[[Connection], T]) -> T:
        """In the thread: translate the driver's errors, and drop a connection that is no longer sound."""
        try:
            connection = self._connection()
            return work(connection)
        except AftercareError:
            raise
        except DatabaseError as error:
            failure = failure_of(error)
            if failure.kind is FailureClass.CONNECTION or failure.sqlstate == _READ_ONLY:
                self._retire()
            elif failure.kind not in _SOUND:
                self._drop()
            raise _translated(failure) from error
        except _LINE_BROKE as error:
            self._retire()
            raise DatabaseUnavailable(LOST_CONNECTION) from error
        except UnicodeEncodeError as error:
            self._drop()
            raise DatabaseRejected(Failure(FailureClass.EVENT)) from error
        except BaseException:
            self._drop()
            raise
        finally:
            self._rest()

    def _connection(self) -> Connection:
        connection = self._awake()
        if connection is not None and connection.era != self._era:
            self._drop()
            connection = None
        if connection is None:
            connection = Connection(self._dsn, self._limits, application=self._application, era=self._era)
            self._local.connection = connection
            if self._is_closed:  # while this one was being opened
                raise DatabaseUnavailable(LOST_CONNECTION)
        return connection

    def _awake(self) -> Connection | None:
        """This thread's connection, if it has one; from here to :meth:`_rest` nobody else touches it."""
        connection: Connection | None = getattr(self._local, "connection", None)
        with self._lock:
            if self._is_closed:
                self._local.connection = None
                raise DatabaseUnavailable(LOST_CONNECTION)
            if connection is not None:
                self._idle.remove(connection)
        return connection

    def _rest(self) -> None:
        connection: Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            return
        with self._lock:
            if not self._is_closed:
                self._idle.add(connection)
                return
        self._drop()

    def _retire(self) -> None:
        """The server went away: no thread trusts a connection from before, or each would lose a call to find out."""
        connection: Connection | None = getattr(self._local, "connection", None)
        if connection is not None:
            self._era = max(self._era, connection.era + 1)
        self._drop()

    def _drop(self) -> None:
        connection: Connection | None = getattr(self._local, "connection", None)
        self._local.connection = None
        if connection is not None:
            connection.close()


def failure_of(error: DatabaseError) -> Failure:
    """Classify a server error by its SQLSTATE: the field ``C`` of the error response, never its text."""
    fields = error.args[0] if error.args else None
    sqlstate = fields.get("C") if isinstance(fields, dict) else None
    return of_sqlstate(sqlstate) if sqlstate else Failure(FailureClass.UNKNOWN)


def json_rows(rows: Sequence[Any] | Mapping[str, Any]) -> str:
    """Rows for ``jsonb_to_recordset``, or an object."""
    return to_json(rows).decode()


def _translated(failure: Failure) -> AftercareError:
    return DatabaseRejected(failure) if failure.kind is FailureClass.EVENT else DatabaseUnavailable(failure)
