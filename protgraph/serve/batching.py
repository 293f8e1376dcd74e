"""Work of many callers done together: what waits is taken up to a budget, by one thread."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class Full(Exception):
    """There is no room for so many more items."""


class Batcher(Generic[Item, Answer]):
    """Items of many callers, answered in batches, first come, first served.

    Nothing waits for a batch to fill: whatever has come while one batch is computed is the next
    one, as far as it fits into the budget.

    Parameters
    ----------
    answer : callable
        From items to as many answers; called by one thread, never twice at the same time. An
        answer that is an exception is raised in the one call that asked for it.
    size : callable
        From an item to its residues.
    budget : int
        Residues of a batch; a larger item is a batch of its own.
    room : int
        Items that wait, at most.

    Examples
    --------
    >>> async def both():
    ...     doubler = Batcher(lambda xs: [2 * x for x in xs], size=int, budget=8, room=10)
    ...     work = asyncio.create_task(doubler.work())
    ...     found = await asyncio.gather(doubler.ask([1, 2]), doubler.ask([3]))
    ...     work.cancel()
    ...     return found
    >>> asyncio.run(both())
    [[2, 4], [6]]
    """

    def __init__(
        self, answer: Callable[[Sequence[Item]], Sequence[Answer | Exception]], *,
        size: Callable[[Item], int], budget: int, room: int,
    ) -> None:  # fmt: skip
        self._answer, self._size, self._budget, self._room = answer, size, budget, room
        self._waiting: deque[tuple[Item, int, asyncio.Future[Answer]]] = deque()
        self._more = asyncio.Event()

    @property
    def waiting(self) -> int:
        """How many items wait; those that are computed do not."""
        return len(self._waiting)

    @property
    def room(self) -> int:
        """How many more items may wait."""
        return self._room - len(self._waiting)

    async def ask(self, items: Sequence[Item]) -> list[Answer]:
        """Wait for the answers to some items, in their order.

        Raises
        ------
        Full
            Where they do not fit among what waits; then none of them does.
        Exception
            What `answer` raised for a batch with one of them.
        """
        if not items:
            return []
        if len(items) > self.room:
            raise Full(f"{len(self._waiting)} items wait, and {self._room} may.")
        loop = asyncio.get_running_loop()
        asked = [(item, self._size(item), loop.create_future()) for item in items]
        self._waiting.extend(asked)
        self._more.set()
        return list(await asyncio.gather(*(future for *_, future in asked)))

    async def work(self) -> None:
        """Answer until cancelled."""
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(1, "model") as thread:
            while True:
                await self._more.wait()
                batch = self._next()
                items = [item for item, _ in batch]
                found: Sequence[Answer | Exception]
                try:
                    found = await loop.run_in_executor(thread, self._answer, items)
                    if len(found) != len(items):
                        raise RuntimeError(f"{len(items)} items have {len(found)} answers.")
                except Exception as error:
                    found = [error] * len(items)
                for (_, future), own in zip(batch, found, strict=True):
                    _tell(future, own)

    def _next(self) -> list[tuple[Item, asyncio.Future[Answer]]]:
        """Take what fits; at least one item."""
        batch: list[tuple[Item, asyncio.Future[Answer]]] = []
        left = self._budget
        while self._waiting and (not batch or self._waiting[0][1] <= left):
            item, size, future = self._waiting.popleft()
            batch.append((item, future))
            left -= size
        if not self._waiting:
            self._more.clear()
        return batch


def _tell(future: asyncio.Future[Answer], answer: Answer | Exception) -> None:
    """Answer a caller who has not left."""
    if future.done():
        return
    if isinstance(answer, Exception):
        future.set_exception(answer)
    else:
        future.set_result(answer)
