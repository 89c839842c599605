"""What is written and read back: sequences, versions, times, items. Whatever comes, it returns."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from service.body import place
from service.catalogue import sortable, unsortable
from service.errors import SequenceMalformed
from service.item import Item
from service.sequence import LogSequence, from_id, to_id
from service.text import format_time, parse_time

INT64 = st.integers(-(2**63), 2**63 - 1)
POSITIONS = st.tuples(st.integers(0, 10**15 - 1), st.integers(0, 10**15 - 1))
OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda m: timezone(timedelta(minutes=m)))
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@given(INT64)
def test_a_version_returns(version: int) -> None:
    assert len(sortable(version)) == 20
    assert unsortable(sortable(version)) == version


@given(INT64, INT64)
def test_versions_sort_as_text_the_way_they_do_as_numbers(one: int, two: int) -> None:
    assert (sortable(one) < sortable(two)) == (one < two)


@given(st.text("0123456789abcdef", min_size=16, max_size=16), POSITIONS)
def test_a_sequence_returns(store: str, position: tuple[int, int]) -> None:
    sequence = LogSequence(store, position)
    assert LogSequence.parse(str(sequence)) == sequence
    assert from_id(to_id(position)) == position


@given(st.text())
def test_any_other_text_is_no_sequence(text: str) -> None:
    with pytest.raises(SequenceMalformed):
        LogSequence.parse(text)


@given(st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=OFFSETS))  # noqa: DTZ001
def test_a_time_returns_to_the_millisecond(moment: datetime) -> None:
    """In UTC, whatever offset it came with."""
    seconds = parse_time(moment.isoformat())
    assert seconds == (moment - EPOCH) // timedelta(milliseconds=1) / 1000
    text = format_time(seconds)
    assert text is not None
    assert text.endswith("Z")
    assert parse_time(text) == seconds


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z"),
        ("2017-01-01T05:29:60.5+05:30", "2017-01-01T00:00:00.5Z"),
        ("2026-11-23t10:00:00.1239999999999999z", "2026-11-23T10:00:00.123Z"),
    ],
)
def test_every_form_of_rfc_3339_is_a_time(text: str, same: str) -> None:
    """Leap seconds, as many decimals as anyone writes, small letters."""
    assert parse_time(text) == parse_time(same)


@pytest.mark.parametrize("text", ["2026-11-23T10:00:60Z", "9999-12-31T23:59:60Z"])
def test_a_second_that_no_day_has_is_no_time(text: str) -> None:
    with pytest.raises(PydanticCustomError):
        parse_time(text)


@given(st.one_of(st.text(), st.integers(), st.floats(), st.none(), st.binary()))
def test_anything_else_is_no_time(value: object) -> None:
    with pytest.raises(PydanticCustomError):
        parse_time(value)


@given(
    st.builds(
        Item,
        item_id=st.text(),
        tags=st.lists(st.text()),
        domain=st.text(),
        title=st.none() | st.text(),
        author_id=st.none() | st.text(),
        published_at=st.none() | st.floats(-1e10, 1e12),
        expires_at=st.none() | st.floats(-1e10, 1e12),
        attributes=st.dictionaries(st.text(), st.text() | st.lists(st.text())),
    )
)
def test_an_item_returns_and_its_text_does_not_depend_on_order(item: Item) -> None:
    turned = Item(**{**vars(item), "attributes": dict(reversed(item.attributes.items()))})
    assert turned.encode() == item.encode()
    assert Item.decode(item.encode()) == item


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "{}", '{"item_id": "a"}', '"text"'])
def test_what_is_no_item_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # orjson's own, or ours
        Item.decode(text)


def test_facts_of_a_later_version_are_ignored() -> None:
    """A replica that was not updated yet reads what an updated one wrote."""
    item = Item("a", ["wok"], "live")
    assert Item.decode(item.encode()[:-1] + ',"later":1}') == item


@pytest.mark.parametrize(
    ("location", "path"),
    [
        (("items", 3, "tags", 0), "items[3].tags[0]"),
        (("items", 3), "items[3]"),
        (("items", 3, "attributes", "secret", "str"), "items[3].attributes"),
        (("secret",), "body"),
        ((), "body"),
        (("history", 0, "title"), "history[0].title"),
    ],
)
def test_a_place_is_cut_where_a_name_is_the_callers(
    location: tuple[int | str, ...], path: str
) -> None:
    assert place(location) == path
