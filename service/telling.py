"""What this worker tells of itself and, through the host's seats, of its siblings."""

import asyncio
import logging
from functools import partial

from service import exposition, thread
from service.errors import StateUnusable
from service.figures import Figures
from service.seats import Seats

BEAT_S = 1.0  # between two times that a worker writes its figures down: what a kill may lose

log = logging.getLogger(__name__)


class Telling:
    """Writes down this worker's figures, and answers with those of all."""

    def __init__(self, seats: Seats, figures: Figures) -> None:
        self._seats = seats
        self._figures = figures
        self._turn = asyncio.Lock()  # what was counted earlier must not be written later

    async def text(self) -> bytes:
        """The figures of the host in Prometheus' text form; raise StateUnusable."""
        await self._write()
        return await thread.run(self._read, "read figures")

    async def run(self) -> None:
        """Write at every beat until cancelled, and say once that it cannot be done."""
        said = False
        while True:
            try:
                await self._write()
                said = False
            except StateUnusable as error:
                if not said:
                    log.warning("/metrics has nothing to tell: %s", error)
                said = True
            await asyncio.sleep(BEAT_S)

    async def close(self) -> None:
        """Write for the last time, and free the seat."""
        try:
            await self._write()
        except StateUnusable as error:
            log.warning("the last second was not counted: %s", error)
        self._seats.leave()

    async def _write(self) -> None:
        async with self._turn:
            if not self._seats.seated:
                await thread.run(self._seats.take, "take a seat")
            gauges = self._figures.gauges(self._seats.number)
            tell = partial(self._seats.tell, self._figures.counts(), gauges)
            await thread.run(tell, "write figures")

    def _read(self) -> bytes:
        told = self._seats.heard()
        return exposition.text({**told.counts, **told.gauges})
