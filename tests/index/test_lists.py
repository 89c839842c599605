"""Lists: faiss's inverted file, row by row."""

import faiss
import numpy as np
import pytest
from numpy.typing import NDArray

from index.lists import NOTHING, Lists, Mask
from tests.index.vectors import DIM, around, clustered

ITEMS = 500
VECTORS = clustered(ITEMS, seed=1)
ROWS = np.arange(ITEMS)
QUERIES = clustered(3, seed=2)


def lists(count: int = 8) -> Lists:
    """All vectors, in so many lists."""
    faiss.omp_set_num_threads(1)
    made = Lists(around(clustered(count, seed=3)))
    made.put(ROWS, VECTORS, made.assign(VECTORS))
    return made


@pytest.mark.parametrize("count", [1, 8, 64])
def test_probing_every_list_is_an_exact_search(count: int) -> None:
    scores, rows = lists(count).search(QUERIES, ITEMS, count)
    for one, found, query in zip(scores, rows, QUERIES, strict=True):
        assert sorted(found.tolist()) == ROWS.tolist()
        assert np.allclose(one, VECTORS[found] @ query, atol=1e-6)
        assert (np.diff(one) <= 0).all()


@pytest.mark.parametrize("dim", [1, 3, 8, 24, 64, 100])
def test_equal_vectors_score_equally_to_the_last_bit_wherever_they_lie(dim: int) -> None:
    """Some in each list, at odd places, between others."""
    rng = np.random.default_rng(dim)
    vectors = rng.standard_normal((400, dim)).astype(np.float16).astype(np.float32)
    same = np.arange(3, 400, 7)
    vectors[same] = vectors[0]
    made = Lists(around(rng.standard_normal((5, dim)).astype(np.float32)))
    made.put(np.arange(400), vectors, rng.integers(0, 5, 400))
    scores, rows = made.search(rng.standard_normal((2, dim)).astype(np.float32), 400, 5)
    for one, found in zip(scores, rows, strict=True):
        assert len(set(one[np.isin(found, same)].tolist())) == 1


def test_where_the_probed_lists_hold_no_more_there_is_nothing() -> None:
    made = lists()
    _, rows = made.search(QUERIES[:1], ITEMS + 1, 2)
    order = np.argsort(made.nearness(QUERIES[0]))[:2]
    held = int(made.sizes[order].sum())
    assert (rows[0, :held] != NOTHING).all()
    assert (rows[0, held:] == NOTHING).all()


def test_a_mask_lets_marked_rows_through_and_no_others() -> None:
    marked = ROWS % 3 == 0
    _, rows = lists().search(QUERIES, ITEMS, 8, Mask(marked))
    for found in rows:
        assert sorted(found[found != NOTHING].tolist()) == np.flatnonzero(marked).tolist()


def test_rows_that_leave_and_come_back_are_found_as_they_are_now() -> None:
    made = lists()
    moved, gone = ROWS[::5].copy(), ROWS[1::5].copy()
    made.remove(np.concatenate([moved, gone]))
    made.remove(gone)  # no longer here: fine
    vectors = clustered(len(moved), seed=9)
    made.put(moved, vectors, made.assign(vectors))
    assert len(made) == ITEMS - len(gone)
    assert np.array_equal(made.vectors(moved), vectors)
    assert np.array_equal(made.vectors(ROWS[2::5]), VECTORS[2::5])
    _, rows = made.search(QUERIES, ITEMS, 8)
    assert not np.isin(gone, rows).any()


def test_rows_are_replaced_where_they_are_and_unknown_ones_leave_without_harm() -> None:
    """New, known and known no more in one call; the map is shorter than the last row."""
    made = lists()
    made.remove(np.array([3, 7, ITEMS, 10**6]))
    rows = np.array([3, 4, 5, ITEMS + 100])
    vectors = clustered(4, seed=9)
    made.put(rows, vectors, made.assign(vectors))
    assert len(made) == ITEMS
    assert np.array_equal(made.vectors(rows), vectors)
    assert int(made.sizes.sum()) == ITEMS
    assert np.array_equal(made.vectors(ROWS[8:]), VECTORS[8:])
    nothing = np.empty(0, dtype=np.int64)
    made.put(nothing, np.empty((0, DIM), dtype=np.float32), nothing)
    made.remove(nothing)
    assert len(made) == ITEMS


