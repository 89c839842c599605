"""Probes: the recall they promise is what probing so many lists finds."""

from contextlib import nullcontext
from types import TracebackType

import numpy as np
import pytest

from index.lists import Lists
from index.probes import Probes, measure
from tests.index.vectors import around, clustered

ITEMS = 3000
LISTS = 32
VECTORS = clustered(ITEMS, seed=1)
QUERIES = clustered(20, seed=2)


def lists() -> Lists:
    made = Lists(around(clustered(LISTS, seed=3)))
    made.put(np.arange(ITEMS), VECTORS, made.assign(VECTORS))
    return made


def share_found(made: Lists, probes: int, depth: int) -> float:
    """By asking: how many of each query's best items so many probes find."""
    shares = []
    for query in QUERIES:
        best = np.argsort(-(VECTORS @ query), kind="stable")[:depth]
        _, rows = made.search(query[None], ITEMS, probes)
        shares.append(np.isin(best, rows[0]).mean())
    return float(np.mean(shares))


@pytest.mark.parametrize("probes", [1, 5, 20, LISTS])
@pytest.mark.parametrize("depth", [1, 100, 1000])
def test_the_recall_that_was_measured_is_what_a_search_finds(probes: int, depth: int) -> None:
    made = lists()
    measured = measure(made, QUERIES, 0.9, nullcontext())
    assert measured.recall(probes, depth) == pytest.approx(share_found(made, probes, depth))


@pytest.mark.parametrize("target", [0.5, 0.9, 0.99])
@pytest.mark.parametrize("depth", [1, 100, 1000])
def test_probes_reach_what_is_aimed_at_and_not_beyond(target: float, depth: int) -> None:
    measured = measure(lists(), QUERIES, target, nullcontext())
    probes = measured.of(depth)
    assert measured.aim > target
    assert measured.recall(probes, depth) >= measured.aim
    assert probes == 1 or measured.recall(probes - 1, depth) < measured.aim


def test_deeper_items_need_more_probes_and_the_deepest_need_most() -> None:
    measured = measure(lists(), QUERIES, 0.9, nullcontext())
    assert measured.of(10) < measured.of(1000) < measured.of(10**9)
    assert measured.of(10**9) == LISTS


def test_a_target_of_everything_takes_every_list() -> None:
    measured = measure(lists(), QUERIES, 1.0, nullcontext())
    assert measured.of(1) == LISTS


def test_without_a_measurement_all_lists_are_probed() -> None:
    blind = Probes.everything(7, 0.9)
    assert {blind.of(depth) for depth in (0.5, 1, 99, 1e9)} == {7}


class Emptying:
    """A lock that others hold in between: they remove all items."""

    def __init__(self, made: Lists) -> None:
        self.made = made

    def __enter__(self) -> None:
        self.made.remove(np.arange(ITEMS))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        pass


def test_items_that_all_leave_while_recall_is_measured_do_no_harm() -> None:
    made = lists()
    measured = measure(made, QUERIES, 0.9, Emptying(made))
    assert (measured.of(100), measured.recall(LISTS, 100)) == (LISTS, 1.0)
