"""Searches while items come and go: how long they take, how soon news is found, what is wrong.

Quiet and busy rounds in turn on the same index. Changes come from a second thread, as the item log
of the service does, in batches of 10 to 100.
"""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Event

import numpy as np
from numpy.typing import NDArray

from benchmarks.catalogue import DAY, NOW, Items, Numbers, Vectors, id_of
from benchmarks.index_stage import Stage
from benchmarks.index_table import Row, time_of
from benchmarks.index_traffic import Answer, Clock, Ledger, Traffic, p99
from benchmarks.yardsticks import K
from index import ItemIndex

UPSERTS, REMOVALS_PER_UPSERT = 1000, 0.2  # a second; removals for each upsert
REPLACING = 0.2  # share of the upserts that bring a stored item a new vector
SHORT_LIVED = 0.1  # share of the new items that expire within two seconds
LATE = NOW + DAY  # what expires after that lasts
SMALLEST, LARGEST = 10, 100  # changes of a batch
SECONDS, QUICK_SECONDS = 4.0, 1.0  # of a round; 5 x 4 s x 500/s x 100 ids are 10^6
VISIBLE, PATIENCE = 0.05, 1.0  # seconds until a new item is found; until the search for it ends
FACTOR, FLOOR = 2.0, 5e-3  # p99 of ours: at most FACTOR times the quiet one, or FLOOR seconds
SPARE = 3  # times the upserts that the rounds should take: on a slow machine rounds are longer
APPLIED = 0.95  # share of the rate that must have been kept up


@dataclass
class Writer:
    """One thread of changes at a steady rate, which measures how soon each batch is found."""

    index: ItemIndex
    ledger: Ledger
    clock: Clock
    fresh: Items  # consumed from the front, over all rounds
    replaced: Numbers  # items of the catalogue that get new vectors
    doomed: Numbers  # items of the catalogue that are removed
    rng: np.random.Generator
    upserts: int = 0
    removals: int = 0
    delays: list[float] = field(default_factory=list)
    busy: float = 0.0  # seconds of the rounds so far

    def run(self, stop: Event) -> None:
        """Change the index until told to stop."""
        began, before = time.perf_counter(), self.upserts
        while not stop.is_set() and self.upserts + LARGEST <= len(self.fresh):
            size = int(self.rng.integers(SMALLEST, LARGEST + 1))
            self._upsert(size)
            self._remove(round(size * REMOVALS_PER_UPSERT))
            due = began + (self.upserts - before) / UPSERTS
            time.sleep(max(0.0, due - time.perf_counter()))
        self.busy += time.perf_counter() - began

    def _upsert(self, size: int) -> None:
        batch = slice(self.upserts, self.upserts + size)
        part = self.fresh.part(batch)
        ids, lasting = self._named(batch)
        lives = np.where(lasting, 1e6, self.rng.uniform(0.1, 2, size))
        expiry = (self.clock() + lives).tolist()
        began = time.perf_counter()
        self.ledger.added |= dict.fromkeys(ids, began)
        # What lasts may have replaced an item that lasts too: no answer can be wrong about it.
        self.ledger.expiry |= {id_: end for id_, end in zip(ids, expiry, strict=True) if end < LATE}
        self.index.upsert(ids, part.vectors, expires_at=expiry, attributes=part.attributes)
        self.upserts += size
        if lasting.any():
            probe = int(np.flatnonzero(lasting)[-1])
            self.delays.append(self._seen(ids[probe], part.vectors[probe]) - began)

    def _named(self, batch: slice) -> tuple[list[str], NDArray[np.bool_]]:
        """The ids of a batch, new and old, and which of them last."""
        numbers = self.fresh.first + np.arange(batch.start, batch.stop)
        replacing = self.rng.random(len(numbers)) < REPLACING
        numbers[replacing] = self.replaced[batch][replacing]
        lasting = replacing | (self.rng.random(len(numbers)) >= SHORT_LIVED)
        return list(map(id_of, numbers.tolist())), lasting

    def _seen(self, id_: str, vector: Vectors) -> float:
        """When a search with an item's own vector first finds it, or patience ends."""
        end = time.perf_counter() + PATIENCE
        while time.perf_counter() < end:
            ids, _ = self.index.search(vector[None, None], K, now=self.clock())
            if id_ in ids[0]:
                break
        return time.perf_counter()

    def _remove(self, size: int) -> None:
        ids = list(map(id_of, self.doomed[self.removals : self.removals + size].tolist()))
        self.index.remove(ids)
        self.ledger.removed |= dict.fromkeys(ids, time.perf_counter())
        self.removals += size


