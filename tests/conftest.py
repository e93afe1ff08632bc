"""Real servers for every test that asks for one.

They are started here, never taken from ``DATABASE_URL`` or ``REDIS_URL``: tests kill them and flush them. One
PostgreSQL and one Redis serve the whole session, started by the first test that needs them; each test gets its own
database, cloned from a migrated template, and an empty Redis. A test may kill either: the next one finds it recovered.
"""

from __future__ import annotations

import gc
import itertools
import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest

from shared.local import postgres_wheel, redis_program

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from typing import Any

    from shared.adapters.postgres import Database
    from shared.local.postgres import EmbeddedPostgres
    from shared.local.redis import EmbeddedRedis, InMemoryRedis

# Laws are tried with this many draws here, and with as many as wanted by HYPOTHESIS_PROFILE=whole.
hypothesis.settings.register_profile("slice", max_examples=25, deadline=None)
hypothesis.settings.register_profile("whole", max_examples=1000, deadline=None)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "slice"))

TEMPLATE = "template_migrated"
LONGEST_FIRST = ("e2e", "faults", "integration", "contracts", "handlers", "unit")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, Any, Any]:
    """What is collected stays to the end: the garbage collector need not walk it while it grows, nor ever after."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes long, by room and by size: a long file that starts last keeps one worker busy alone."""
    rooms = Path(__file__).parent
    ranks = {
        path: (LONGEST_FIRST.index(path.relative_to(rooms).parts[0]), -path.stat().st_size, path)
        for path in {item.path for item in items}
    }
    items.sort(key=lambda item: ranks[item.path])


def pytest_report_header() -> str:
    redis = redis_program.find()
    redis_version = "in memory" if redis is None else redis_program.version(redis)
    return f"PostgreSQL {postgres_wheel.version()} · Redis {redis_version}"


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """PostgreSQL with fsync on; for tests that kill it."""
    from shared.local.postgres import EmbeddedPostgres  # noqa: PLC0415 - unit tests start without drivers

    server = EmbeddedPostgres(tmp_path_factory.mktemp("postgres")).start()
    yield server
    server.destroy()


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedRedis | InMemoryRedis]:
    """The best Redis of this machine; for tests that kill it."""
    from shared.local.redis import embedded_redis  # noqa: PLC0415 - unit tests start without drivers

    server = embedded_redis(tmp_path_factory.mktemp("redis")).start()
    yield server
    server.destroy()


@pytest.fixture
def durable_redis(redis_server: EmbeddedRedis | InMemoryRedis, redis_url: str) -> EmbeddedRedis | InMemoryRedis:
    """The Redis server, empty, where it keeps what it acknowledged."""
    if not redis_server.durable:
        pytest.skip("no durable Redis on this machine: install redis-server 6.2 or newer")
    return redis_server


@pytest.fixture(scope="session")
def migrated_template(postgres_server: EmbeddedPostgres) -> str:
    """The name of a database that has every migration and no rows."""
    from shared.adapters.migrate import upgrade  # noqa: PLC0415 - unit tests start without Alembic

    upgrade(postgres_server.create_database(TEMPLATE))
    return TEMPLATE


@pytest.fixture(scope="session")
def database_names() -> Iterator[str]:
    return (f"test_{number}" for number in itertools.count(1))


@pytest.fixture
def empty_database_url(postgres_server: EmbeddedPostgres, database_names: Iterator[str]) -> Iterator[str]:
    """A database of one's own, without any table; for tests of the migrations themselves."""
    with _database(postgres_server, next(database_names), template="template1") as url:
        yield url


@pytest.fixture(scope="session")
def common_database_url(postgres_server: EmbeddedPostgres, migrated_template: str) -> str:
    return postgres_server.create_database("common", template=migrated_template)


@pytest.fixture
def database_url(postgres_server: EmbeddedPostgres, common_database_url: str) -> str:
    """A migrated and empty database; nobody from an earlier test is in it. Its schema must stay as it is."""
    from tests.tables import vacated  # noqa: PLC0415 - unit tests start without drivers

    postgres_server.start()
    return vacated(common_database_url)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """That database as functions see it."""
    from tests.tables import opened  # noqa: PLC0415 - unit tests start without drivers

    with opened(database_url) as made:
        yield made


@pytest.fixture
def rows(database_url: str) -> Iterator[Callable[..., list[list[Any]]]]:
    """A second client of that database: from a statement to rows."""
    from tests.tables import reading  # noqa: PLC0415 - unit tests start without drivers

    with reading(database_url) as run:
        yield run


@pytest.fixture
def own_database_url(
    postgres_server: EmbeddedPostgres, migrated_template: str, database_names: Iterator[str]
) -> Iterator[str]:
    """A database of one's own, migrated and empty, for tests that change its schema. Making it takes a second."""
    with _database(postgres_server, next(database_names), template=migrated_template) as url:
        yield url


@pytest.fixture
def redis_url(redis_server: EmbeddedRedis | InMemoryRedis) -> str:
    """An empty Redis."""
    import redis  # noqa: PLC0415 - unit tests start without drivers

    redis_server.start()
    with redis.Redis.from_url(redis_server.url) as client:
        client.flushall()
    return redis_server.url


@contextmanager
def _database(server: EmbeddedPostgres, name: str, *, template: str) -> Iterator[str]:
    server.start()
    yield server.create_database(name, template=template)
    server.start()
    server.drop_database(name)
