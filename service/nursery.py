"""How a generation comes to life beside traffic: from its host's snapshot, which one worker makes.

One worker, which holds the host's lock, has a process of its own embed the catalogue and save a
snapshot; all workers of the host load that and follow the log from its position. A snapshot of an
earlier run serves as well, as long as the log still leads on from it.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from redis.exceptions import RedisError

from index import ItemIndex, SnapshotError
from service import child, keeper, replay, thread, upkeep
from service.build import build, open_model
from service.catalogue import Catalogue
from service.engine import Held
from service.errors import SequenceMalformed
from service.generation import Generation
from service.host import Host
from service.model import Model
from service.replica import LogGap, Replica
from service.sequence import LogSequence
from service.settings import Settings
from service.tail import Tail
from service.vectors import VectorShelf

POLL_S = 0.1  # between two looks for another worker's snapshot
PAUSES_S = (0.2, 1.0, 5.0, 30.0)  # between two attempts to build

log = logging.getLogger(__name__)


class Nursery:
    """An engine (`service.engine`): every process has an index of its own, in its memory."""

    def __init__(self, settings: Settings, catalogue: Catalogue, host: Host, tail: Tail) -> None:
        self._settings = settings
        self._catalogue = catalogue
        self._host = host
        self._tail = tail

    def make(self, model: Model) -> Generation:
        """See `Engine`."""
        return Generation.of(model)

    async def open(self, folder: Path, version: str) -> Generation:
        """See `Engine`."""
        model = await thread.run(partial(open_model, folder, version), "open a bundle")
        return self.make(model)

    async def fill(self, generation: Generation, astray: Callable[[], bool]) -> None:
        """See `Engine`. This process answers nobody yet, so it may embed the catalogue itself."""
        with suppress(RedisError):
            await self.restore(generation)
        self._tail.add(generation.replica, astray)
        await generation.replica.filled()

    async def raise_(
        self, generation: Generation, folder: Path, astray: Callable[[], bool]
    ) -> None:
        """See `Engine`. A snapshot is built where there is none."""
        await self._nurse(generation, folder)
        self._tail.add(generation.replica, astray)

    def drop(self, generation: Generation) -> None:
        """See `Engine`."""
        self._tail.drop(generation.replica)

    def chores(self, held: Held) -> Sequence[Coroutine[Any, Any, None]]:
        """See `Engine`."""
        return (
            upkeep.run(lambda: held.live, self._settings.upkeep_interval_ms),
            keeper.run(self._host, held, self._settings.snapshot_interval_s),
        )

    async def close(self) -> None:
        """See `Engine`. Nothing: the tail ends with the application."""

    async def _nurse(self, generation: Generation, folder: Path) -> None:
        """From the newest snapshot that serves, or one that is built for it."""
        failures, refused, version = 0, None, generation.version
        while generation.sequence is None:
            newest = self._host.newest(version)
            if newest not in {None, refused}:
                refused = await self._take(generation, newest)
            elif not await self._built(version, folder, refused):
                await asyncio.sleep(PAUSES_S[min(failures, len(PAUSES_S) - 1)])
                failures += 1

    async def _take(self, generation: Generation, newest: str | None) -> str | None:
        """Try the newest snapshot; return it when it does not serve, lest it is tried again."""
        try:
            return None if await self.restore(generation) else newest
        except RedisError:
            await asyncio.sleep(PAUSES_S[0])
            return None

    async def restore(self, generation: Generation) -> bool:
        """Fill a generation's index from a snapshot; False where there is none that serves.

        Raises:
            RedisError: the log cannot be asked.
        """
        try:
            fresh = await thread.run(partial(self._load, generation), "load a snapshot")
            await replay.catch_up(self._catalogue, fresh)
        except (SnapshotError, SequenceMalformed, LogGap, OSError) as error:
            log.debug("no snapshot of model %s: %s", generation.version[:12], error)
            return False
        assert fresh.sequence  # noqa: S101  # for mypy: the snapshot had one
        generation.replica.take(fresh.shelf, fresh.sequence)
        return True

    def _load(self, generation: Generation) -> Replica[VectorShelf]:
        model, folder = generation.model, self._host.snapshots(generation.version)
        restored = ItemIndex.load(folder, model.manifest.dim, model=generation.version)
        replica = Replica(generation.replica.make)
        shelf = VectorShelf(model, restored.index)
        replica.take(shelf, LogSequence.parse(restored.position))
        return replica

    async def _built(self, version: str, folder: Path, refused: str | None) -> bool:
        """Have a snapshot made, unless somebody else is at it; False when that went wrong."""
        with self._host.alone() as alone:
            if not alone:
                await asyncio.sleep(POLL_S)
                return True
            if self._host.newest(version) != refused:
                return True  # somebody else was quicker
            return await self._build(version, folder)

    async def _build(self, version: str, folder: Path) -> bool:
        log.info("building the index of model %s", version[:12])
        arguments = (self._settings, folder, version, self._host.snapshots(version))
        try:
            await child.run(build, *arguments, niceness=self._settings.build_niceness)
        except (child.ChildLost, child.ChildDied) as error:
            log.warning("the index of model %s was not built: %s", version[:12], error)
            return False
        return True
