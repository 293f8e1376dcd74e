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


async def asked_of(answer, *asked, **settings):
    """What some calls of one batcher are told, and the last one after all others."""
    batcher = Batcher(answer, **{"size": abs, "budget": 20, "room": 10, **settings})
    work = asyncio.create_task(batcher.work())
    calls = [batcher.ask(items) for items in asked[:-1]]
    found = await asyncio.gather(*calls, return_exceptions=True)
    async with asyncio.timeout(60):
        last = await batcher.ask(asked[-1])
    work.cancel()
    return [*found, last]


def test_an_answer_that_is_an_exception_is_raised_for_its_own_caller_alone():
    def answer(items):
        return [RuntimeError("out of luck") if item == 13 else 2 * item for item in items]

    found = asyncio.run(asked_of(answer, [1], [2, 13], [3], [4]))
    assert isinstance(found.pop(1), RuntimeError)
    assert found == [[2], [6], [8]]


def test_a_wrong_number_of_answers_is_told_and_the_next_call_is_answered():
    found = asyncio.run(asked_of(lambda items: items[:2], [1, 2, 3], [4]))
    assert str(found[0]) == "3 items have 2 answers."
    assert found[1] == [4]


def test_an_item_without_a_size_is_the_fault_of_its_caller_alone():
    found = asyncio.run(asked_of(lambda items: items, ["a"], [4]))
    assert isinstance(found[0], TypeError)
    assert found[1] == [4]


def test_who_asks_for_nothing_is_told_nothing():
    assert asyncio.run(asked_of(lambda items: items, [], [4])) == [[], [4]]


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
