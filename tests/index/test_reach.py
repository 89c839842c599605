"""Reach: what a first look found says which lists can hold better, for the recall asked for."""

from contextlib import nullcontext

import numpy as np
import pytest

from index.lists import Lists
from index.probes import Probes, measure
from index.scan import products
from tests.index.vectors import clustered

ITEMS, LISTS = 3000, 64
VECTORS = clustered(ITEMS, seed=1)
QUERIES = 3 * clustered(200, seed=2)


def measured(target: float, count: int = ITEMS) -> tuple[Lists, Probes]:
    lists, some = Lists(clustered(LISTS, seed=3)), VECTORS[:count]
    lists.put(np.arange(count), some, lists.assign(some))
    return lists, measure(lists, QUERIES, target, nullcontext())


@pytest.mark.parametrize("target", [0.5, 0.9, 0.99])
@pytest.mark.parametrize("depth", [1, 20, 100])
def test_lists_within_reach_hold_what_was_promised(target: float, depth: int) -> None:
    """By asking: first lists, their best scores, and all lists within reach of those."""
    lists, probes = measured(target)
    look = probes.look(depth)
    assert look is not None
    homes, shares = lists.homes(np.arange(ITEMS)), []
    for query in QUERIES:
        scores, near = VECTORS @ query, products(query[None], lists.centroids)[0]
        first = lists.nearest(query[None], look.first)[1][0]
        found = np.sort(scores[np.isin(homes, first)])
        within = near >= found[-depth] - look.below * np.linalg.norm(query)
        within[first] = True
        shares.append(within[homes[np.argsort(-scores, kind="stable")[:depth]]].mean())
    assert np.mean(shares) >= target


def test_few_lists_are_within_reach_of_most_queries() -> None:
    _, probes = measured(0.9)
    look = probes.look(20)
    assert look is not None
    assert look.first < probes.of(20)


def test_what_was_not_measured_is_not_known() -> None:
    """Deeper than any query was followed, or where everything is read anyway."""
    _, few = measured(0.9, count=150)
    assert few.look(100) is not None
    assert few.look(101) is None
    _, everything = measured(1.0)
    assert everything.look(1) is None
