"""Rows: a number for as long as an item is stored."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from index.rows import GROWTH, NO_ITEM, Columns, Rows


def columns(count: int, value: int = 0) -> Columns:
    """The same value everywhere."""
    times = np.full(count, float(value))
    return Columns(times, times + 1, np.full(count, value, dtype=np.int32))


def test_an_item_keeps_its_row_and_a_row_that_falls_free_is_used_again() -> None:
    rows = Rows()
    assert rows.put(["a", "b", "c"], columns(3)).tolist() == [0, 1, 2]
    assert rows.put(["c", "d"], columns(2)).tolist() == [2, 3]
    rows.drop(rows.find(["b"]))
    assert rows.put(["e", "a"], columns(2)).tolist() == [1, 0]
    assert (rows.end, len(rows)) == (4, 4)


def test_each_known_id_is_found_once_and_unknown_ones_are_not() -> None:
    rows = Rows()
    rows.put(["a", "b"], columns(2))
    assert sorted(rows.find(["b", "x", "a", "b"]).tolist()) == [0, 1]
    assert rows.find([]).tolist() == []


def test_a_free_row_is_not_stored_and_has_no_item() -> None:
    rows = Rows()
    rows.put(["a", "b"], columns(2))
    rows.drop(rows.find(["a"]))
    assert rows.stored.tolist() == [False, True]
    assert rows.columns.profiles[0] == NO_ITEM
    assert (rows.known(), "a" in rows, "b" in rows) == ({"b"}, False, True)


def test_room_that_nobody_uses_has_no_items() -> None:
    rows = Rows()
    rows.put([f"{number}" for number in range(1000)], columns(1000))
    assert len(rows.room.profiles) >= 1000
    assert (rows.room.profiles[1000:] == NO_ITEM).all()
    assert len(rows.columns.profiles) == 1000


def test_rows_taken_over_grow_and_shrink_like_others() -> None:
    rows = Rows()
    rows.fill(["a", "b", "c"], columns(3, 7))
    rows.drop(rows.find(["b"]))
    rows.put(["x", "y"], columns(2, 8))
    assert rows.columns.profiles.tolist() == [7, 8, 7, 8]
    assert [rows.ids[row] for row in rows.find(["y"])] == ["y"]


def test_turnover_needs_no_more_rows_than_were_ever_stored_at_once() -> None:
    rows = Rows()
    for turn in range(50):
        rows.put([f"{turn}-{number}" for number in range(100)], columns(100))
        rows.drop(rows.find([f"{turn}-{number}" for number in range(100)]))
    assert (rows.end, len(rows), len(rows.room.profiles) <= GROWTH * 100) == (100, 0, True)


IDS = st.lists(st.sampled_from("abcdefghij"), unique=True, max_size=6)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(changes=st.lists(st.tuples(st.booleans(), IDS), max_size=20))
def test_rows_agree_with_a_dictionary(changes: list[tuple[bool, list[str]]]) -> None:
    rows, known = Rows(), dict[str, int]()
    for value, (stay, ids) in enumerate(changes):
        if stay:
            rows.put(ids, columns(len(ids), value))
            known |= dict.fromkeys(ids, value)
        else:
            rows.drop(rows.find(ids))
            known = {one: old for one, old in known.items() if one not in ids}
    stored = np.flatnonzero(rows.stored)
    assert {rows.ids[row]: rows.columns.profiles[row] for row in stored} == known
    assert rows.known() == set(known)
    live = rows.columns.take(stored).live(5.0)
    assert live.tolist() == [known[rows.ids[row]] == 5 for row in stored]
