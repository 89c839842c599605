"""Searches beside changes from another thread: every answer is right for one moment of its call."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from index import ItemIndex

SECONDS = 2.0
SEARCHERS = 3
ITEMS = 3000  # enough that faiss is asked, and that a search and a change would overlap
DIM = 16
STEPS = 4

Answer = tuple[list[list[str]], list[list[float]]]

RNG = np.random.default_rng(5)
IDS = [f"{number:04}" for number in range(ITEMS)]
RED, BLUE = RNG.standard_normal((2, ITEMS, DIM)).astype(np.float32)
QUERIES = RNG.standard_normal((2, 2, DIM)).astype(np.float32)


def step(index: ItemIndex, number: int) -> None:
    """One call that touches a thousand items or more; four in a row come full circle."""
    match number % STEPS:
        case 0:
            index.upsert(IDS, RED, expires_at=[1.0, None, None] * (ITEMS // 3))
        case 1:
            index.expire(1.0)
        case 2:
            index.upsert(IDS, BLUE, attributes=[{"colour": "blue"}] * ITEMS)
        case _:
            index.remove(IDS[1::3])


def ask(index: ItemIndex, searcher: int) -> Answer:
    """Each searcher asks in its own way: everything, excluding the first ids, filtered."""
    exclude = [IDS[:500]] * 2 if searcher == 1 else []
    filters = {"colour": "blue"} if searcher == 2 else None
    return index.search(QUERIES, 50, exclude=exclude, filters=filters)


def answers_when_alone() -> list[list[Answer]]:
    """What each searcher is told after each step, when nothing else happens."""
    index = ItemIndex(DIM)
    answers = []
    for number in range(STEPS):
        step(index, number)
        answers.append([ask(index, searcher) for searcher in range(SEARCHERS)])
    return answers


@dataclass
class Progress:
    """The writer's last step begun and the last one ended."""

    begun: int = 0
    ended: int = 0


def write(index: ItemIndex, progress: Progress, end: float) -> int:
    while time.monotonic() < end:
        progress.begun += 1
        step(index, progress.begun)
        progress.ended = progress.begun
    return progress.ended


def search(index: ItemIndex, searcher: int, progress: Progress, end: float) -> int:
    expected = answers_when_alone()
    searches = 0
    while time.monotonic() < end:
        first = progress.ended
        answer = ask(index, searcher)
        last = progress.begun
        right = [expected[number % STEPS][searcher] for number in range(first, last + 1)]
        assert answer in right, f"an answer that no step from {first} to {last} explains"
        searches += 1
    return searches


def test_every_answer_beside_a_writer_is_that_of_one_whole_state() -> None:
    """No answer is empty-handed, half changed, or older than the last change that had ended."""
    alone = answers_when_alone()
    assert alone[0][0] != alone[1][0] != alone[2][0] != alone[3][0] != alone[0][0]
    index, progress = ItemIndex(DIM), Progress()
    step(index, 0)
    end = time.monotonic() + SECONDS
    with ThreadPoolExecutor(SEARCHERS + 1) as pool:
        writer = pool.submit(write, index, progress, end)
        searchers = [
            pool.submit(search, index, searcher, progress, end) for searcher in range(SEARCHERS)
        ]
        assert all(searcher.result() > 10 for searcher in searchers)
        assert writer.result() > 10
