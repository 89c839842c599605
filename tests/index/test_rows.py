"""Rows: columns stay aligned with their ids through growth, gaps and shrinking."""

import numpy as np
import pytest

from index.rows import FEWEST, Columns, Rows, lengths_of


def columns(*values: float) -> Columns:
    """Rows that tell in every column which value they were made of."""
    numbers = np.array(values, dtype=np.float64)
    vectors = np.repeat(numbers[:, None], 3, axis=1).astype(np.float32)
    return Columns(vectors, lengths_of(vectors), -numbers, numbers, numbers.astype(np.intp))


def rows_of(count: int) -> Rows:
    rows = Rows(3)
    rows.put([str(value) for value in range(count)], columns(*range(count)))
    return rows


def assert_aligned(rows: Rows, expected: set[int]) -> None:
    """Every id's row holds that id's values in every column, and there are no other ids."""
    assert {int(id_) for id_ in rows.ids} == expected
    assert len(rows) == len(expected)
    values = columns(*(int(id_) for id_ in rows.ids))
    for name, column in vars(rows.columns).items():
        np.testing.assert_array_equal(column, getattr(values, name))
    for row, id_ in enumerate(rows.ids):
        assert rows.find([id_]).tolist() == [row]


def test_rows_keep_their_values_while_capacity_grows() -> None:
    rows = Rows(3)
    for value in range(3 * FEWEST):
        rows.put([str(value)], columns(value))
    assert_aligned(rows, set(range(3 * FEWEST)))


@pytest.mark.parametrize(
    "dropped",
    [[0], [9], [0, 9], [5, 6, 7, 8, 9], [0, 1, 2, 3, 4], [3, 9, 1], list(range(10)), []],
    ids=str,
)
def test_dropping_rows_leaves_the_others_aligned(dropped: list[int]) -> None:
    """Gaps at the start, at the end, on both sides of where the table will end, and all of it."""
    rows = rows_of(10)
    rows.drop(rows.find(map(str, dropped)))
    assert_aligned(rows, set(range(10)) - set(dropped))
    assert len(rows.find(map(str, dropped))) == 0


def test_putting_known_and_unknown_ids_at_once_replaces_and_appends() -> None:
    rows = rows_of(3)
    rows.drop(rows.find(["0"]))
    rows.put(["5", "2", "4"], columns(5, 2, 4))
    assert_aligned(rows, {1, 2, 4, 5})


def test_find_gives_known_ids_once_and_leaves_out_the_unknown() -> None:
    assert sorted(rows_of(5).find(["4", "x", "1", "4"]).tolist()) == [1, 4]


def test_capacity_stays_within_four_times_the_need_however_items_come_and_go() -> None:
    rows = Rows(3)
    rng = np.random.default_rng(7)
    live: set[int] = set()
    for step in range(60):
        target = int(rng.integers(0, 5000)) if step % 5 == 0 else int(rng.integers(0, 300))
        fresh = [value for value in range(target) if value not in live]
        rows.put([str(value) for value in fresh], columns(*fresh))
        gone = {value for value in live if value >= target}
        rows.drop(rows.find(map(str, gone)))
        live = set(range(target))
        assert len(rows) <= rows.capacity <= max(FEWEST, 4 * len(rows))
    assert_aligned(rows, live)


def test_views_of_the_columns_are_not_copies() -> None:
    rows = rows_of(5)
    assert np.shares_memory(rows.columns.vectors, rows.columns.vectors)
    assert rows.columns.vectors.flags.c_contiguous
