"""Calls of one turn of the event loop meet; what becomes of one is nobody else's business."""

import asyncio
from collections.abc import Sequence

import pytest

from service.together import Together

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


async def test_who_comes_later_is_not_waited_for() -> None:
    """A call that is alone in its turn is answered alone, and so is the one after it."""
    halves = Halves()
    together = Together(halves)
    first = asyncio.create_task(together([2]))
    for _ in range(3):
        await asyncio.sleep(0)
    assert halves.batches == [[2]]
    assert await together([4]) == [2]
    assert await first == [1]
    assert halves.batches == [[2], [4]]


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


async def test_an_error_that_one_may_have_brought_is_only_its_own() -> None:
    """All are asked again, apart."""
    halves = Halves()
    together = Together(halves, apart=ValueError)
    calls = (together([2]), together([3]), together([4, 6]))
    found = await asyncio.gather(*calls, return_exceptions=True)
    assert [found[0], found[2]] == [[1], [2, 3]]
    assert isinstance(found[1], ValueError)
    assert halves.batches == [[2, 3, 4, 6], [2], [3], [4, 6]]
