"""Processes of gitops-issue that are killed with -9 at a step; run as ``python -m tests.faults.gitops_nursery``.

One process loads everything once and is forked for each order it reads, a line of JSON; the child handles one event
and kills itself, with SIGKILL, at the step: before a call takes effect, after it did, or with a transaction written
and not committed. Nothing is cleaned up, and the kernel closes what it had open. A line for each order says by which
signal its child ended.
"""

from __future__ import annotations

import asyncio
import functools
import json
import os
import signal
import sys
from pathlib import Path

from shared.adapters.dsn import Dsn
from shared.adapters.http import HttpClient
from shared.adapters.postgres import Database
from shared.domain.events import from_structured, to_structured
from tests.faults.gitops_world import TLS, composed

PATIENCE_S = 20.0


def die():
    os.kill(os.getpid(), signal.SIGKILL)


class Mortal:
    """A part of the process that kills it at the so manieth call of a name, before or after."""

    def __init__(self, part, call, *, after, nth):
        self._part, self._call, self._after, self._left = part, call, after, nth

    def __getattr__(self, name):
        found = getattr(self._part, name)
        return functools.partial(self._dying, found) if name == self._call else found

    async def _dying(self, call, *args, **kwargs):
        self._left -= 1
        if self._left == 0 and not self._after:
            die()
        result = await call(*args, **kwargs)
        if self._left == 0:
            die()
        return result


class MortalDatabase(Database):
    """A database whose so manieth transaction is written, and never committed."""

    uncommitted = 0

    async def transact(self, work, *, deadline_s=None):
        self.uncommitted -= 1
        if self.uncommitted != 0:
            return await super().transact(work, deadline_s=deadline_s)

        def dying(connection):
            work(connection)
            connection.rows("SELECT 1")  # what was only sent has arrived by then
            die()

        return await super().transact(dying)


class FileSink:
    """A sink that a process leaves behind: a line for each event."""

    routes = None

    def __init__(self, path):
        self._path = Path(path)

    async def send(self, event, destination=""):
        with self._path.open("a") as file:
            file.write(f"{json.dumps(to_structured(event) | {'destination': destination})}\n")

    def events(self):
        return [json.loads(line) for line in self._path.read_text().splitlines()]


async def live(order):
    """Handle one event, for as long as it lasts."""
    part, call, after, nth = order["step"]

    def instead(name, found):
        if name == part == "database":
            found.uncommitted = nth
        elif name == part:
            return Mortal(found, call, after=after, nth=nth)
        return found

    database = MortalDatabase(Dsn.parse(order["database"]), application="mortal")
    sink = FileSink(order["sink"]) if part == "sink" else None
    async with HttpClient(tls=TLS) as http:
        handle = composed(database, order["gitea"], http, sink=sink, timeout_s=5.0, instead=instead)
        await handle(from_structured(order["event"]))
        await asyncio.sleep(PATIENCE_S if part == "sink" else 0)  # what is announced leaves after the answer


def main():
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            asyncio.run(live(json.loads(line)))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        print(os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0, flush=True)


if __name__ == "__main__":
    main()
