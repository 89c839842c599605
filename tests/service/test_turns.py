"""Long work and everybody else take turns on the event loop."""

import asyncio
import time
from collections.abc import Iterator

import pytest

from service.turns import TURN_S, in_turns

pytestmark = pytest.mark.anyio


def slow_steps(count: int, seconds: float) -> Iterator[int]:
    """Each takes so long of this thread."""
    for step in range(count):
        until = time.perf_counter() + seconds
        while time.perf_counter() < until:
            pass
        yield step


async def turns_of_others(steps: Iterator[int]) -> int:
    """How often another task runs while all steps are taken, in order."""
    turns, done = 0, False

    async def other() -> None:
        nonlocal turns
        while not done:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    taken = [step async for step in in_turns(steps)]
    assert taken == sorted(taken)
    done = True
    await task
    return turns


async def test_others_have_a_turn_after_every_long_step() -> None:
    assert await turns_of_others(slow_steps(10, 1.5 * TURN_S)) >= 10


async def test_nobody_else_runs_while_the_work_is_short() -> None:
    """A turn of the loop costs more than a short step."""
    assert await turns_of_others(iter(range(3))) <= 1
