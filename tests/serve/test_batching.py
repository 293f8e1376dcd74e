"""Work of many callers done together: by hand, by law, and where it breaks."""

import asyncio
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protgraph.serve.batching import Batcher, Full


class Held:
    """Answers with the square, and not before it is let go."""

    def __init__(self):
        self.go = threading.Event()
        self.begun = threading.Event()
        self.batches = []

    def __call__(self, items):
        self.begun.set()
        self.go.wait()
        self.batches.append(list(items))
        return [item * item for item in items]


async def queued(held, asked, *, budget, room=100):
    """Ask for 0 alone, the rest while that is computed; then let go."""
    batcher = Batcher(held, size=abs, budget=budget, room=room)
    work = asyncio.create_task(batcher.work())
    first = asyncio.create_task(batcher.ask([0]))
    await asyncio.to_thread(held.begun.wait)
    rest = [asyncio.create_task(batcher.ask(items)) for items in asked]
    await asyncio.sleep(0)
    waiting = batcher.waiting
    held.go.set()
    found = await asyncio.gather(first, *rest, return_exceptions=True)
    work.cancel()
    return found[1:], waiting


def test_what_waits_is_taken_together_up_to_the_budget():
    held = Held()
    found, waiting = asyncio.run(queued(held, [[3], [2, 4], [1], [9], [1]], budget=6))
    assert found == [[9], [4, 16], [1], [81], [1]]
    assert waiting == 6
    assert held.batches == [[0], [3, 2], [4, 1], [9], [1]]


def test_what_finds_no_room_is_refused_whole_and_the_rest_is_answered():
    held = Held()
    found, waiting = asyncio.run(queued(held, [[1, 2], [3, 4], [5]], budget=9, room=3))
    assert found[0] == [1, 4]
    assert isinstance(found[1], Full)
    assert found[2] == [25]
    assert waiting == 3


def test_a_batch_that_breaks_is_told_to_its_callers_and_the_next_one_is_answered():
    def answer(items):
        if 13 in items:
            raise RuntimeError("out of luck")
        return [2 * item for item in items]

    async def both():
        batcher = Batcher(answer, size=abs, budget=20, room=10)
        work = asyncio.create_task(batcher.work())
        asked = [batcher.ask([13, 1]), batcher.ask([2]), batcher.ask([8])]
        found = await asyncio.gather(*asked, return_exceptions=True)
        work.cancel()
        return found

    one, two, three = asyncio.run(both())
    assert isinstance(one, RuntimeError)
    assert isinstance(two, RuntimeError)
    assert three == [16]


def test_a_caller_who_leaves_takes_no_answer_from_another():
    async def left():
        held = Held()
        batcher = Batcher(held, size=abs, budget=20, room=10)
        work = asyncio.create_task(batcher.work())
        gone, stays = (asyncio.create_task(batcher.ask([n])) for n in (2, 3))
        await asyncio.to_thread(held.begun.wait)
        gone.cancel()
        held.go.set()
        found = await stays
        work.cancel()
        return found

    assert asyncio.run(left()) == [9]


@given(st.lists(st.lists(st.integers(1, 9), min_size=1, max_size=4), max_size=8), st.integers(1, 9))
def test_each_caller_has_the_own_answers_and_no_batch_is_over_the_budget(asked, budget):
    held = Held()
    found, _ = asyncio.run(queued(held, asked, budget=budget))
    assert found == [[item * item for item in items] for items in asked]
    assert [item for batch in held.batches[1:] for item in batch] == [
        item for items in asked for item in items
    ]
    assert all(sum(batch) <= budget or len(batch) == 1 for batch in held.batches)


def test_more_than_the_room_is_refused_at_once():
    async def too_many():
        await Batcher(list, size=abs, budget=1, room=2).ask([1, 2, 3])

    with pytest.raises(Full, match="0 items wait, and 2 may"):
        asyncio.run(too_many())
