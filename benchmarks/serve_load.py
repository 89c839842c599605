"""What `benchmarks/serve.py` drives a server on this machine with, and what came of it.

Closed loop: each connection asks again once it is answered; counts what a server can do. Open loop:
`loadtest.open_loop`, which measures each request from when it was due. Connections and requests are
those of `loadtest`, which the command line uses too.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import cycle

import numpy as np

from loadtest.address import Address
from loadtest.arrivals import Times
from loadtest.connection import Connection
from loadtest.open_loop import PATIENCE, OpenLoop, Shot

CONNECTIONS = 32  # of a closed loop


def request(path: str, body: bytes, key: str | None = None) -> bytes:
    """A POST with its JSON body."""
    return Address("localhost", 80, key=key).request("POST", path, body)


@asynccontextmanager
async def connected(port: int, count: int) -> AsyncIterator[list[Connection]]:
    """So many connections to a server on this machine."""
    server = Address("127.0.0.1", port)
    opened = [await server.connect() for _ in range(count)]
    try:
        yield opened
    finally:
        await asyncio.gather(*(connection.close() for connection in opened))


@dataclass
class Outcome:
    """What became of a run: of each answer when it was due and how long it took, in seconds."""

    due: list[float] = field(default_factory=list)  # since the run began
    took: list[float] = field(default_factory=list)
    failed: int = 0  # answers that were no 200
    unanswered: int = 0
    seconds: float = 0.0  # until the last answer
    pauses: list[float] = field(default_factory=list)  # of the generator between two looks

    def note(self, due: float, now: float, status: int, _: bytes = b"") -> None:
        """One answer; `due` and `now` since the run began."""
        self.due.append(due)
        self.took.append(now - due)
        self.failed += status != 200
        self.seconds = now

    @property
    def rate(self) -> float:
        """Good answers a second."""
        return (len(self.took) - self.failed) / self.seconds if self.seconds else 0.0

    def percentile(self, percent: float, start: float = 0.0, end: float = np.inf) -> float:
        """Of the seconds that requests due in a part of the run took; exact; NaN without any."""
        due, took = np.array(self.due), np.array(self.took)
        part = took[(due >= start) & (due < end)]
        return float(np.percentile(part, percent)) if len(part) else np.nan


async def saturate(
    port: int, requests: Sequence[bytes], seconds: float, callers: int = CONNECTIONS
) -> Outcome:
    """Ask on so many connections at once, each again when it is answered, for so long."""
    async with connected(port, callers) as connections:
        return await Rounds(cycle(requests), seconds).run(connections)


class Rounds:
    """One closed loop."""

    def __init__(self, requests: Iterator[bytes], seconds: float) -> None:
        self._requests, self._seconds = requests, seconds
        self._outcome = Outcome()
        self._began = time.perf_counter()
        self._asking = 0  # connections that wait for an answer
        self._ended = asyncio.Event()

    async def run(self, connections: Sequence[Connection]) -> Outcome:
        """Until the last request of the time is answered, or patience ends."""
        for connection in connections:
            self._ask(connection)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._ended.wait(), self._seconds + PATIENCE)
        self._outcome.unanswered = self._asking
        return self._outcome

    def _now(self) -> float:
        return time.perf_counter() - self._began

    def _ask(self, connection: Connection) -> None:
        asked = self._now()
        self._asking += 1

        def done(status: int, _: bytes) -> None:
            now = self._now()
            self._outcome.note(asked, now, status)
            self._asking -= 1
            if now < self._seconds and status:
                self._ask(connection)
            elif not self._asking:
                self._ended.set()

        connection.send(next(self._requests), done)


async def arrive(
    port: int, requests: Iterator[bytes], dues: Times, outcome: Outcome | None = None
) -> Outcome:
    """Send requests when they are due (seconds from now), on as many connections as it takes.

    What comes of them is added to `outcome`, if one is given.
    """
    outcome = Outcome() if outcome is None else outcome
    shots = (Shot(asked, outcome.note) for asked in requests)
    loop = OpenLoop(Address("127.0.0.1", port).connect, shots, dues)
    outcome.unanswered = len(await loop.run())
    outcome.pauses = loop.pauses
    return outcome


async def answers(port: int, requests: Sequence[bytes]) -> list[bytes]:
    """The body of each answer, one request at a time."""
    bodies = []
    async with connected(port, 1) as (connection,):
        for asked in requests:
            status, body = await connection.ask(asked)
            assert status == 200, body
            bodies.append(body)
    return bodies
