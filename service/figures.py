"""What a worker has to tell, read from its parts when somebody asks."""

import os
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from service import families
from service.admission import Budget
from service.facts import Facts
from service.families import Family
from service.generations import Generations
from service.metrics import Metrics
from service.replica import Replica
from service.tail import Tail

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
STATM = Path("/proc/self/statm")

Figure = tuple[Family, tuple[str, ...], float]


@dataclass(frozen=True)
class Figures:
    """Where the figures of one worker come from."""

    metrics: Metrics
    tail: Tail
    facts: Replica[Facts]
    generations: Generations
    budgets: Collection[Budget]

    def counts(self) -> dict[str, float]:
        """What was counted since the worker began, by the name of the figure."""
        shed = {families.SHED.series((one.kind,)): one.refused for one in self.budgets}
        return {**dict(self.metrics.series()), **shed}

    def gauges(self, worker: int) -> dict[str, float]:
        """What is so now; `worker` is the worker's seat."""
        figures = [*self._state(), *self._models(), *self._flight(), *_process()]
        return {family.series((worker, *rest)): float(value) for family, rest, value in figures}

    def _state(self) -> Iterator[Figure]:
        """The lag is that of the replica furthest behind; none before all hold the catalogue."""
        yield families.READY, (), self.generations.ready
        yield families.REDIS_UP, (), self.tail.connected
        yield families.CATALOGUE, (), self.facts.shelf.digest.count
        if self.generations.ready:
            replicas: list[Replica[Any]] = [
                self.facts,
                *(one.replica for one in self.generations.live),
            ]
            yield families.LAG, (), max(replica.lag_s for replica in replicas)

    def _models(self) -> Iterator[Figure]:
        for listed in self.generations.listed():
            yield families.GENERATION, (listed.name, listed.version, listed.state), 1
            yield families.GENERATION_BYTES, (listed.version,), listed.bytes
        for live in self.generations.live:
            yield families.INDEX_ITEMS, (live.version,), live.count
            if stats := live.stats():
                yield families.INDEX_RECALL, (live.version,), stats.recall
                yield families.INDEX_REBUILDS, (live.version,), stats.rebuilds

    def _flight(self) -> Iterator[Figure]:
        for budget in self.budgets:
            yield families.IN_FLIGHT, (budget.kind,), budget.in_flight
            yield families.WAIT, (budget.kind,), budget.ahead_s


def _process() -> Iterator[Figure]:
    yield families.CPU, (), time.process_time()
    if STATM.exists():  # on Linux
        yield families.RESIDENT, (), int(STATM.read_bytes().split()[1]) * PAGE_BYTES
