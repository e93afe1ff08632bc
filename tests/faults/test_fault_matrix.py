"""A few cells of ``python -m tests.faults --matrix``: km-write in the troubles that are most unlike each other."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import pytest_asyncio

from shared.local import redis_program
from tests.faults.matrix.cells import play, warm
from tests.faults.matrix.scene import Scene, staged
from tests.faults.matrix.subjects import SUBJECTS
from tests.faults.matrix.table import REFUSED, TABLE, UNTROUBLED
from tests.faults.matrix.troubles import NO_AOF
from tests.tables import cloned

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(
        redis_program.find() is None, reason="no Redis on this machine: install redis-server 6.2 or newer"
    ),
]

KM_WRITE = next(subject for subject in SUBJECTS if subject.function == "km_write")
CHOSEN = (
    "cut before COMMIT, once",
    "cut after COMMIT, once",
    "40001 serialization failure, once",
    "Redis is a black hole",
    "sink answers 400",
    "PostgreSQL refuses connections",
    "PostgreSQL is a black hole",
    "COMMIT is never answered",
    "53300 too many connections",
    "53100 disk full",
    "PostgreSQL refuses; Redis refuses connections",
    "PostgreSQL refuses; Redis: OOM",
    "PostgreSQL refuses; Redis without AOF",
    "PostgreSQL refuses; Redis keeps the letter and is not heard",
    "PostgreSQL and Redis are black holes",
)
SLICE = {trouble: expected for trouble, expected in TABLE["km_write"].items() if trouble.name in CHOSEN}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene(tmp_path_factory, postgres_server, migrated_template, redis_server) -> AsyncIterator[Scene]:
    folder, redis = tmp_path_factory.mktemp("matrix"), Path(unquote(urlsplit(redis_server.start().url).path))
    with cloned(postgres_server, migrated_template, "fault_matrix") as url:
        async with staged(KM_WRITE, folder, postgres_server.socket, url, redis) as made:
            await warm(made, KM_WRITE)
            yield made


@pytest.mark.parametrize("trouble", SLICE, ids=lambda trouble: trouble.name)
async def test_what_is_acknowledged_takes_effect_once(scene, trouble):
    assert (await play(scene, KM_WRITE, trouble, SLICE[trouble])).problems == ()


async def test_a_cell_that_does_not_hold_says_so(scene):
    assert (await play(scene, KM_WRITE, NO_AOF, REFUSED)).problems == ("answered 204, not 503",)


async def test_the_table_is_whole():
    functions = {subject.function for subject in SUBJECTS}
    assert len(SLICE) == len(CHOSEN)
    assert set(TABLE) == set(UNTROUBLED) == functions
