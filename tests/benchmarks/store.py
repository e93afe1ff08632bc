"""The knowledge store alone, without HTTP: ``python -m tests.benchmarks.store <url> <callers> <events> <run>``."""

from __future__ import annotations

import sys

import uvloop

from shared.adapters.dsn import Dsn
from shared.adapters.knowledge_store import PostgresKnowledge
from shared.adapters.postgres import Database
from shared.domain.knowledge import Write
from tests.benchmarks import samples
from tests.benchmarks.results import timed

_DEADLINE_S = 30.0


async def main(url: str, callers: int, events: int, run: str) -> None:
    database = Database(Dsn.parse(url), application="benchmark")
    knowledge = PostgresKnowledge(database, announce=False)

    async def write(one: Write) -> None:
        await knowledge.write([one], deadline_s=_DEADLINE_S)

    (await timed(events, callers, samples.writes(run, events + 4 * callers), write)).report()
    database.close()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]))
