"""Every recommendation, on its way into the event stream: a bounded buffer off the request path.

A request leaves a note and goes on; notes of a fifth of a second travel together. While Redis does
not take them they wait, and what finds the buffer full is dropped: counted for /metrics, told in
the log. A batch whose answer is lost is sent again, so a request may stand in the stream twice:
whoever reads it counts request and user once.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import chain, islice
from typing import NamedTuple

import orjson
from redis.exceptions import RedisError

from service.clock import Clock
from service.event_stream import EventStream
from service.experiments import Assignment
from service.exposure import FIRST
from service.facts import Facts
from service.live import Answered
from service.metrics import Metrics
from service.recommender import Answer
from service.replica import Replica
from service.sequence import LogSequence

PAUSE_S = 0.2  # between two looks at what waits: a call costs as much as fifty notes
BATCH = 200  # notes of one call: encoding them takes a millisecond or two
TOLD_S = 60.0  # between two lines of the log
PATIENCE_S = 2.0  # that Redis has for the rest when the process ends

log = logging.getLogger(__name__)


class Note(NamedTuple):
    """What an answer leaves behind; the time is epoch seconds."""

    request_id: str
    user_id: str
    time: float
    version: str
    sequence: LogSequence | None
    arms: Sequence[Assignment]
    item_ids: list[str]  # their scores would be kept in memory for nothing
    channels: Sequence[str]

    def line(self, dates: Iterator[float]) -> bytes:
        """What `Exposure.encode` would make of it; `dates` are those of its candidates, in turn."""
        arms = [(one.experiment, one.arm.name, one.bucket, one.forced) for one in self.arms]
        published = list(islice(dates, len(self.item_ids)))  # NaN becomes null
        return orjson.dumps(
            {
                "request_id": self.request_id,
                "user_id": self.user_id,
                "time": self.time,
                "version": self.version,
                "sequence": str(self.sequence) if self.sequence else None,
                "experiments": arms,
                "candidates": (self.item_ids, self.channels, published),
            }
        )


class Exposures:
    """Notes that wait; `dropped` and what was kept stand in the metrics."""

    def __init__(
        self, stream: EventStream, facts: Replica[Facts], clock: Clock, metrics: Metrics, most: int
    ) -> None:
        """`most` notes may wait; 0: none is taken."""
        self._stream = stream
        self._facts = facts
        self._clock = clock
        self._counts = metrics.exposures
        self._most = most
        self._waiting: deque[Note] = deque()
        self._batch: list[Note] = []  # on its way
        self._told = (0, -TOLD_S)  # how many were dropped when the log last said so, and when

    def __len__(self) -> int:
        return len(self._waiting) + len(self._batch)

    def note(self, request_id: str, user_id: str, answer: Answer) -> None:
        """Take down what somebody got; never waits, and never fails."""
        if len(self._waiting) + len(self._batch) >= self._most:
            self._counts["dropped"] += bool(self._most)
            return
        self._waiting.append(
            Note(
                request_id,
                user_id,
                self._clock.now(),
                answer.model.manifest.version,
                answer.sequence,
                answer.arms,
                [item_id for item_id, _ in answer.candidates[:FIRST]],
                answer.channels[:FIRST],
            )
        )

    def forget(self, user_id: str) -> None:
        """Drop what waits of a user: nothing of the erased may follow the erasure."""
        self._waiting = deque(one for one in self._waiting if one.user_id != user_id)
        self._batch = [one for one in self._batch if one.user_id != user_id]

    async def run(self) -> None:
        """Write what waits, again and again, until cancelled."""
        while True:
            with suppress(RedisError, OSError):  # the tail says when Redis is away
                await self.flush()
            self._tell()
            await asyncio.sleep(PAUSE_S)

    async def flush(self) -> None:
        """Write all that waits; what Redis does not take waits on, and its error is raised."""
        while self._waiting:
            count = min(BATCH, len(self._waiting))
            self._batch = [self._waiting.popleft() for _ in range(count)]
            try:
                await self._send(self._batch)
            except BaseException:  # a cancellation too: the process ends, `close` is next
                self._waiting.extendleft(reversed(self._batch))
                raise
            finally:
                self._batch = []
            self._counts["kept"] += count

    async def _send(self, notes: Sequence[Note]) -> None:
        item_ids = list(chain.from_iterable(note.item_ids for note in notes))
        dates = iter(self._facts.shelf.dates(item_ids))  # all looked up at once
        await self._stream.expose(
            [note.line(dates) for note in notes],
            [Answered(note.user_id, note.arms) for note in notes if note.arms],
        )

    async def close(self) -> None:
        """Write the rest, within bounds; what is left then is dropped and told."""
        with suppress(RedisError, OSError, TimeoutError):
            async with asyncio.timeout(PATIENCE_S):
                await self.flush()
        self._counts["dropped"] += len(self._waiting)
        self._waiting.clear()
        self._told = self._told[0], -TOLD_S
        self._tell()

    def _tell(self) -> None:
        """Once a minute, if there is anything to tell."""
        dropped, (before, at) = self._counts["dropped"], self._told
        if dropped > before and time.monotonic() - at >= TOLD_S:
            log.warning(
                "%d recommendations are missing from the event stream: Redis did not take them in "
                "time (COUPLE_EXPOSURE_BUFFER)",
                dropped - before,
            )
            self._told = dropped, time.monotonic()
