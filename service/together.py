"""What is asked for in one turn of the event loop, answered together.

No timer and no waiting for company: who asks alone is answered alone, at once. The busier the loop,
the more calls meet in a turn, and the less each of them costs.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Generic, TypeVar

Asked = TypeVar("Asked")
Answered = TypeVar("Answered")


@dataclass(frozen=True)
class Call(Generic[Asked, Answered]):
    """What one caller asked; nobody waits for the answers of one that was cancelled."""

    asked: Sequence[Asked]
    answers: "asyncio.Future[list[Answered]]"


class Together(Generic[Asked, Answered]):
    """A function of a sequence, called once for all callers of a turn."""

    def __init__(
        self,
        answer: Callable[[Sequence[Asked]], Awaitable[Sequence[Answered]]],
        apart: type[Exception] | tuple[()] = (),
    ) -> None:
        """`answer` gives as many answers as it is asked for, in order.

        After an error of the kind `apart`, which one caller may have brought on all, each caller is
        answered alone; any other error is everybody's.
        """
        self._answer = answer
        self._apart = apart
        self._calls: list[Call[Asked, Answered]] = []
        self._serving: set[asyncio.Task[None]] = set()

    async def __call__(self, asked: Sequence[Asked]) -> list[Answered]:
        """An answer for each, in order; raises what `answer` raises."""
        loop = asyncio.get_running_loop()
        if not self._calls:
            task = loop.create_task(self._serve())  # begins in the next turn
            self._serving.add(task)
            task.add_done_callback(self._serving.discard)
        call: Call[Asked, Answered] = Call(asked, loop.create_future())
        self._calls.append(call)
        return await call.answers

    async def _serve(self) -> None:
        calls, self._calls = self._calls, []
        if waiting := [call for call in calls if not call.answers.done()]:
            await self._settle(waiting)

    async def _settle(self, calls: Sequence[Call[Asked, Answered]]) -> None:
        try:
            answers = iter(await self._answer([one for call in calls for one in call.asked]))
        except Exception as error:  # noqa: BLE001  # it is raised where it was asked for
            await self._fail(calls, error)
            return
        for call in calls:
            mine = list(islice(answers, len(call.asked)))
            if not call.answers.done():
                call.answers.set_result(mine)

    async def _fail(self, calls: Sequence[Call[Asked, Answered]], error: Exception) -> None:
        if len(calls) > 1 and isinstance(error, self._apart):
            for call in calls:
                await self._settle([call])
            return
        for call in calls:
            if not call.answers.done():
                call.answers.set_exception(error)
