"""What is asked for at the same time, answered together.

No timer and no waiting for company: who asks alone is answered alone, at once. All calls of one
turn of the event loop make a round; what comes while a round is on its way makes the next one. The
busier the loop, the more calls meet, and the less each of them costs.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate, islice
from typing import Generic, TypeVar

MOST = 128  # questions of a round, unless one caller has more: a round is short

Asked = TypeVar("Asked")
Answered = TypeVar("Answered")


@dataclass(frozen=True)
class Call(Generic[Asked, Answered]):
    """What one caller asked; nobody waits for the answers of one that was cancelled."""

    asked: Sequence[Asked]
    answers: "asyncio.Future[list[Answered]]"


class Together(Generic[Asked, Answered]):
    """A function of a sequence, called once for all callers of a round."""

    def __init__(self, answer: Callable[[Sequence[Asked]], Awaitable[Sequence[Answered]]]) -> None:
        """`answer` gives as many answers as it is asked for, in order; its error is everybody's."""
        self._answer = answer
        self._calls: list[Call[Asked, Answered]] = []
        self._serving: asyncio.Task[None] | None = None

    async def __call__(self, asked: Sequence[Asked]) -> list[Answered]:
        """An answer for each, in order; raises what `answer` raises."""
        loop = asyncio.get_running_loop()
        if self._serving is None or self._serving.done():
            self._serving = loop.create_task(self._serve())  # begins in the next turn
        call: Call[Asked, Answered] = Call(asked, loop.create_future())
        self._calls.append(call)
        return await call.answers

    async def _serve(self) -> None:
        while calls := self._round():
            await self._settle(calls)
            await asyncio.sleep(0)  # everyone else has a turn between two rounds

    def _round(self) -> list[Call[Asked, Answered]]:
        """The next of those who still wait."""
        waiting = [call for call in self._calls if not call.answers.done()]
        sizes = accumulate(len(call.asked) for call in waiting)
        end = max(1, sum(size <= MOST for size in sizes))
        self._calls = waiting[end:]
        return waiting[:end]

    async def _settle(self, calls: Sequence[Call[Asked, Answered]]) -> None:
        try:
            answers = iter(await self._answer([one for call in calls for one in call.asked]))
        except Exception as error:  # noqa: BLE001  # it is raised where it was asked for
            for call in calls:
                if not call.answers.done():
                    call.answers.set_exception(error)
            return
        for call in calls:
            mine = list(islice(answers, len(call.asked)))
            if not call.answers.done():
                call.answers.set_result(mine)
