"""Group commit: whatever waits is committed together; each caller gets its own result.

While one group is on its way to the database the next one gathers, so the size of a group follows the load by itself
and a single caller never waits for company. A group that fails because of what is in it, be it content that the
database refuses or a bug that an item brings to light, is rolled back and tried again one by one: one bad item harms no
other.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from shared.domain.errors import DatabaseUnavailable
from shared.domain.failures import DEADLINE_PASSED

Item = TypeVar("Item")
Result = TypeVar("Result")

Group = list[tuple[Item, asyncio.Future[Result]]]
"""Items, each with the caller that waits for it."""


class GroupCommit(Generic[Item, Result]):
    """Gathers items into groups.

    Args:
        commit: commits items together and returns one result for each, in order.
        lanes: groups that may be under way at the same time; more helps when a flush is slow.
        largest: items in one group.
    """

    def __init__(
        self, commit: Callable[[Sequence[Item]], Awaitable[Sequence[Result]]], *, lanes: int, largest: int
    ) -> None:
        self._commit = commit
        self._lanes = lanes
        self._largest = largest
        self._waiting: deque[tuple[Item, asyncio.Future[Result]]] = deque()
        self._running = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def submit(self, item: Item, *, deadline_s: float) -> Result:
        """Commit ``item`` with whatever else waits.

        Raises:
            DatabaseUnavailable: also when ``deadline_s`` passed; the item may still be committed.
        """
        done: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, done))
        if self._running < self._lanes:
            self._running += 1
            lane = asyncio.create_task(self._run())
            self._tasks.add(lane)
            lane.add_done_callback(self._tasks.discard)
        try:
            async with asyncio.timeout(deadline_s):
                return await done
        except TimeoutError:
            raise DatabaseUnavailable(DEADLINE_PASSED) from None

    async def _run(self) -> None:
        """One lane: commit groups until nothing waits."""
        try:
            while group := self._take():
                await self._commit_group(group)
        finally:
            # Here, not when the task is done: what is submitted in between would wait for a lane that has ended.
            self._running -= 1

    async def _commit_group(self, group: Group[Item, Result]) -> None:
        try:
            results = await self._commit([item for item, _ in group])
        except DatabaseUnavailable as error:
            _fail(group, error)
        except Exception as error:  # noqa: BLE001 - a fan-out: a failure is its callers', and the lane goes on
            if len(group) == 1:
                _fail(group, error)
            else:
                await self._one_by_one(group)
        except BaseException as error:
            _fail(group, error)
            raise
        else:
            for (_, done), result in zip(group, results, strict=True):
                if not done.done():
                    done.set_result(result)

    def _take(self) -> Group[Item, Result]:
        group: Group[Item, Result] = []
        while self._waiting and len(group) < self._largest:
            item, done = self._waiting.popleft()
            # Nobody waits for a cancelled one: it was deferred or refused, and writing it now would be a surprise.
            if not done.done():
                group.append((item, done))
        return group

    async def _one_by_one(self, group: Group[Item, Result]) -> None:
        for item, done in group:
            if not done.done():
                await self._commit_group([(item, done)])


def _fail(group: Group[Item, Result], error: BaseException) -> None:
    for _, done in group:
        if not done.done():
            done.set_exception(error)
