"""The open loop: requests leave when they are due, and time runs from then, however late they go.

A server that stalls cannot hide it (coordinated omission): who would have come meanwhile comes,
waits, and is measured from when they came. The timer ticks once a millisecond, which counts against
every server alike; how long the generator itself was held up is kept in `pauses`.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from typing import NamedTuple

from loadtest.arrivals import Times
from loadtest.connection import HUNG_UP, Connection

TICK = 1e-3
FIRST = 32  # connections, before the clock runs
MOST = 256
PATIENCE = 30.0  # seconds for the answers to what was due

Note = Callable[[float, float, int, bytes], None]  # due, answered, status, body


class Shot(NamedTuple):
    """A request, and who is told of its answer: due and answered in seconds since the start."""

    request: bytes
    note: Note


class OpenLoop:
    """One run over as many connections as it takes, up to `most`."""

    def __init__(
        self,
        connect: Callable[[], Awaitable[Connection]],
        shots: Iterator[Shot],
        dues: Times,
        *,
        most: int = MOST,
        patience: float = PATIENCE,
    ) -> None:
        """`connect` may raise OSError: what is due then is noted as HUNG_UP."""
        self._connect, self._shots = connect, shots
        self._dues = deque(dues.tolist())
        self._end = (self._dues[-1] if self._dues else 0.0) + patience
        self._most = most
        self._idle: deque[Connection] = deque()
        self._flying: dict[Connection, tuple[float, Shot]] = {}
        self._opening: set[asyncio.Task[None]] = set()
        self._began = 0.0
        self.pauses: list[float] = []  # seconds between two looks at the clock

    async def run(self) -> list[tuple[float, Shot]]:
        """Until everything is answered, or patience ends; what is not answered then, by due."""
        try:
            await self._prepare()
            self._began = time.perf_counter()
            await self._watch()
            return [*self._flying.values(), *((due, next(self._shots)) for due in self._dues)]
        finally:
            await self._hang_up()

    def now(self) -> float:
        """Seconds since the start."""
        return time.perf_counter() - self._began

    async def _prepare(self) -> None:
        """The first connections; a server that takes none is met again when requests are due."""
        for _ in range(min(FIRST, len(self._dues))):
            try:
                self._idle.append(await self._connect())
            except OSError:
                return

    async def _watch(self) -> None:
        looked = 0.0
        while (self._dues or self._flying) and looked < self._end:
            self._send()
            self._grow()
            await asyncio.sleep(TICK)
            looked, before = self.now(), looked
            self.pauses.append(looked - before)

    def _send(self) -> None:
        """What is due, while a connection is free; the last one answered is taken first."""
        now = self.now()
        while self._idle and self._dues and self._dues[0] <= now:
            connection = self._idle.pop()
            if connection.open:
                shot = next(self._shots)
                self._flying[connection] = self._dues.popleft(), shot
                connection.send(shot.request, self._noting(connection))

    def _noting(self, connection: Connection) -> Callable[[int, bytes], None]:
        def done(status: int, body: bytes) -> None:
            due, shot = self._flying.pop(connection)
            shot.note(due, self.now(), status, body)
            if connection.open:
                self._idle.append(connection)
                self._send()

        return done

    def _grow(self) -> None:
        """One more connection when all are taken and a request is due."""
        waiting = self._dues and self._dues[0] <= self.now()
        count = len(self._flying) + len(self._opening)
        if waiting and not self._idle and count < self._most:
            task = asyncio.create_task(self._open())
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)

    async def _open(self) -> None:
        try:
            self._idle.append(await self._connect())
            self._send()
        except OSError:
            now = self.now()
            while self._dues and self._dues[0] <= now:
                next(self._shots).note(self._dues.popleft(), now, HUNG_UP, b"")

    async def _hang_up(self) -> None:
        for task in self._opening:
            task.cancel()
        await asyncio.gather(*self._opening, return_exceptions=True)
        everyone = [*self._idle, *self._flying]
        await asyncio.gather(*(connection.close() for connection in everyone))
