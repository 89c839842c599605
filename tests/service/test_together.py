"""Calls of the same time meet; what becomes of one is nobody else's business."""

import asyncio
from collections.abc import Sequence

import pytest

from service.together import MOST, Together

pytestmark = pytest.mark.anyio


class Halves:
    """Halves even numbers, together; remembers what it was asked at once."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []

    async def __call__(self, numbers: Sequence[int]) -> list[int]:
        self.batches.append(list(numbers))
        await asyncio.sleep(0)
        if any(number % 2 for number in numbers):
            raise ValueError("odd")
        return [number // 2 for number in numbers]


async def test_calls_of_one_turn_are_one_call() -> None:
    """Each caller gets the answers to its own questions, in order."""
    halves = Halves()
    together = Together(halves)
    calls = [together([2, 4]), together([]), together([6]), together([8])]
    assert await asyncio.gather(*calls) == [[1, 2], [], [3], [4]]
    assert halves.batches == [[2, 4, 6, 8]]


async def test_who_comes_later_makes_the_next_round() -> None:
    """All who come while one is on its way; who comes after it goes alone."""
    halves = Halves()
    together = Together(halves)
    first = asyncio.create_task(together([2]))
    for _ in range(2):
        await asyncio.sleep(0)
    assert halves.batches == [[2]]
    meanwhile = [together([4]), together([6])]
    assert await asyncio.gather(*meanwhile) == [[2], [3]]
    assert await first == [1]
    assert await together([8]) == [4]
    assert halves.batches == [[2], [4, 6], [8]]


async def test_a_round_is_bounded_but_nobody_is_torn_apart() -> None:
    """Many callers make several rounds; one who asks more than a round holds is one by itself."""
    halves = Halves()
    together = Together(halves)
    sizes = (MOST - 1, 1, 2, 2 * MOST, MOST)
    found = await asyncio.gather(*(together([2] * size) for size in sizes))
    assert [len(mine) for mine in found] == list(sizes)
    assert [len(batch) for batch in halves.batches] == [MOST, 2, 2 * MOST, MOST]


async def test_a_cancelled_caller_disturbs_nobody() -> None:
    """Whether its question has left or not; one that has not is not asked."""
    for turns in range(4):
        halves = Halves()
        together = Together(halves)
        calls = [asyncio.create_task(together([number])) for number in (2, 4, 6)]
        for _ in range(turns):
            await asyncio.sleep(0)
        calls[1].cancel()
        found = await asyncio.gather(*calls, return_exceptions=True)
        assert (found[0], found[2]) == ([1], [3])
        assert isinstance(found[1], asyncio.CancelledError)


async def test_nothing_is_asked_for_nobody() -> None:
    """All callers gave up in the turn they called in."""
    halves = Halves()
    call = asyncio.create_task(Together(halves)([2]))
    await asyncio.sleep(0)
    call.cancel()
    await asyncio.wait([call])
    await asyncio.sleep(0)
    assert halves.batches == []


async def test_an_error_is_everybodys() -> None:
    """Of the calls that were answered together; the next one is not touched."""
    together = Together(Halves())
    found = await asyncio.gather(together([2]), together([3]), return_exceptions=True)
    assert [type(one) for one in found] == [ValueError, ValueError]
    assert await together([2]) == [1]
