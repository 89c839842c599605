"""What is asked of Milvus, as text: whatever an id or a value holds, it stays one."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index import expressions
from index.attributes import profile_of, wanted_of

SAFE = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-~%")


@given(st.text())
def test_any_text_is_read_as_it_was_spelled_and_needs_no_escapes(text: str) -> None:
    assert expressions.read(expressions.spelled(text)) == text
    assert set(expressions.spelled(text)) <= SAFE


def test_a_lone_surrogate_is_spelled_too() -> None:
    assert expressions.read(expressions.spelled("\ud800")) == "\ud800"


@given(st.text(), st.text(), st.text(), st.text())
def test_labels_are_equal_only_where_key_and_value_are(
    key: str, value: str, other_key: str, other: str
) -> None:
    same = (key, value) == (other_key, other)
    mine, others = profile_of({key: value}), profile_of({other_key: other})
    assert (expressions.labels(mine) == expressions.labels(others)) == same


def test_an_id_cannot_end_its_quotes() -> None:
    assert expressions.among(['a" or id != "']) == 'id in ["a%22%20or%20id%20%21%3D%20%22"]'


def test_what_is_eligible_is_live_not_barred_and_matches_every_key() -> None:
    wanted = wanted_of({"region": "eu", "language": ["ja", "en"]})
    assert expressions.eligible(5.0, {"b", "a"}, wanted) == (
        'published <= 5.0 and expires > 5.0 and id not in ["a", "b"]'
        ' and array_contains_any(attributes, ["language=en", "language=ja"])'
        ' and array_contains_any(attributes, ["region=eu"])'
    )


def test_without_conditions_every_item_is_eligible_and_the_note_is_none() -> None:
    assert expressions.eligible(None, (), wanted_of({})) == 'id != "!"'


@pytest.mark.parametrize("now", [math.inf, -math.inf, 1e300, -1e18, 0.1 + 0.2, 5])
def test_a_time_is_written_to_the_last_bit_and_never_as_infinity(now: float) -> None:
    written = float(expressions.expired(now).removeprefix('id != "!" and expires <= '))
    assert written == (now if math.isfinite(now) else math.copysign(expressions.FURTHEST, now))
