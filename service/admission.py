"""Turn requests away early when more is asked than can be answered in time.

One event loop answers everything, so whoever comes in waits for what is in flight. How long is
measured: requests in flight, times the time between two answers. Whoever would wait longer than
that is worth is told at once to come back, which costs next to nothing, instead of being answered
when nobody listens any more. Recommendations and ingestion have a budget each, so that a flood of
one does not turn the other away; health, documentation and administration have none.
"""

import logging
import time
from collections.abc import Callable, Mapping
from math import inf

from starlette.types import ASGIApp, Receive, Scope, Send

from service.problem import RETRY_AFTER, problem
from service.settings import Settings

FEW = 8  # in flight are always taken: a slow answer or two are no queue
WINDOW_S = (
    1.0  # of work, about, that the mean cost is taken over: by time, as answers come in bursts
)
TOLD_S = 10.0  # between two lines of the log about it
BUSY = "more is asked than can be answered in time: retry after Retry-After seconds"

log = logging.getLogger(__name__)


class Budget:
    """What of one kind may be in flight: `most` requests, and as many as take `wait_s` seconds."""

    def __init__(
        self,
        kind: str,
        most: int,
        wait_s: float = inf,
        now: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._kind = kind
        self._most = most
        self._wait_s = wait_s
        self._now = now
        self._busy_s = self._answers = 0.0  # time with something in flight, answers in it; of late
        self._last = self._told = -inf
        self.in_flight = 0
        self.refused = 0

    def admits(self) -> bool:
        """Whether one more may enter."""
        if self.in_flight < self._most and (self.in_flight < FEW or self.ahead_s <= self._wait_s):
            return True
        self.refused += 1
        self._tell()
        return False

    @property
    def ahead_s(self) -> float:
        """How long what is in flight will take, at the pace of late."""
        return self.in_flight * self._busy_s / max(self._answers, 1.0)

    def enter(self) -> float:
        """Count it in; `leave` takes what this returns."""
        self.in_flight += 1
        return self._now()

    def leave(self, entered: float) -> None:
        """Count it out, and learn what one costs."""
        now = self._now()
        self.in_flight -= 1
        busy = now - max(entered, self._last)
        fade = WINDOW_S / (WINDOW_S + busy)
        self._busy_s = fade * self._busy_s + busy
        self._answers = fade * self._answers + 1
        self._last = now

    def _tell(self) -> None:
        if self._now() - self._told > TOLD_S:
            self._told = self._now()
            log.warning("turning away: %d of %s are in flight", self.in_flight, self._kind)


class Admission:
    """ASGI middleware; `budgets` by the first part of the path."""

    def __init__(self, app: ASGIApp, budgets: Mapping[str, Budget]) -> None:
        self._app = app
        self._budgets = budgets

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, or answer 429."""
        first = scope["path"][1:].partition("/")[0] if scope["type"] == "http" else ""
        budget = self._budgets.get(first)
        if budget is None:
            await self._app(scope, receive, send)
        elif budget.admits():
            entered = budget.enter()
            try:
                await self._app(scope, receive, send)
            finally:
                budget.leave(entered)
        else:
            await problem(429, BUSY, headers=RETRY_AFTER)(scope, receive, send)


def budgets(settings: Settings) -> dict[str, Budget]:
    """One of recommendations, one of ingestion."""
    wait_s = settings.recommend_wait_ms / 1000
    recommend = Budget("recommendations", settings.recommend_in_flight, wait_s)
    ingest = Budget("ingestion", settings.ingest_in_flight)
    return {
        **dict.fromkeys(("recommend", "similar"), recommend),
        **dict.fromkeys(("items", "events", "users"), ingest),
    }
