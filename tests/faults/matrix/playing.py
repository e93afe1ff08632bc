"""``python -m tests.faults --matrix``: all cells, some functions at a time; one line for each function."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from shared.adapters.migrate import upgrade
from shared.local.postgres import EmbeddedPostgres
from shared.local.redis import EmbeddedRedis
from tests.faults.matrix.cells import Cell, pile_up, play, warm
from tests.faults.matrix.scene import staged
from tests.faults.matrix.subjects import SUBJECTS, Subject
from tests.faults.matrix.table import TABLE
from tests.faults.matrix.troubles import POSTGRES
from tests.faults.proxy import Stall

FUNCTIONS: Final = tuple(subject.function for subject in SUBJECTS)
_AT_ONCE: Final = 4  # a cell mostly waits for a limit to pass
_TEMPLATE: Final = "matrix"


async def matrix(folder: Path, write: Callable[[str], None], *, only: Collection[str] = FUNCTIONS) -> bool:
    """Play the cells of these functions; whether all held.

    Args:
        folder: an empty one, for servers and logs.
        write: takes the lines.
        only: names of functions.
    """
    postgres = EmbeddedPostgres(folder / "postgres").start()
    places = asyncio.Semaphore(_AT_ONCE)
    try:
        upgrade(postgres.create_database(_TEMPLATE))

        async def one(subject: Subject) -> list[Cell]:
            async with places:
                cells = await _cells(subject, folder / "logs" / subject.function, postgres)
            write(line(subject.function, cells))
            for cell in cells:
                for problem in cell.problems:
                    write(f"    BROKEN  {cell.name}: {problem}")
            return cells

        played = await asyncio.gather(*(one(subject) for subject in SUBJECTS if subject.function in only))
    finally:
        postgres.destroy()
    cells = [cell for each in played for cell in each]
    write(line("all", cells))
    return not any(cell.problems for cell in cells)


def line(name: str, cells: Sequence[Cell]) -> str:
    """The figures of a function."""
    held = sum(not cell.problems for cell in cells)
    longest, back = max(cells, key=lambda cell: cell.answer_s), max(cells, key=lambda cell: cell.back_s)
    return (
        f"{name:<20} {len(cells):>4} cells {held:>4} held   longest answer {longest.answer_s:>4.1f} s"
        f" ({longest.name})   slowest return {back.back_s:>4.1f} s ({back.name})"
    )


async def _cells(subject: Subject, folder: Path, postgres: EmbeddedPostgres) -> list[Cell]:
    table = TABLE[subject.function]
    black_hole = next(trouble for trouble in POSTGRES if trouble.postgres is Stall)
    async with _server(folder / "redis") as redis:
        database = postgres.create_database(subject.function, template=_TEMPLATE)
        async with staged(subject, folder, postgres.socket, database, redis) as scene:
            await warm(scene, subject)
            cells = [await play(scene, subject, trouble, expected) for trouble, expected in table.items()]
            return [*cells, await pile_up(scene, subject, table[black_hole])]


@asynccontextmanager
async def _server(folder: Path) -> AsyncIterator[Path]:
    """The socket of a Redis of one's own."""
    redis = EmbeddedRedis(folder).start()
    try:
        yield Path(unquote(urlsplit(redis.url).path))
    finally:
        redis.destroy()
