import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bundle import pad_histories, pad_item_ids, pad_items

ITEMS = st.lists(st.lists(st.integers(1, 99), max_size=6), max_size=8)


def test_an_item_keeps_its_first_tags() -> None:
    assert pad_items([[1, 2, 3], [4], []], max_tags=2).tolist() == [[1, 2], [4, 0], [0, 0]]


def test_a_history_keeps_its_newest_items_and_skips_those_without_tags() -> None:
    padded = pad_histories([[[1], [2], [], [3, 4, 5]], [], [[6]]], max_items=2, max_tags=2)
    assert padded.tolist() == [[[2, 0], [3, 4]], [[0, 0], [0, 0]], [[6, 0], [0, 0]]]


def test_an_empty_history_is_one_item_of_zeros() -> None:
    assert pad_histories([[]], max_items=8, max_tags=15).tolist() == [[[0]]]


def test_nothing_gives_an_empty_batch() -> None:
    assert pad_histories([], max_items=8, max_tags=15).shape == (0, 1, 1)
    assert pad_items([], max_tags=15).shape == (0, 1)
    assert pad_item_ids([], max_history=50).shape == (0, 1)


def test_the_newest_item_ids_of_a_history_are_kept_and_unknown_ones_stand_as_zero() -> None:
    """An unknown item takes a place: which entries are kept depends on no bundle's numbering."""
    padded = pad_item_ids([[7, 8, 0, 9], [], [0, 0], [5]], max_history=3)
    assert padded.tolist() == [[8, 0, 9], [0, 0, 0], [0, 0, 0], [5, 0, 0]]
    assert padded.dtype == np.int64


def test_an_empty_history_is_one_item_id_of_zero() -> None:
    assert pad_item_ids([[]], max_history=50).tolist() == [[0]]


@given(st.lists(ITEMS, min_size=1, max_size=5), st.integers(1, 5), st.integers(1, 4))
def test_arrays_say_what_the_lists_said(
    histories: list[list[list[int]]], max_items: int, max_tags: int
) -> None:
    padded = pad_histories(histories, max_items, max_tags)
    assert padded.dtype == np.int64
    for row, history in zip(padded, histories, strict=True):
        expected = [item[:max_tags] for item in history if item][-max_items:]
        assert [[t for t in item if t] for item in row.tolist() if any(item)] == expected
    items = (padded > 0).any(axis=2)
    assert (np.sort(items, axis=1)[:, ::-1] == items).all(), "items stand to the left"
    assert padded.shape[1] == max(1, items.sum(axis=1).max()), "no wider than the content"
