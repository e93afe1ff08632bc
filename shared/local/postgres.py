"""The real PostgreSQL of a wheel, with fsync on and nothing to install.

It listens on a unix socket in a private folder, so it needs neither port nor password. Whether it is ready is asked by
connecting. ``kill9`` and ``start`` are the two ends of every outage that is rehearsed here.

PostgreSQL refuses to run as root. Then it runs as ``nobody``, an account every system has, instead of adding one; its
data lies in ``/var/lib/aftercare`` when the run folder is closed to that account, and so does a copy of its programs.
A container without the right to change accounts cannot do either; the message then names the two ways out.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final
from urllib.parse import quote

from pg8000.exceptions import DatabaseError, InterfaceError
from pg8000.native import Connection, identifier

from shared.local import postgres_wheel
from shared.local.children import Account, ProcessFailed
from shared.local.folders import private
from shared.local.servers import EmbeddedServer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_SOCKET: Final = ".s.PGSQL.5432"
_LONGEST_SOCKET_FOLDER: Final = 100 - len(_SOCKET) - 1  # macOS ends a socket's path at 103 bytes, Linux at 107
_STATE: Final = Path("/var/lib/aftercare")  # not /var/tmp: that is swept of old files, and a database has some
_ANSWER_S: Final = 30.0  # a busy laptop copies a database slowly
# One call for the whole file system instead of one for each of a thousand files: recovery takes a quarter of the time.
_SYNC_METHOD: Final = "syncfs" if sys.platform == "linux" else "fsync"
_STARTING_UP: Final = "57P03"
_SETTINGS: Final = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "64MB",
    "fsync": "on",
    "recovery_init_sync_method": _SYNC_METHOD,
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
}


class EmbeddedPostgres(EmbeddedServer):
    """PostgreSQL with everything it keeps below one folder.

    Args:
        folder: its data, socket, log and lock.
        settings: over the defaults, such as ``{"max_connections": "5"}``.
    """

    name: ClassVar[str] = "PostgreSQL"
    stop_signal: ClassVar[signal.Signals] = signal.SIGINT  # "fast": does not wait for clients to leave

    def __init__(self, folder: Path, *, settings: Mapping[str, str] | None = None) -> None:
        super().__init__(folder)
        self._settings: Final = {**_SETTINGS, **(settings or {})}
        if os.getuid() == 0:
            self.account = _unprivileged()

    @property
    def version(self) -> str:
        """Such as 18.4."""
        return postgres_wheel.version()

    @property
    def socket(self) -> Path:
        """The unix socket, for drivers that want its path (pg8000: ``unix_sock``)."""
        return (self.folder / "socket").resolve() / _SOCKET

    def uri(self, database: str = "postgres") -> str:
        """``postgresql://postgres@/<database>?host=<socket folder>``, as libpq and DATABASE_URL have it."""
        return f"postgresql://postgres@/{database}?host={quote(str(self.socket.parent))}"

    @contextmanager
    def connection(self, database: str = "postgres") -> Iterator[Connection]:
        """A connection, each statement its own transaction; gone with the block, whatever state it is in."""
        with _Line(socket.AF_UNIX, socket.SOCK_STREAM) as line:
            line.settimeout(_ANSWER_S)
            line.connect(str(self.socket))
            yield Connection("postgres", database=database, sock=line, ssl_context=False)

    def create_database(self, name: str, *, template: str = "template1") -> str:
        """Create a database, a copy of ``template``; its URI."""
        with self.connection() as connection:
            connection.run(f"CREATE DATABASE {identifier(name)} TEMPLATE {identifier(template)}")
        return self.uri(name)

    def drop_database(self, name: str) -> None:
        """Drop a database, whoever is still connected to it."""
        with self.connection() as connection:
            connection.run(f"DROP DATABASE IF EXISTS {identifier(name)} WITH (FORCE)")

    def has_database(self, name: str) -> bool:
        """Whether there is a database of this name."""
        with self.connection() as connection:
            return bool(connection.run("SELECT 1 FROM pg_database WHERE datname = :name", name=name))

    def prepare(self) -> None:
        """Make the cluster, or clear what a crash left behind."""
        try:
            room = private(self.folder / "data", account=self.account, elsewhere=_STATE)
            sockets = private(
                self.folder / "socket",
                account=self.account,
                elsewhere=Path(tempfile.gettempdir()),
                longest=_LONGEST_SOCKET_FOLDER,
            )
        except OSError as error:
            raise ProcessFailed(
                f"PostgreSQL needs a folder of its own, and {error.filename} cannot be made ({error.strerror}); "
                "run as an ordinary user, or set DATABASE_URL to a server that runs already."
            ) from error
        if not (room / "cluster").exists():
            self._initialise(room)
        # The family lock is ours, so whoever wrote these is gone; their pid may be a stranger's by now.
        (room / "cluster" / "postmaster.pid").unlink(missing_ok=True)
        for stale in sockets.glob(f"{_SOCKET}*"):
            stale.unlink()

    def command(self) -> Sequence[str]:
        """``postgres``, in the foreground, logging to standard error."""
        settings = {**self._settings, "unix_socket_directories": str(self.socket.parent)}
        options = [option for name, value in settings.items() for option in ("-c", f"{name}={value}")]
        return [str(self._programs() / "postgres"), "-D", str((self.folder / "data").resolve() / "cluster"), *options]

    def answers(self) -> bool:
        """Whether it lets us in."""
        try:
            with self.connection():
                return True
        except DatabaseError as error:
            # Any other refusal comes from a server that is up, such as one whose connections are all taken.
            return bool(error.args[0].get("C") != _STARTING_UP)
        except (InterfaceError, OSError):
            return False

    def _initialise(self, room: Path) -> None:
        # Beside its final name, so that an interrupted one is never mistaken for a cluster.
        draft = room / "draft"
        shutil.rmtree(draft, ignore_errors=True)
        done = subprocess.run(
            [
                str(self._programs() / "initdb"),
                f"--pgdata={draft}",
                "--username=postgres",
                "--auth=trust",
                "--encoding=UTF8",
                "--locale=C",
                "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8",
                f"--sync-method={_SYNC_METHOD}",
                "--no-instructions",
            ],
            check=False,
            capture_output=True,
            text=True,
            env={"PATH": os.defpath, "LC_ALL": "C"},
            cwd="/",
            user=None if self.account is None else self.account.uid,
            group=None if self.account is None else self.account.gid,
            extra_groups=None if self.account is None else [],
        )
        if done.returncode != 0:
            raise ProcessFailed(f"PostgreSQL's initdb failed:\n{done.stdout}{done.stderr}")
        draft.rename(room / "cluster")

    def _programs(self) -> Path:
        if self.account is None or postgres_wheel.reachable():
            return postgres_wheel.programs()
        return postgres_wheel.copied(private(self.folder / "programs", account=self.account, elsewhere=_STATE))


class _Line(socket.socket):
    """A socket that takes the driver's file on it along when it is closed.

    The driver leaves that file to the garbage collector. Until then the socket stays open, and from Python 3.13 on the
    collector complains when the server is gone and what the file still holds cannot be sent.
    """

    _file: Any = None

    def makefile(self, *arguments: Any, **settings: Any) -> Any:
        """As ever, and remembered."""
        self._file = super().makefile(*arguments, **settings)
        return self._file

    def close(self) -> None:
        """Close both; what the file still holds has nobody to go to."""
        if self._file is not None:
            with suppress(OSError):
                self._file.close()
        super().close()


def _unprivileged() -> Account:
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        raise ProcessFailed(
            "PostgreSQL does not run as root, and this system has no account `nobody`; "
            "run as an ordinary user, or set DATABASE_URL to a server that runs already."
        ) from None
    return Account(entry.pw_uid, entry.pw_gid)
