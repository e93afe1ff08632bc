"""The first design's sequence: upsert through the async ORM, commit, then the back-reference UPDATE, commit.

``python -m tests.benchmarks.first_design <url> <callers> <events> <run>``. Called in process, without HTTP, inbox or
outbox; one pooled connection per caller, no pre-ping, uvloop: better conditions than it had.
"""

from __future__ import annotations

import hashlib
import sys
import uuid
from collections.abc import Awaitable, Callable

import sqlalchemy as sa
import uvloop
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker, create_async_engine
from sqlalchemy.orm import registry

from shared.adapters.tables.knowledge import knowledge_entries
from shared.domain.knowledge import Write
from tests.benchmarks import samples
from tests.benchmarks.results import timed

_KEPT = ("id", "incident_key", "path_type", "created_at")


class Entry:
    """A row of ``knowledge_entries``."""


registry().map_imperatively(Entry, knowledge_entries, properties={"metadata_": knowledge_entries.c.metadata})


def engine_for(url: str, callers: int) -> AsyncEngine:
    """An engine with a connection for each caller."""
    return create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://"), pool_size=callers)


def writer(engine: AsyncEngine) -> Callable[[Write], Awaitable[None]]:
    """Writes one entry, then tells path A of the approval."""
    sessions = async_sessionmaker(engine, expire_on_commit=False)
    columns = knowledge_entries.c

    async def write(write: Write) -> None:
        row = _row(write)
        upsert = insert(Entry).values(row)
        changed = {name: upsert.excluded[name] for name in row if name not in _KEPT}
        upsert = upsert.on_conflict_do_update(index_elements=["incident_key", "path_type"], set_=changed)
        async with sessions() as session:
            await session.scalar(upsert.returning(Entry))
            await session.commit()
            path_a = sa.and_(columns.incident_key == write.key, columns.path_type == "incident_resolve")
            await session.execute(sa.update(Entry).where(path_a).values(approval_id=write.approval_id))
            await session.commit()

    return write


def _row(write: Write) -> dict[str, object]:
    return {
        "id": uuid.uuid4(),
        "incident_key": write.key,
        "incident_id": write.incident_id,
        "path_type": str(write.path),
        **write.entry.model_dump(mode="json"),
        "metadata": write.metadata,
        "approval_id": write.approval_id,
        "source": write.event.source,
        "event_id": write.event.id,
        "event_time": write.event.time,
        "content_sha256": hashlib.sha256(write.entry.content.encode()).hexdigest(),
        "created_at": write.event.time,
        "updated_at": write.event.time,
    }


async def main(url: str, callers: int, events: int, run: str) -> None:
    engine = engine_for(url, callers)
    (await timed(events, callers, samples.writes(run, events + 4 * callers), writer(engine))).report()
    await engine.dispose()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]))
