"""``python -m tests.faults --matrix``: the whole fault model, some functions at a time; lines for people."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from shared.adapters.migrate import upgrade
from shared.local.postgres import EmbeddedPostgres
from shared.local.redis import EmbeddedRedis
from tests.faults.matrix.columns import COLUMNS, plays_of
from tests.faults.matrix.grid import broken, figures, grid
from tests.faults.matrix.plays import Played, perform
from tests.faults.matrix.scene import staged
from tests.faults.matrix.stores import warm
from tests.faults.matrix.subjects import Subject
from tests.faults.matrix.table import FAULTS, FUNCTIONS

_AT_ONCE: Final = 5  # a play mostly waits for a limit to pass
_TEMPLATE: Final = "matrix"


async def matrix(
    folder: Path,
    write: Callable[[str], None],
    *,
    only: Collection[str] = FUNCTIONS,
    rows: Collection[int] = tuple(FAULTS),
) -> bool:
    """Play it, and say what came of it; whether all held.

    Args:
        folder: an empty one, for servers and logs.
        write: takes the lines: one for each function when it is done, then those of :func:`tests.faults.matrix.grid`.
        only: names of functions.
        rows: of the fault model.
    """
    played = await play(folder, write, only=only, rows=rows)
    for line in (*broken(played), "", *grid(played)):
        write(line)
    return not any(each.problems for each in played)


async def play(
    folder: Path, write: Callable[[str], None], *, only: Collection[str], rows: Collection[int]
) -> list[Played]:
    """Play it; everything that was played, see :func:`matrix`."""
    postgres = EmbeddedPostgres(folder / "postgres").start()
    places = asyncio.Semaphore(_AT_ONCE)
    try:
        upgrade(postgres.create_database(_TEMPLATE))

        async def one(subject: Subject) -> list[Played]:
            async with places:
                played = await _column(subject, folder / "logs" / subject.function, postgres, rows)
            if played:
                write(figures(subject.function, played))
            return played

        columns = await asyncio.gather(*(one(subject) for subject in COLUMNS if subject.function in only))
    finally:
        postgres.destroy()
    return [played for column in columns for played in column]


async def _column(subject: Subject, folder: Path, postgres: EmbeddedPostgres, rows: Collection[int]) -> list[Played]:
    plays = [play for play in plays_of(subject) if play.row in rows]
    if not plays:
        return []
    async with _server(folder / "redis") as redis:
        database = postgres.create_database(subject.function, template=_TEMPLATE)
        async with staged(subject, folder, postgres.socket, database, redis) as scene:
            await warm(scene, subject)
            return [await perform(scene, subject, play) for play in plays]


@asynccontextmanager
async def _server(folder: Path) -> AsyncIterator[Path]:
    """The socket of a Redis of one's own."""
    redis = EmbeddedRedis(folder).start()
    try:
        yield Path(unquote(urlsplit(redis.url).path))
    finally:
        redis.destroy()
