"""The table of `benchmarks/index.py`: rows, and the clocks that fill them."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.catalogue import Vectors

WARM = 20  # searches of each contender before the first round
LONGEST = 3.0  # seconds a contender may take of a round; slow ones answer fewer queries

HEADER = "| row | ours | yardstick | ratio | target | met |\n| --- | --- | --- | --- | --- | --- |"


@dataclass(frozen=True)
class Row:
    """One line: what was measured, its yardstick from the same run and whether it will do."""

    name: str
    ours: str
    yardstick: str = ""
    ratio: float | None = None
    target: str = ""
    met: bool | None = None  # None: shown for comparison, nothing is promised

    def __str__(self) -> str:
        ratio = "" if self.ratio is None else f"{self.ratio:.2f}"
        met = {None: "", True: "yes", False: "**no**"}[self.met]
        return f"| {self.name} | {self.ours} | {self.yardstick} | {ratio} | {self.target} | {met} |"


def at_most(name: str, ours: str, yardstick: str, ratio: float, limit: float) -> Row:
    """A row whose ratio of ours to the yardstick must not pass a limit."""
    return Row(name, ours, yardstick, ratio, f"≤ {limit:g} times", ratio <= limit)


def time_of(seconds: float) -> str:
    """For people: µs, ms or s, whichever reads best."""
    if seconds >= 1:
        return f"{seconds:.2f} s"
    return f"{seconds * 1e6:.0f} µs" if seconds < 1e-3 else f"{seconds * 1e3:.2f} ms"


@dataclass(frozen=True)
class Timing:
    """One contender's searches: the percentiles of each round, in seconds."""

    p50s: Sequence[float]
    p99s: Sequence[float]

    @property
    def p50(self) -> float:
        """Median over the rounds."""
        return float(np.median(self.p50s))

    @property
    def p99(self) -> float:
        """Median over the rounds."""
        return float(np.median(self.p99s))

    def __str__(self) -> str:
        return f"{time_of(self.p50)}, p99 {time_of(self.p99)}"

    def ratio(self, other: "Timing") -> float:
        """Median over the rounds of this p50 to the other's in the same round."""
        return float(np.median(np.array(self.p50s) / np.array(other.p50s)))


def percentiles(seconds: Sequence[float]) -> tuple[float, float]:
    """p50 and p99."""
    low, high = np.percentile(seconds, (50, 99)).tolist()
    return low, high


def race(
    contenders: Mapping[str, Callable[[Vectors], object]], queries: Vectors, rounds: int
) -> dict[str, Timing]:
    """Time each contender's searches of queries [Q, D], in turn within each round."""
    counts = {name: _count(search, queries) for name, search in contenders.items()}
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, search in contenders.items():
            seconds = [timed(search, query) for query in queries[: counts[name]]]
            found[name].append(percentiles(seconds))
    return {name: Timing(*zip(*pairs, strict=True)) for name, pairs in found.items()}


def timed(search: Callable[[Vectors], object], query: Vectors) -> float:
    """Seconds of one search."""
    began = time.perf_counter()
    search(query)
    return time.perf_counter() - began


def _count(search: Callable[[Vectors], object], queries: Vectors) -> int:
    """How many queries fit a round; warms up on the way."""
    seconds = min(timed(search, query) for query in queries[:WARM])
    return max(WARM, min(len(queries), int(LONGEST / seconds)))
