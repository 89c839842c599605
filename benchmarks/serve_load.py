"""The load generator of `benchmarks/serve.py`: HTTP/1.1 over kept-alive connections.

Closed loop: each connection asks again once it is answered; counts what a server can do. Open loop:
requests are due at times drawn beforehand, and each is measured from when it was due, however late
it could leave; a server that stalls cannot hide it (coordinated omission). Timers tick once a
millisecond, which counts against every contender alike.

The requests are bytes made beforehand, and answers are not decoded, so that one core has time for
the generator and the store.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any

import numpy as np
from numpy.typing import NDArray

CONNECTIONS = 32  # of a closed loop
MOST = 256  # of an open loop
PATIENCE = 30.0  # seconds for the answers to what was due
TICK = 1e-3

Done = Callable[[int, bytes], None]  # status and body of an answer


def request(path: str, body: bytes, key: str | None = None) -> bytes:
    """A POST with its JSON body."""
    auth = f"Authorization: Bearer {key}\r\n" if key else ""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\n{auth}"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class Connection(asyncio.Protocol):
    """One connection with at most one request on its way."""

    def __init__(self) -> None:
        self._transport: Any = None
        self._received = bytearray()
        self._end = 0  # of the answer in what was received, once its head is there
        self._done: Done | None = None
        self._lost = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def send(self, request: bytes, done: Done) -> None:
        """Ask; `done` is called with the answer, status 0 where the server hung up."""
        self._done = done
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self._end and (head := self._received.find(b"\r\n\r\n")) >= 0:
            self._end = head + 4 + length_of(self._received[:head])
        if self._end and len(self._received) >= self._end:
            self._answer(int(self._received[9:12]), bytes(self._received))

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost.set()
        if self._done:
            self._answer(0, b"")

    def _answer(self, status: int, answer: bytes) -> None:
        done, self._done, self._end = self._done, None, 0
        self._received.clear()
        if done:
            done(status, answer.partition(b"\r\n\r\n")[2])

    async def close(self) -> None:
        """Hang up; an answer still to come is nobody's."""
        self._done = None
        self._transport.close()
        await self._lost.wait()


def length_of(head: bytes | bytearray) -> int:
    """The Content-Length of an answer's head; every contender sends one."""
    return int(bytes(head).lower().partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0])


@asynccontextmanager
async def connected(port: int, count: int) -> AsyncIterator[list[Connection]]:
    """So many connections to a server on this machine."""
    loop = asyncio.get_running_loop()
    opened: list[Connection] = []
    try:
        for _ in range(count):
            _, connection = await loop.create_connection(Connection, "127.0.0.1", port)
            opened.append(connection)
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

    def note(self, due: float, now: float, status: int) -> None:
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


async def saturate(port: int, requests: Sequence[bytes], seconds: float) -> Outcome:
    """Ask on 32 connections at once, each again when it is answered, for so long."""
    async with connected(port, CONNECTIONS) as connections:
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


async def arrive(port: int, requests: Iterator[bytes], dues: NDArray[np.float64]) -> Outcome:
    """Send requests when they are due (seconds from now), on as many connections as it takes."""
    async with connected(port, CONNECTIONS) as connections:
        arrivals = Arrivals(port, connections, requests, dues)
        return await arrivals.run()


class Arrivals:
    """One open loop."""

    def __init__(
        self,
        port: int,
        connections: list[Connection],
        requests: Iterator[bytes],
        dues: NDArray[np.float64],
    ) -> None:
        self._port, self._connections = port, connections
        self._idle = deque(connections)
        self._requests = requests
        self._dues = deque(dues.tolist())
        self._expected = len(dues)
        self._outcome = Outcome()
        self._began = 0.0

    async def run(self) -> Outcome:
        """Until everything is answered, or patience ends."""
        self._began = time.perf_counter()
        last = self._dues[-1] if self._dues else 0.0
        looked = 0.0
        while len(self._outcome.took) < self._expected and looked < last + PATIENCE:
            await self._grow()
            self._send()
            await asyncio.sleep(TICK)
            looked, before = self._now(), looked
            self._outcome.pauses.append(looked - before)
        self._outcome.unanswered = self._expected - len(self._outcome.took)
        return self._outcome

    def _now(self) -> float:
        return time.perf_counter() - self._began

    async def _grow(self) -> None:
        """One more connection when all are taken and a request is due."""
        waiting = self._dues and self._dues[0] <= self._now()
        if waiting and not self._idle and len(self._connections) < MOST:
            loop = asyncio.get_running_loop()
            _, connection = await loop.create_connection(Connection, "127.0.0.1", self._port)
            self._connections.append(connection)
            self._idle.append(connection)

    def _send(self) -> None:
        """What is due, while a connection is free; the last one answered is taken first."""
        now = self._now()
        while self._idle and self._dues and self._dues[0] <= now:
            due, connection = self._dues.popleft(), self._idle.pop()
            connection.send(next(self._requests), self._noting(due, connection))

    def _noting(self, due: float, connection: Connection) -> Done:
        def done(status: int, _: bytes) -> None:
            self._outcome.note(due, self._now(), status)
            self._idle.append(connection)
            self._send()

        return done


def at_random(rate: float, seconds: float, seed: int) -> NDArray[np.float64]:
    """When requests are due that come independently of one another: a Poisson process."""
    gaps = np.random.default_rng(seed).exponential(1 / rate, int(rate * seconds))
    return np.cumsum(gaps)


def evenly(rate: float, seconds: float) -> NDArray[np.float64]:
    """When requests are due that come by the clock."""
    return np.arange(int(rate * seconds)) / rate


async def answers(port: int, requests: Sequence[bytes]) -> list[bytes]:
    """The body of each answer, one request at a time."""
    loop = asyncio.get_running_loop()
    bodies = []
    async with connected(port, 1) as (connection,):
        for asked in requests:
            answered: asyncio.Future[tuple[int, bytes]] = loop.create_future()
            connection.send(asked, lambda *answer, to=answered: to.set_result(answer))
            status, body = await answered
            assert status == 200, body
            bodies.append(body)
    return bodies
