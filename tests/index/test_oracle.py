"""Random programs against a dictionary: the index and the obvious implementation always agree.

Vectors hold small integers, so that arithmetic is exact and ties are everywhere; some items come a
few hundred at a time, so that a first search is not enough. Each program runs on an index that
scans everything and on one with an inverted file of which every list is probed, where what is
"few" elsewhere is a handful here, so that a few hundred items meet every way of searching.
"""

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import faiss
import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from numpy.typing import NDArray

from index import ItemIndex, NoSnapshot, filters, search, structure
from tests.campaign import count

DIM = 3
MODEL = "m" * 64
TIMES = st.none() | st.integers(0, 9).map(float)
ATTRIBUTES = st.dictionaries(
    st.sampled_from(["language", "region"]),
    st.sampled_from(["a", "b"]) | st.lists(st.sampled_from(["a", "b", "c"]), max_size=3),
)
USUAL = st.sampled_from([{"language": "a"}, {"region": ["a", "b"]}])  # asked again and again
IDS = st.sampled_from(
    [f"{number}" for number in range(12)] + [f"bulk{n}" for n in range(0, 300, 7)]
)
COMPONENTS = st.integers(-2, 2)
VECTORS = st.tuples(*[COMPONENTS] * DIM).filter(any)


@dataclass(frozen=True)
class Item:
    """One stored item, as the caller gave it."""

    vector: tuple[int, ...]
    expires_at: float | None = None
    published_at: float | None = None
    attributes: dict[str, str | list[str]] = field(default_factory=dict)

    def live(self, now: float) -> bool:
        published = self.published_at is None or self.published_at <= now
        return published and (self.expires_at is None or now < self.expires_at)

    def matches(self, filters: dict[str, str | list[str]]) -> bool:
        return all(set(self.attributes.get(key, [])) & set(filters[key]) for key in filters)

    def score(self, query: NDArray[np.float32]) -> float:
        return float(max(np.dot(interest, self.vector) for interest in query))


ITEMS = st.builds(Item, VECTORS, TIMES, TIMES, ATTRIBUTES)


