"""Searches beside a writer, upkeep and snapshots: every answer is right for its own time.

A third of the items is never touched, so that what must be found is known at any moment; the others
swap between two vectors, leave, come back and expire. An answer is checked item by item.
"""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import faiss
import numpy as np
import pytest

from index import Attributes, ItemIndex, structure
from index.lists import Vectors
from tests.campaign import count
from tests.index.vectors import DIM, clustered

SECONDS = count(5, 60)
ITEMS = 3000
K = 60
MODEL = "m" * 64
IDS = [f"{number:04}" for number in range(ITEMS)]
TOUCHED = [row for row in range(ITEMS) if row % 3]
ATTRIBUTES: list[Attributes] = [{"group": str(row % 2), "one": "yes"} for row in range(ITEMS)]
RED, BLUE = clustered(ITEMS, seed=1), clustered(ITEMS, seed=2)
BLUE[::3] = RED[::3]
QUERIES = clustered(8, seed=3).reshape(4, 2, DIM)
BARRED = list(range(0, ITEMS, 5))


class Question(NamedTuple):
    """What a searcher asks beside its query."""

    now: float | None
    barred: list[int]
    filters: Attributes | None

    def allows(self, row: int) -> bool:
        wanted = self.filters is None or row % 2 == 1
        return wanted and row not in self.barred


QUESTIONS = [
    Question(None, [], None),
    Question(5.0, BARRED, None),
    Question(None, [], {"group": "1"}),
]


class World:
    """The index, and what its writer knows of each item: the vector, and when it is surely gone."""

    def __init__(self) -> None:
        self.index = ItemIndex(DIM, recall=1.0, exact_up_to=100)
        self.vectors = RED.copy()
        self.upsert(list(range(ITEMS)), RED)
        # Odd: gone. Raised when an item has left, and again before it comes back.
        self.left = np.zeros(ITEMS, dtype=np.int64)
        self.end = 0.0

    def upsert(self, rows: list[int], vectors: Vectors) -> None:
        self.vectors[rows] = vectors[rows]
        self.index.upsert(
            [IDS[row] for row in rows],
            vectors[rows],
            expires_at=[None if row % 3 == 0 else 9.0 for row in rows],
            attributes=[ATTRIBUTES[row] for row in rows],
        )

    def write(self) -> int:
        """Swap, remove or expire, and bring back, until the time is up."""
        rng, rounds = np.random.default_rng(6), 0
        while time.monotonic() < self.end:
            some = rng.choice(TOUCHED, size=400, replace=False).tolist()
            self.upsert(some, (RED, BLUE)[rounds % 2])
            gone = some[:150] if rounds % 3 else TOUCHED
            if rounds % 3:
                assert self.index.remove([IDS[row] for row in gone]) == len(gone)
            else:
                assert self.index.expire(9.0) == {IDS[row] for row in gone}
            self.left[gone] += 1
            time.sleep(0.01)  # for searches that must not find them
            self.left[gone] += 1
            self.upsert(gone, (BLUE, RED)[rounds % 2])
            rounds += 1
        return rounds

    def repeat(self, work: Callable[[], object]) -> int:
        """Again and again until the time is up."""
        rounds = 0
        while time.monotonic() < self.end:
            work()
            rounds += 1
            time.sleep(0.01)
        return rounds


class Searcher:
    """Asks the same question with every query, and judges the answers."""

    def __init__(self, world: World, question: Question) -> None:
        self.world, self.question = world, question
        self.searches = 0
        self.certain = [row for row in range(0, ITEMS, 3) if question.allows(row)]
        self.scores = [self.known(query) for query in QUERIES]

    def known(self, query: Vectors) -> list[set[float]]:
        """The two scores that each item can have, to the last bit: an index alone gives them."""
        scores: list[set[float]] = [set() for _ in range(ITEMS)]
        for vectors in (RED, BLUE):
            alone = ItemIndex(DIM)
            alone.upsert(IDS, vectors)
            (ids,), (found,) = alone.search(query[None], ITEMS)
            for item_id, score in zip(ids, found, strict=True):
                scores[int(item_id)].add(score)
        return scores

    def ask(self) -> None:
        """One query, in turn."""
        now, barred, filters = self.question
        number = self.searches % len(QUERIES)
        exclude = [[IDS[row] for row in barred]]
        before = self.world.left.copy()  # the writer adds to it from another thread
        (ids,), (scores,) = self.world.index.search(
            QUERIES[number][None], K, now=now, exclude=exclude, filters=filters
        )
        after = self.world.left
        rows = [int(item_id) for item_id in ids]
        self.judge(number, rows, scores)
        gone = [row for row in rows if before[row] % 2 and after[row] == before[row]]
        assert not gone, "removed before the search began, and not back before it ended"
        self.searches += 1

    def judge(self, number: int, rows: list[int], scores: list[float]) -> None:
        known = self.scores[number]
        assert len(rows) == len(set(rows)) == K
        ranked = [(-score, IDS[row]) for row, score in zip(rows, scores, strict=True)]
        assert ranked == sorted(ranked)
        assert all(score in known[row] for row, score in zip(rows, scores, strict=True))
        assert all(map(self.question.allows, rows))
        last = ranked[-1]
        due = {row for row in self.certain if (-max(known[row]), IDS[row]) <= last}
        assert due <= set(rows)


@pytest.fixture(autouse=True)
def keep_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    """An inverted file in which everything is scanned would be given up for one list."""
    monkeypatch.setattr(structure, "WASTEFUL", 1.0)
    faiss.omp_set_num_threads(1)


def test_every_answer_beside_a_writer_and_upkeep_is_right(tmp_path: Path) -> None:
    world = World()
    index = world.index
    searchers = [Searcher(world, question) for question in QUESTIONS]
    world.end = time.monotonic() + SECONDS
    works: list[Callable[[], object]] = [
        *[searcher.ask for searcher in searchers],
        index.maintain,
        index.rebuild,
        lambda: index.save(tmp_path, model=MODEL, position="1"),
    ]
    with ThreadPoolExecutor(len(works) + 1) as pool:
        writer = pool.submit(world.write)
        others = [pool.submit(world.repeat, work) for work in works]
        assert min(other.result() for other in others) > 0
        assert writer.result() > 0
    assert index.stats().lists > 1
    assert_knows(index, world.vectors)
    restored = ItemIndex.load(tmp_path, DIM, model=MODEL, recall=1.0)
    assert restored.refused == ()
    assert restored.index.ids() >= {IDS[row] for row in range(0, ITEMS, 3)}


def assert_knows(index: ItemIndex, vectors: Vectors) -> None:
    """An index that was written to beside traffic answers as one that nobody disturbed."""
    alone = World()
    alone.upsert(list(range(ITEMS)), vectors)
    assert index.ids() == set(IDS)
    for now, barred, filters in QUESTIONS:
        exclude = [[IDS[row] for row in barred]] * len(QUERIES)
        answers, expected = (
            one.search(QUERIES, 500, now=now, exclude=exclude, filters=filters)
            for one in (index, alone.index)
        )
        assert answers == expected
