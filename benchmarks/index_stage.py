"""What the parts of `benchmarks/index.py` share: the items, the users, the index and bare faiss.

Everything is made when a part first asks for it, and once.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from benchmarks.catalogue import DIM, NOW, Items, Vectors, World, numbers_of, rounded
from benchmarks.index_table import race
from benchmarks.yardsticks import BareIvf, K, Rows, Search, Truth
from index import ItemIndex

TARGET = 0.99  # recall@k by score
LISTS = (1024, 2048, 4096)
FEWEST_A_LIST = 39  # items per list below which faiss warns of a poor training
BATCH = 10_000


@dataclass(frozen=True)
class Options:
    """What the command line says."""

    items: int
    rounds: int
    quick: bool
    turnovers: int

    @property
    def users(self) -> int:
        """Queries that are timed, and as many others that settings are tuned on."""
        return 200 if self.quick else 1000


@dataclass(frozen=True)
class Tuned:
    """Bare faiss at the fewest probes that reach the recall."""

    ivf: BareIvf
    probes: int
    search: Search

    def __str__(self) -> str:
        return f"IVF{self.ivf.lists},SQfp16, nprobe {self.probes}"


class Stage:
    """One world, its catalogue, its users, and what searches them."""

    def __init__(self, options: Options, *, clustered: bool = True) -> None:
        self.options = options
        self.world = World(clustered=clustered)

    @cached_property
    def items(self) -> Items:
        """The catalogue."""
        return self.world.items(np.random.default_rng(1), 0, self.options.items)

    @cached_property
    def matrix(self) -> Vectors:
        """Its vectors as fp16 codes give them back, [n, D]."""
        return rounded(self.items.vectors)

    @cached_property
    def queries(self) -> Vectors:
        """Users that are timed, [Q, D]."""
        return self.world.users(np.random.default_rng(2), self.options.users)

    @cached_property
    def tuning(self) -> Truth:
        """Other users, which settings are tuned on."""
        users = self.world.users(np.random.default_rng(3), self.options.users)
        return Truth(self.matrix, users)

    @cached_property
    def truth(self) -> Truth:
        """What the timed users ought to get."""
        return Truth(self.matrix, self.queries)

    @cached_property
    def index(self) -> ItemIndex:
        """Ours, filled, and tuned on the other users as on its live queries."""
        index = ItemIndex(DIM)
        fill(index, self.items)
        settle(index, self.tuning.queries)
        return index

    @cached_property
    def bare(self) -> Tuned:
        """The fastest of three bare indexes at the target."""
        found = list(map(self._tuned, self._lists()))
        racers = {str(one): one.search for one in found}
        timings = race(racers, self.tuning.queries, self.options.rounds)
        return min(found, key=lambda one: timings[str(one)].p50)

    def _tuned(self, lists: int) -> Tuned:
        ivf = BareIvf(self.matrix, lists)
        return Tuned(ivf, *ivf.tuned(self.tuning, TARGET))

    def _lists(self) -> list[int]:
        fit = [lists for lists in LISTS if lists * FEWEST_A_LIST <= len(self.items)]
        return fit or [max(1, len(self.items) // FEWEST_A_LIST)]


def fill(index: ItemIndex, items: Items) -> None:
    """Store all items, a batch at a time."""
    for part in items.slices(BATCH):
        store(index, part)


def store(index: ItemIndex, items: Items) -> None:
    """Store items with their expiry and attributes."""
    expiry = items.expires_at.tolist()
    index.upsert(items.ids, items.vectors, expires_at=expiry, attributes=items.attributes)


def settle(index: ItemIndex, users: Vectors) -> None:
    """Let the index see users [Q, D] and take the structure and settings that suit them."""
    for query in users:
        index.search(query[None, None], K, now=NOW)
    index.rebuild()
    index.maintain()


def searching(
    index: ItemIndex, filters: Mapping[str, str] | None = None
) -> Callable[[Vectors], list[str]]:
    """Our search of one user [D], as the service calls it: on a clock, ids for an answer."""

    def search(query: Vectors) -> list[str]:
        ids, _ = index.search(query[None, None], K, now=NOW, filters=filters)
        return ids[0]

    return search


def as_rows(search: Callable[[Vectors], list[str]]) -> Callable[[Vectors], Rows]:
    """The same search with row numbers for an answer, to be judged as the yardsticks are."""
    return lambda query: numbers_of(search(query))