class Program(RuleBasedStateMachine):
    """The same calls to the index and to a dictionary."""

    exact_up_to = 50_000

    def __init__(self) -> None:
        super().__init__()
        faiss.omp_set_num_threads(1)
        self.index = ItemIndex(DIM, recall=1.0, exact_up_to=self.exact_up_to)
        self.oracle: dict[str, Item] = {}
        self.saved: dict[str, Item] = {}
        self.saves = 0
        self.folder = tempfile.TemporaryDirectory()

    def teardown(self) -> None:
        self.folder.cleanup()

    def store(self, items: dict[str, Item]) -> None:
        values = list(items.values())
        self.index.upsert(
            list(items),
            np.array([item.vector for item in values], dtype=np.float32).reshape(-1, DIM),
            expires_at=[item.expires_at for item in values],
            published_at=[item.published_at for item in values],
            attributes=[item.attributes for item in values],
        )
        self.oracle |= items

    @rule(items=st.dictionaries(IDS, ITEMS, max_size=6))
    def upsert(self, items: dict[str, Item]) -> None:
        self.store(items)

    @rule(many=st.integers(100, 300), like=st.lists(ITEMS, min_size=1, max_size=8))
    def upsert_many(self, many: int, like: list[Item]) -> None:
        self.store({f"bulk{number}": like[number % len(like)] for number in range(many)})

    @rule(ids=st.lists(IDS, max_size=6))
    def remove(self, ids: list[str]) -> None:
        known = set(ids) & set(self.oracle)
        assert self.index.remove(ids) == len(known)
        self.oracle = {id_: item for id_, item in self.oracle.items() if id_ not in known}

    @rule(modulus=st.integers(1, 9))
    def remove_many(self, modulus: int) -> None:
        ids = sorted(self.oracle)[::modulus]
        assert self.index.remove(ids) == len(ids)
        for id_ in ids:
            del self.oracle[id_]

    @rule(now=st.integers(-1, 10).map(float))
    def expire(self, now: float) -> None:
        expired = {
            id_
            for id_, item in self.oracle.items()
            if item.expires_at is not None and item.expires_at <= now
        }
        assert self.index.expire(now) == set(expired)
        for id_ in expired:
            del self.oracle[id_]

    @rule(
        queries=st.lists(st.lists(VECTORS, min_size=2, max_size=2), min_size=1, max_size=3),
        k=st.integers(1, 60),
        now=st.none() | st.integers(-1, 10).map(float),
        filters=st.none() | USUAL | ATTRIBUTES,
        excluding=st.integers(0, 9),
    )
    def search(
        self,
        queries: list[list[tuple[int, ...]]],
        k: int,
        now: float | None,
        filters: dict[str, str | list[str]] | None,
        excluding: int,
    ) -> None:
        """Each query excludes its own best results, so that exclusion always bites."""
        arrays = np.array(queries, dtype=np.float32)
        rankings = [self.ranking(query, now, filters or {}) for query in arrays]
        best = [[id_ for _, id_ in ranking[:excluding]] for ranking in rankings]
        ids, scores = self.index.search(arrays, k, now=now, exclude=best, filters=filters)
        expected = [ranking[excluding:][:k] for ranking in rankings]
        assert ids == [[id_ for _, id_ in ranking] for ranking in expected]
        assert scores == [[-score for score, _ in ranking] for ranking in expected]

    def ranking(
        self, query: NDArray[np.float32], now: float | None, filters: dict[str, str | list[str]]
    ) -> list[tuple[float, str]]:
        """(-score, id) of every eligible item, best first."""
        return sorted(
            (-item.score(query), id_)
            for id_, item in self.oracle.items()
            if (now is None or item.live(now)) and item.matches(filters)
        )

    @rule(ids=st.lists(IDS, max_size=4), now=st.integers(-1, 10).map(float))
    def ask_for_items(self, ids: list[str], now: float) -> None:
        for id_ in ids:
            item = self.oracle.get(id_)
            assert (id_ in self.index) == (item is not None)
            assert self.index.is_live(id_, now) == (item is not None and item.live(now))

    @rule()
    def rebuild(self) -> None:
        self.index.rebuild()

    @rule()
    def maintain(self) -> None:
        assert self.index.maintain().items == len(self.oracle)

    @rule()
    def save(self) -> None:
        self.saves += 1
        self.index.save(Path(self.folder.name), model=MODEL, position=f"{self.saves}")
        self.saved = dict(self.oracle)

    @rule()
    def crash(self) -> None:
        """What was not saved is lost, and nothing else."""
        try:
            restored = ItemIndex.load(
                Path(self.folder.name),
                DIM,
                model=MODEL,
                recall=1.0,
                exact_up_to=self.exact_up_to,
            )
        except NoSnapshot:
            assert not self.saves
            return
        assert (restored.position, restored.refused) == (f"{self.saves}", ())
        self.index, self.oracle = restored.index, dict(self.saved)

    @invariant()
    def the_same_items_are_stored(self) -> None:
        assert self.index.ids() == set(self.oracle)
        assert len(self.index) == len(self.oracle)


class InvertedProgram(Program):
    """From a few dozen items on, an inverted file."""

    exact_up_to = 60

    def __init__(self) -> None:
        super().__init__()
        self.patch = pytest.MonkeyPatch()
        # One in which everything is scanned would be given up; blocks and lists of vectors that
        # are gathered one by one would hold all that a test can store.
        self.patch.setattr(structure, "WASTEFUL", 1.0)
        self.patch.setattr(filters, "FEW", 40)
        self.patch.setattr(search, "GATHERED", 30)

    def teardown(self) -> None:
        self.patch.undo()
        super().teardown()

    def store(self, items: dict[str, Item]) -> None:
        """Many items are due for other lists."""
        super().store(items)
        if len(items) >= 100:
            self.index.maintain()


SETTINGS = settings(
    max_examples=count(50, 5000),  # of each: 100 programs, 10,000 in a campaign
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
TestExact = Program.TestCase
TestExact.settings = SETTINGS
TestInverted = InvertedProgram.TestCase
TestInverted.settings = SETTINGS
