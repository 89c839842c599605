"""Turn requests away early when more is asked than can be answered in time.

One event loop answers everything, so whoever comes in waits for what is in flight. How long is
measured: requests in flight, times the time between two answers. Whoever would wait longer than
that is worth is told at once to come back, which costs next to nothing, instead of being answered
when nobody listens any more. Recommendations and ingestion have a budget each, so that a flood of
one does not turn the other away; health, documentation and administration have none.

In flight is what has come in whole. Whoever still sends keeps nobody waiting: only the bytes that
are here already count, so that no number of slow senders fills the memory.
"""

import logging
import time
from collections.abc import Callable, Mapping
from math import inf

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.errors import Busy
from service.problem import RETRY_AFTER, problem
from service.settings import Settings

SENDING = frozenset({"POST", "PUT"})  # methods whose requests have a body to wait for
SMALL_BYTES = 64 * 2**10  # of a body: the limit to connections bounds how many of these there are
FEW = 8  # in flight are always taken: a slow answer or two are no queue
WINDOW_S = 1.0  # of work, about, that the mean cost is taken over: answers come in bursts
UNMEASURED = 32.0  # answers that count as free at first: a slow first one is no sign of a queue
TOLD_S = 10.0  # between two lines of the log about it
BUSY = "more is asked than can be answered in time: retry after Retry-After seconds"

log = logging.getLogger(__name__)


class Budget:
    """What of one kind may be in flight: `most` requests, and as many as take `wait_s` seconds.

    And what may be here of their bodies: `most_bytes`.
    """

    def __init__(
        self,
        kind: str,
        most: int,
        wait_s: float = inf,
        most_bytes: float = inf,
        now: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.kind = kind
        self._most = most
        self._wait_s = wait_s
        self._most_bytes = most_bytes
        self._now = now
        self._busy_s, self._answers = 0.0, UNMEASURED  # time with any in flight, answers in it
        self._last = self._told = -inf
        self.in_flight = self.bytes = 0
        self.refused = 0

    def admits(self) -> bool:
        """Whether one more may enter."""
        if self.in_flight < self._most and (self.in_flight < FEW or self.ahead_s <= self._wait_s):
            return True
        self._refuse()
        return False

    def holds(self, size: int) -> bool:
        """Whether a body of this size so far may stay; small ones may always."""
        if size <= SMALL_BYTES or self.bytes <= self._most_bytes:
            return True
        self._refuse()
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

    def _refuse(self) -> None:
        self.refused += 1
        if self._now() - self._told > TOLD_S:
            self._told = self._now()
            log.warning("turning away: %d of %s are in flight", self.in_flight, self.kind)


class Visit:
    """One request at the door: its bytes count as they come, itself from when it is whole."""

    def __init__(self, budget: Budget, receive: Receive) -> None:
        self._budget = budget
        self._receive = receive
        self._bytes = 0
        self._entered: float | None = None

    async def receive(self) -> Message:
        """The application's `receive`; raises Busy where there is no place for what comes."""
        message = await self._receive()
        if self._entered is None and message["type"] == "http.request":
            self._count(len(message.get("body", b"")))
            if not message.get("more_body", False):
                self.enter()
        return message

    def _count(self, size: int) -> None:
        self._bytes += size
        self._budget.bytes += size
        if not self._budget.holds(self._bytes):
            raise Busy(BUSY)

    def enter(self) -> None:
        """Take a place; raise Busy where there is none."""
        if not self._budget.admits():
            raise Busy(BUSY)
        self._entered = self._budget.enter()

    def leave(self) -> None:
        """Give back what it has taken."""
        self._budget.bytes -= self._bytes
        if self._entered is not None:
            self._budget.leave(self._entered)


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
            await self._visit(Visit(budget, receive), scope, send)
        else:
            await problem(429, BUSY, headers=RETRY_AFTER)(scope, receive, send)

    async def _visit(self, visit: Visit, scope: Scope, send: Send) -> None:
        try:
            if scope["method"] not in SENDING:
                visit.enter()
            await self._app(scope, visit.receive, send)
        finally:
            visit.leave()


def budgets(settings: Settings, now: Callable[[], float] = time.perf_counter) -> dict[str, Budget]:
    """One of recommendations, one of ingestion."""
    wait_s = settings.recommend_wait_ms / 1000
    bytes_ = max(settings.bodies_limit_bytes, settings.body_limit_bytes)  # one always fits
    recommend = Budget("recommendations", settings.recommend_in_flight, wait_s, bytes_, now)
    ingest = Budget("ingestion", settings.ingest_in_flight, inf, bytes_, now)
    return {
        **dict.fromkeys(("recommend", "similar"), recommend),
        **dict.fromkeys(("items", "events", "users"), ingest),
    }
