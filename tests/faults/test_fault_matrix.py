"""A few plays of ``python -m tests.faults --matrix``: km-write in the troubles that are most unlike each other."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import pytest_asyncio

from shared.local import redis_program
from tests.faults.campaigns import CAMPAIGNS
from tests.faults.matrix.columns import COLUMNS, plays_of
from tests.faults.matrix.grid import broken, grid
from tests.faults.matrix.plays import Played, perform
from tests.faults.matrix.scene import Scene, staged
from tests.faults.matrix.stores import play, warm
from tests.faults.matrix.table import FAULTS, FUNCTIONS, REFUSED, campaign_of, is_absent
from tests.faults.matrix.troubles import REDIS
from tests.tables import cloned

KM_WRITE = next(subject for subject in COLUMNS if subject.function == "km_write")
CHOSEN = (
    "cut before COMMIT, once",
    "cut after COMMIT, once",
    "40001 serialization failure, once",
    "Redis is a black hole",
    "sink answers 400",
    "PostgreSQL refuses connections",
    "PostgreSQL is a black hole",
    "COMMIT is never answered",
    "53100 disk full",
    "PostgreSQL refuses; Redis refuses connections",
    "PostgreSQL refuses; Redis: OOM",
    "PostgreSQL refuses; Redis keeps the letter and is not heard",
    "PostgreSQL and Redis are black holes",
    "the same id with other content",
    "a future that has to give way",
)
SLICE = {each.name: each for each in plays_of(KM_WRITE) if each.name in CHOSEN}
NO_AOF = next(trouble for trouble in REDIS if trouble.name == "Redis without AOF")
needs_redis = pytest.mark.skipif(
    redis_program.find() is None, reason="no Redis on this machine: install redis-server 6.2 or newer"
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene(tmp_path_factory, postgres_server, migrated_template, redis_server) -> AsyncIterator[Scene]:
    folder, redis = tmp_path_factory.mktemp("matrix"), Path(unquote(urlsplit(redis_server.start().url).path))
    with cloned(postgres_server, migrated_template, "fault_matrix") as url:
        async with staged(KM_WRITE, folder, postgres_server.socket, url, redis) as made:
            await warm(made, KM_WRITE)
            yield made


@needs_redis
@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", CHOSEN)
async def test_what_is_acknowledged_takes_effect_once(scene, name):
    assert (await perform(scene, KM_WRITE, SLICE[name])).problems == ()


@needs_redis
@pytest.mark.asyncio(loop_scope="module")
async def test_a_play_that_does_not_hold_says_so(scene):
    await scene.clear()
    assert await play(scene, KM_WRITE, NO_AOF, REFUSED) == ["answered 204, not 503"]


def test_the_table_is_whole():
    assert list(FAULTS) == list(range(1, 39))
    assert {subject.function for subject in COLUMNS} == set(FUNCTIONS)
    played = {(each.row, subject.function) for subject in COLUMNS for each in plays_of(subject)}
    assert played == {
        (row, function)
        for row in FAULTS
        for function in FUNCTIONS
        if not is_absent(row, function) and campaign_of(row, function) is None
    }


def test_what_is_played_elsewhere_is_played():
    named = {campaign_of(row, function) for row in FAULTS for function in FUNCTIONS} - {None}
    assert named <= {campaign.name for campaign in CAMPAIGNS}


def test_the_names_of_plays_are_unique():
    for subject in COLUMNS:
        names = [(each.row, each.name) for each in plays_of(subject)]
        assert len(names) == len(set(names))


HELD = Played(row=1, function="km_write", name="down", answer_s=0.1, back_s=0.1, problems=())


def test_the_grid_has_a_sign_for_each_cell():
    lines = grid([HELD, replace(HELD, row=2, problems=("answered 204, not 202",))])

    assert lines[1].split()[:5] == ["1", "PostgreSQL", "is", "down", "held"]
    assert "BROKEN" in lines[2]
    assert lines[20].split()[-9:] == ["404", *["-"] * 8]
    assert lines[32].split()[-9:] == ["*"] * 8 + ["-"]
    assert lines[-1] == "1 of 2 cells held, 2 plays."


def test_a_cell_is_broken_by_one_of_its_plays():
    lines = grid([HELD, replace(HELD, problems=("took effect 2 times",))])

    assert "BROKEN" in lines[1]
    assert lines[-1] == "0 of 1 cells held, 2 plays."


def test_what_did_not_hold_is_told_with_its_place():
    told = list(broken([HELD, replace(HELD, problems=("took effect 2 times",))]))

    assert told == ["BROKEN  row 1, km_write, down: took effect 2 times"]