def test_marks_are_set_and_cleared_row_by_row() -> None:
    marked = ROWS % 3 == 0
    mask = Mask(marked)
    rows = np.array([0, 1, 2, 3, 9, 16])
    mask.mark(rows, np.array([False, True, True, True, False, False]))
    marked[rows] = [False, True, True, True, False, False]
    mask.widen(ITEMS + 20)
    mask.mark(np.array([ITEMS + 19]), np.array([True]))
    expected = [*np.flatnonzero(marked).tolist(), ITEMS + 19]
    assert np.flatnonzero(mask.marked(ITEMS + 20)).tolist() == expected
    assert np.flatnonzero(mask.of(np.arange(ITEMS + 20))).tolist() == expected


def test_late_is_what_only_the_last_quarter_of_the_probed_lists_holds() -> None:
    made = lists()
    homes = made.assign(VECTORS)
    nearest = made.nearest(QUERIES[:1], 8)
    last = nearest[1][0, 7:]
    assert made.late(ROWS, nearest) == pytest.approx(np.isin(homes, last).mean())
    assert made.late(ROWS[homes == last[0]], nearest) == 1.0
    both = made.nearest(QUERIES[:2], 8)
    early = set(both[1][:, :7].ravel().tolist())
    assert made.late(ROWS, both) == pytest.approx(1 - np.isin(homes, list(early)).mean())


def test_lists_filled_at_once_are_those_that_were_added_to() -> None:
    added = lists()
    homes = added.assign(VECTORS).astype(np.int32)
    filled = Lists.filled(added.partition, homes, ROWS, VECTORS.astype(np.float16))
    assert len(filled) == ITEMS
    assert np.array_equal(filled.sizes, added.sizes)
    scores, rows = added.search(QUERIES, 50, 3)
    assert np.array_equal(filled.search(QUERIES, 50, 3)[0], scores)
    assert np.array_equal(filled.search(QUERIES, 50, 3)[1], rows)
    filled.remove(ROWS[:400])
    assert len(filled) == 100
    assert np.array_equal(filled.vectors(ROWS[400:]), VECTORS[400:])


def test_a_scan_of_slices_knows_in_which_list_the_best_lie() -> None:
    made = lists()
    homes = made.assign(VECTORS)
    scores, found = made.scan(QUERIES[0], 40, 0, 8)
    best = np.argsort(-(VECTORS @ QUERIES[0]), kind="stable")[:40]
    assert np.allclose(scores, (VECTORS @ QUERIES[0])[best], atol=1e-6)
    assert np.array_equal(found, homes[best])
    covered = [number for start, end in made.slices() for number in range(start, end)]
    assert covered == list(range(8))


def read_from_the_end(made: Lists, step: int, rng: np.random.Generator) -> dict[int, bytes]:
    """The content of one list, a row leaving it before every part that is read."""
    seen: dict[int, bytes] = {}
    end = made.size(0)
    while end > 0:
        rows, codes = made.content(0, max(0, end - step), end)
        seen |= {row: code.tobytes() for row, code in zip(rows.tolist(), codes, strict=True)}
        end -= step
        stored, _ = made.content(0, 0, ITEMS)
        made.remove(rng.choice(stored, size=min(3, len(stored)), replace=False))
    return seen


@pytest.mark.parametrize("step", [1, 7, 100])
def test_content_read_from_the_end_misses_no_row_that_stayed(step: int) -> None:
    """A gap is filled with the last row, which was read before."""
    made = lists(1)
    seen = read_from_the_end(made, step, np.random.default_rng(step))
    stayed, codes = made.content(0, 0, ITEMS)
    assert len(stayed) < ITEMS
    assert all(
        seen[row] == code.tobytes() for row, code in zip(stayed.tolist(), codes, strict=True)
    )


def test_content_beyond_the_end_is_empty() -> None:
    rows, codes = lists(1).content(0, ITEMS, ITEMS + 5)
    assert (rows.shape, codes.shape) == ((0,), (0, DIM))


def halves(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    kept: NDArray[np.float32] = vectors.astype(np.float16).astype(np.float32)
    return kept


def test_halves_come_back_as_they_went_in() -> None:
    """From the smallest to the largest of them."""
    rng = np.random.default_rng(4)
    exponents = rng.integers(-24, 16, (ITEMS, DIM)).astype(np.float32)
    vectors = halves(np.clip(rng.standard_normal((ITEMS, DIM)) * 2**exponents, -65504, 65504))
    made = Lists.exact(DIM)
    made.put(ROWS, vectors, made.assign(vectors))
    assert np.array_equal(made.vectors(ROWS), vectors)
