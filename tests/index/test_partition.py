"""Partition: lists that suit those who ask, and what each list promises them."""

import numpy as np
import pytest

from index.partition import PROMISED, Partition, learned, likeness, metric_of
from index.scan import Vectors
from tests.index.vectors import DIM, scattered

ITEMS, LISTS = 4000, 64
VECTORS = scattered(ITEMS, seed=1)
# Everybody asks for nearly the same: one direction, and a little of three more.
ASKED = (
    np.random.default_rng(2).standard_normal((300, DIM)) * ([3.0] + 3 * [1.0] + (DIM - 4) * [0.01])
).astype(np.float32)


def read(made: Partition, queries: Vectors, share: float) -> float:
    """Share of the items read until every query has such a share of its 20 best."""
    homes = made.assign(VECTORS)
    sizes = np.bincount(homes, minlength=made.count)
    shares = []
    for query in queries:
        order = made.nearest(query[None], made.count)[1][0]
        places = np.argsort(order)[homes[np.argsort(-(VECTORS @ query), kind="stable")[:20]]]
        last = np.sort(places)[round(share * 20) - 1]
        shares.append(sizes[order[: last + 1]].sum() / ITEMS)
    return float(np.mean(shares))


def test_lists_made_for_who_asks_need_far_less_reading() -> None:
    """Other queries of the same kind than those it was made for."""
    codes = VECTORS.astype(np.float16)
    for_them = learned(codes, LISTS, ASKED[:200])
    for_nobody = learned(codes, LISTS, ASKED[:0])
    assert read(for_them, ASKED[200:], 0.95) < 0.5 * read(for_nobody, ASKED[200:], 0.95)


@pytest.mark.parametrize("lists", [LISTS, 7, 33])
def test_every_item_lies_in_the_list_of_its_nearest_centroid_by_the_metric(lists: int) -> None:
    """Also where the lists fill no group of those that are looked at together."""
    made = learned(VECTORS.astype(np.float16), lists, ASKED)
    apart = VECTORS[:, None] - made.centroids
    distances = np.einsum("rcd,de,rce->rc", apart, made.metric.astype(np.float64), apart)
    chosen = np.take_along_axis(distances, made.assign(VECTORS)[:, None], axis=1)[:, 0]
    assert chosen == pytest.approx(distances.min(axis=1), abs=1e-4)


def test_spreads_are_those_of_the_scores_around_the_centroids() -> None:
    made = learned(VECTORS.astype(np.float16), LISTS, ASKED)
    unit = ASKED / np.linalg.norm(ASKED, axis=1, keepdims=True)
    homes = made.assign(VECTORS)
    off = (VECTORS - made.centroids[homes]) @ unit.T
    squares = np.bincount(homes, (off**2).mean(axis=1), LISTS) / np.bincount(homes)
    # The sample is 2,560 of the items; directions nobody asks in count a thousandth.
    assert made.spreads == pytest.approx(np.sqrt(squares), rel=0.3)


def test_promises_grow_with_a_query_and_order_the_lists() -> None:
    made = learned(VECTORS.astype(np.float16), LISTS, ASKED)
    lengths = np.linalg.norm(ASKED[:5], axis=1, keepdims=True)
    promised = ASKED[:5] @ made.centroids.T + PROMISED * lengths * made.spreads
    longest, _ = made.nearest(7 * ASKED[:5], 9)
    best, numbers = made.nearest(ASKED[:5], 9)
    assert longest == pytest.approx(7 * best, abs=1e-4)
    assert best == pytest.approx(-np.sort(-promised, axis=1)[:, :9], abs=1e-5)
    assert np.take_along_axis(promised, numbers, axis=1) == pytest.approx(best, abs=1e-5)


def test_samples_of_the_same_users_are_alike_and_of_others_not() -> None:
    one = metric_of(DIM, ASKED[:150])
    assert likeness(one, one) == pytest.approx(1)
    assert likeness(one, metric_of(DIM, 5 * ASKED[150:])) > 0.95
    assert likeness(one, metric_of(DIM, ASKED[:, ::-1].copy())) < 0.75
    assert likeness(one, metric_of(DIM, scattered(300, seed=4))) < 0.75


def test_without_queries_all_directions_count_alike() -> None:
    assert np.array_equal(metric_of(DIM), np.eye(DIM))
    assert likeness(metric_of(DIM), metric_of(DIM, scattered(2000, seed=4))) > 0.95


def test_one_list_holds_everything() -> None:
    whole = Partition.whole(DIM)
    assert whole.assign(VECTORS).tolist() == [0] * ITEMS
    assert whole.nearest(ASKED[:3], 1)[1].tolist() == [[0]] * 3


def test_equal_items_lie_in_one_list_however_many_there_are() -> None:
    """The others stay empty, and are lists all the same."""
    alike = np.ones((200, DIM), dtype=np.float16)
    made = learned(alike, 40, ASKED)
    assert made.count == 40
    assert len(set(made.assign(alike.astype(np.float32)).tolist())) == 1
    assert np.isfinite(made.centroids).all()
    assert not made.spreads.any()
