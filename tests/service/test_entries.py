"""A long list is cut where its entries end, in whatever way a caller writes JSON."""

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.entries import spans

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


def spaced(draw: random.Random, *tokens: str) -> str:
    """These, with anything that counts as blank before each."""
    return "".join("".join([*draw.choices(" \t\r\n", k=draw.randrange(3)), t]) for t in tokens)


@given(st.lists(JSON, min_size=1), st.booleans(), st.randoms(use_true_random=False))
def test_each_entry_is_found_as_it_was_written(
    entries: list[object], plain: bool, draw: random.Random
) -> None:
    """Also what looks like the end of a list inside of strings, and whatever blanks there are."""
    written = [json.dumps(entry, ensure_ascii=plain) for entry in entries]
    listed = [token for text in written for token in (",", text)][1:]
    body = spaced(draw, "{", '"items"', ":", "[", *listed, "]", "}", "")
    assert [body[begin:end] for begin, end in spans(body, "items")] == written


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{}",
        "[1]",
        '{"items":[]}',
        '{"items":1}',
        '{"items":[1,]}',
        '{"items":[1 2]}',
        '{"items":[1]',
        '{"items":[1]}}',
        '{"items":[1],"odd":2}',
        '{"odd":2,"items":[1]}',
        '{"items":["\x00"]}',
        '{"items":[1],"items":[2]}',
        '\ufeff{"items":[1]}',
    ],
)
def test_a_body_of_another_form_is_not_cut(body: str) -> None:
    """Nor is what is no JSON."""
    with pytest.raises(ValueError):  # noqa: PT011  # the decoder's own, or ours
        list(spans(body, "items"))


def test_an_entry_that_has_no_bottom_is_not_cut() -> None:
    """As deep as nobody's contract goes."""
    with pytest.raises(RecursionError):
        list(spans(f'{{"items":[{"[" * 100_000}', "items"))
