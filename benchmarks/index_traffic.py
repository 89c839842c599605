"""Searches that arrive at times drawn beforehand, each checked afterwards.

An open loop: a search that waits for a change, or behind one that did, counts from when it was due.
A closed loop would send nothing meanwhile and hide the wait (see the load generators' own lesson,
coordinated omission).
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Event

import numpy as np

from benchmarks.catalogue import NOW, Vectors, numbers_of
from benchmarks.index_table import percentiles
from benchmarks.yardsticks import K
from index import ItemIndex

RATE = 500  # searches a second


class Clock:
    """NOW carried forward."""

    def __init__(self) -> None:
        self._origin = time.perf_counter()

    def __call__(self) -> float:
        return NOW + time.perf_counter() - self._origin


@dataclass(frozen=True)
class Answer:
    """One search: when it began and ended, what it was told the time was, what it found."""

    due: float
    began: float
    ended: float
    now: float
    ids: Sequence[str]


@dataclass(frozen=True)
class Traffic:
    """One thread of searches, at exponential distances around 1 / RATE seconds."""

    index: ItemIndex
    queries: Vectors  # [Q, D] used in turn
    clock: Clock
    rng: np.random.Generator

    def run(self, seconds: float, stop: Event | None = None) -> list[Answer]:
        """Search for some seconds, or until told to stop."""
        answers: list[Answer] = []
        due, end = time.perf_counter(), time.perf_counter() + seconds
        while due < end and not (stop and stop.is_set()):
            time.sleep(max(0.0, due - time.perf_counter()))
            answers.append(self._search(due, len(answers)))
            due += float(self.rng.exponential(1 / RATE))
        return answers

    def _search(self, due: float, turn: int) -> Answer:
        query = self.queries[turn % len(self.queries)]
        now, began = self.clock(), time.perf_counter()
        ids, _ = self.index.search(query[None, None], K, now=now)
        return Answer(due, began, time.perf_counter(), now, ids[0])


def p99(answers: Sequence[Answer]) -> float:
    """From when each search was due to when it ended, in seconds."""
    return percentiles([answer.ended - answer.due for answer in answers])[1]


@dataclass
class Ledger:
    """What may be found, when: the items there from the start, and every change since."""

    first: int  # items 0 … first - 1 were there, and live for longer than a benchmark takes
    added: dict[str, float] = field(default_factory=dict)  # when the call began
    expiry: dict[str, float] = field(default_factory=dict)
    removed: dict[str, float] = field(default_factory=dict)  # when the call had returned

    def wrong(self, answer: Answer) -> int:
        """How many of an answer's ids are unknown, dead by then, or there twice."""
        twice = len(answer.ids) - len(set(answer.ids))
        return twice + sum(self._is_wrong(id_, answer) for id_ in answer.ids)

    def _is_wrong(self, id_: str, answer: Answer) -> bool:
        fresh = numbers_of([id_])[0] >= self.first
        unknown = bool(fresh) and self.added.get(id_, np.inf) > answer.ended
        dead = self.removed.get(id_, np.inf) < answer.began
        return unknown or dead or self.expiry.get(id_, np.inf) <= answer.now
