"""The record of a recommendation says in the event stream what it said when it was made."""

import json
from dataclasses import replace

import pytest

from service.exposure import FIRST, Exposure, Placed, Shown

ONE = Exposure(
    request_id="r1",
    user_id="u1",
    time=1.5,
    version="9f3c",
    sequence=None,
    experiments=(Placed("e", "a", 4711), Placed("f", "b", 1, forced=True)),
    candidates=(Shown("v1", "model", 7.0), Shown("v2", "author")),
)


def test_it_reads_what_it_wrote() -> None:
    """Candidates and arms stay the values they were."""
    again = Exposure.decode(ONE.encode())
    assert again == ONE
    assert again.candidates[0].published_at == 7.0
    assert again.experiments[1].forced


def test_the_first_candidates_are_kept() -> None:
    """Twenty of five hundred, in order, as small as columns."""
    many = replace(ONE, candidates=tuple(Shown(f"v{n}", "model") for n in range(500)))
    kept = Exposure.decode(many.encode()).candidates
    assert kept == many.candidates[:FIRST]
    ids, channels, published = json.loads(many.encode())["candidates"]
    assert (ids[0], channels[0], published[0]) == ("v0", "model", None)


def test_an_answer_without_candidates_has_a_record() -> None:
    none = replace(ONE, candidates=())
    assert Exposure.decode(none.encode()) == none


def test_a_later_version_may_say_more() -> None:
    facts = {**json.loads(ONE.encode()), "mood": "later"}
    assert Exposure.decode(json.dumps(facts)) == ONE


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"request_id": "r"}', "null"])
def test_anything_else_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match="Exposure"):
        Exposure.decode(text)


@pytest.mark.parametrize(
    "columns", ['[["v1"],["model"],["late"]]', '[["v1","v2"],["model"],[7.0]]', "[[7,8,9]]", "[7]"]
)
def test_candidates_of_another_form_are_a_value_error(columns: str) -> None:
    """Columns of two lengths too, and what is no column."""
    facts = json.loads(ONE.encode()) | {"candidates": json.loads(columns)}
    with pytest.raises(ValueError, match="candidates"):
        Exposure.decode(json.dumps(facts))
