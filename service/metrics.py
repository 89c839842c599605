"""What one worker counts. On the way of a request these are additions to integers and nothing else.

Written by hand: in its mode for several processes prometheus-client has neither figures that are
computed when asked for nor any of processes, and one of its counters costs what all of ours do.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from service import families
from service.channels.mix import NAMES
from service.families import Family

# Seconds. Half a millisecond is a good stage, ten a good request, a second the end of patience.
BOUNDS = (
    *(0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01),
    *(0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5),
)
REASONS = (
    *("no_history", "unknown_tags", "redis_unavailable", "stale_index"),
    *("arm_unavailable", "model_failed", "short"),
)
STAGES = ("histories", "tower", "channels")
COLD_S = 7 * 86_400.0  # as `couple experiments report` has it


class Counter(defaultdict[Any, int]):
    """One family's counts by label value, by a tuple where it has several labels."""

    def __init__(self, family: Family, fixed: Iterable[Any] = ()) -> None:
        """`fixed` are values that are shown before anything was counted."""
        super().__init__(int, dict.fromkeys(fixed, 0))
        self._family = family
        self._names: dict[Any, str] = {}

    def series(self) -> Iterator[tuple[str, float]]:
        """(name of the figure, value)."""
        for key, value in self.items():
            name = self._names.get(key)
            if name is None:
                values = key if isinstance(key, tuple) else (key,)
                name = self._names[key] = self._family.series(values)
            yield name, value


class Histogram:
    """Times of one label value, by `BOUNDS`."""

    __slots__ = ("_counts", "_names", "_total")

    def __init__(self, family: Family, value: str) -> None:
        bounds = [*map(str, BOUNDS), "+Inf"]
        self._names = [family.series((value,), "_bucket", bound) for bound in bounds]
        self._names += [family.series((value,), "_count"), family.series((value,), "_sum")]
        self._counts = [0] * len(bounds)
        self._total = 0.0

    def add(self, seconds: float) -> None:
        self._counts[bisect_left(BOUNDS, seconds)] += 1
        self._total += seconds

    def series(self) -> Iterator[tuple[str, float]]:
        """Each bucket with all below it, as Prometheus has it; their number and sum."""
        below = 0
        for name, count in zip(self._names, self._counts, strict=False):
            below += count
            yield name, below
        yield self._names[-2], below
        yield self._names[-1], self._total


class Metrics:
    """The counts of this process since it began."""

    def __init__(self) -> None:
        self.requests = Counter(families.REQUESTS)
        self.recommendations = Counter(families.RECOMMENDATIONS, [()])
        self.asked = Counter(families.ASKED, [()])
        self.candidates = Counter(families.CANDIDATES, NAMES)
        self.degraded = Counter(families.DEGRADED, REASONS)
        self.items = Counter(families.ITEMS, ("yes", "no"))
        self.tags = Counter(families.TAGS, ("yes", "no"))
        self.events = Counter(families.EVENTS, ("accepted", "duplicate", "rejected"))
        self.impressions = Counter(families.IMPRESSIONS, ("cold", "old", "undated"))
        self.exposures = Counter(families.EXPOSURES, ("kept", "dropped"))
        self.stages = {stage: Histogram(families.STAGE_S, stage) for stage in STAGES}
        self._routes: dict[str, Histogram] = {}

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """One request; its time counts where it went well: a refusal takes none."""
        self.requests[method, route, status] += 1
        if status < 300:
            histogram = self._routes.get(route)
            if histogram is None:
                histogram = self._routes[route] = Histogram(families.REQUEST_S, route)
            histogram.add(seconds)

    def refused(self, status: int) -> None:
        """What was answered before any route could be asked."""
        self.requests["other", "-", status] += 1

    def staged(self, began: float, read: float, embedded: float, ended: float) -> None:
        """One call of /recommend: when each stage began, and when the last ended; seconds."""
        self.stages["histories"].add(read - began)
        self.stages["tower"].add(embedded - read)
        self.stages["channels"].add(ended - embedded)

    def recommended(self, k: int, channels: Sequence[str], degraded: Iterable[str]) -> None:
        """One user's answer: what was asked for, and the channel of each candidate."""
        self.recommendations[()] += 1
        self.asked[()] += k
        left = len(channels)
        for name in NAMES:
            if not left:
                break
            found = channels.count(name)
            self.candidates[name] += found
            left -= found
        for reason in degraded:
            self.degraded[reason] += 1

    def posted(self, known: int, unknown: int, *, retrievable: bool) -> None:
        """One item: tags that the active model knows, and does not; whether it is offered."""
        self.items["yes" if retrievable else "no"] += 1
        self.tags["yes"] += known
        self.tags["no"] += unknown

    def shown(self, published_at: float | None, time: float) -> None:
        """One impression of an item, at a time; epoch seconds."""
        age = None if published_at is None else time - published_at
        self.impressions["undated" if age is None else "cold" if age <= COLD_S else "old"] += 1

    def series(self) -> Iterator[tuple[str, float]]:
        """All figures by name."""
        for kept in vars(self).values():
            if isinstance(kept, Counter):
                yield from kept.series()
        for histogram in (*self.stages.values(), *self._routes.values()):
            yield from histogram.series()
