import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundle import ItemIds

PRINTABLE = st.characters(exclude_categories=("Cc", "Cs"))


@given(st.lists(st.text(PRINTABLE, min_size=1, max_size=128), min_size=1, unique=True))
def test_line_i_is_id_i_and_survives_the_file(item_ids: list[str]) -> None:
    made = ItemIds(item_ids)
    again = ItemIds.decode(made.encode())
    assert again.ids(item_ids) == list(range(1, len(item_ids) + 1))
    assert again.encode() == made.encode()
    assert len(again) == len(item_ids)


def test_unknown_items_and_entries_without_an_id_are_zero() -> None:
    """In their place: an item that stands twice stands twice. Ids are taken to the letter."""
    known = ItemIds(["a", "b"])
    assert known.ids(["b", None, "B", " b", "a", "b"]) == [2, 0, 0, 0, 1, 2]
    assert ItemIds().ids(["a", None]) == [0, 0]


@pytest.mark.parametrize("item_id", ["", "x" * 129, "a\tb", "a\nb", "a\x85", "\x00", "\x7f"])
def test_an_id_that_no_caller_can_send_is_refused(item_id: str) -> None:
    with pytest.raises(ValueError, match="line 2 is not an item id: 1 to 128 characters"):
        ItemIds(["fine", item_id])


def test_an_id_given_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="line 3 repeats the item id of line 1"):
        ItemIds(["a", "b", "a"])


@pytest.mark.parametrize(
    ("data", "complaint"),
    [(b"", "no item stands in it"), (b"a", "no end"), (b"\xff\n", "utf-8"), (b"\n", "line 1")],
)
def test_what_is_not_a_list_of_item_ids_is_refused(data: bytes, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        ItemIds.decode(data)