def churn(stage: Stage) -> Iterator[Row]:
    """Rounds without and with changes, in turn."""
    options = stage.options
    seconds = QUICK_SECONDS if options.quick else SECONDS
    clock, rng = Clock(), np.random.default_rng(4)
    writer = _writer(stage, clock, int(UPSERTS * seconds * options.rounds * SPARE))
    traffic = Traffic(stage.index, stage.queries, clock, rng)
    traffic.run(QUICK_SECONDS)
    quiet, busy = [], []
    answers: list[Answer] = []
    for _ in range(options.rounds):
        quiet.append(p99(traffic.run(seconds)))
        found = _beside(traffic, writer, seconds)
        busy.append(p99(found))
        answers += found
    yield _slowed(quiet, busy, writer)
    yield _visible(writer)
    yield _checked(writer.ledger, answers)


def _writer(stage: Stage, clock: Clock, most: int) -> Writer:
    rng = np.random.default_rng(5)
    count = len(stage.items)
    shuffled = rng.permutation(count)
    doomed, replaced = np.array_split(shuffled, 2)
    return Writer(
        stage.index,
        Ledger(count),
        clock,
        stage.world.items(rng, count, most),
        np.resize(replaced, most),
        doomed,
        rng,
    )


def _beside(traffic: Traffic, writer: Writer, seconds: float) -> list[Answer]:
    """The answers of a round that changes accompany."""
    stop = Event()
    with ThreadPoolExecutor(1) as beside:
        changes = beside.submit(writer.run, stop)
        try:
            answers = traffic.run(seconds)
        finally:
            stop.set()
        changes.result()
    return answers


def slower(name: str, ours: float, quiet: float, more: str = "", *, held: bool = True) -> Row:
    """A row of a p99 beside the quiet one of the same run; `held`: what else must be so."""
    met = held and ours <= max(FACTOR * quiet, FLOOR)
    target = f"≤ max({FACTOR:g} times, {time_of(FLOOR)})"
    return Row(name, time_of(ours) + more, f"quiet {time_of(quiet)}", ours / quiet, target, met)


def _slowed(quiet: list[float], busy: list[float], writer: Writer) -> Row:
    upserts, removals = writer.upserts / writer.busy, writer.removals / writer.busy
    more = f" at {upserts:.0f} upserts/s and {removals:.0f} removals/s"
    name = "search p99 while items come and go"
    calm, slow = float(np.median(quiet)), float(np.median(busy))
    return slower(name, slow, calm, more, held=upserts >= APPLIED * UPSERTS)


def _visible(writer: Writer) -> Row:
    worst, typical = max(writer.delays), float(np.median(writer.delays))
    ours = f"at most {time_of(worst)}, median {time_of(typical)}, {len(writer.delays)} measured"
    return Row(
        "from an upsert's call to its item found",
        ours,
        target=f"≤ {time_of(VISIBLE)}",
        met=worst <= VISIBLE,
    )


def _checked(ledger: Ledger, answers: list[Answer]) -> Row:
    wrong = sum(map(ledger.wrong, answers))
    checked = sum(len(answer.ids) for answer in answers)
    name = "unknown, dead or doubled ids"
    return Row(name, f"{wrong} of {checked:,}", target="0", met=wrong == 0)
