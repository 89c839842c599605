"""Every refusal is typed, names what is wrong, and leaves the index as it was."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from index import (
    DuplicateId,
    InvalidK,
    InvalidTime,
    ItemIndex,
    ItemIndexError,
    NotFinite,
    WrongShape,
    ZeroVector,
)

NAN, INF = float("nan"), float("inf")
QUERY = np.ones((1, 1, 2), dtype=np.float32)


def array(*rows: object) -> NDArray[np.float32]:
    return np.array(rows, dtype=np.float32)


@pytest.fixture
def index() -> ItemIndex:
    """Two items, one of them with everything an item can have."""
    index = ItemIndex(2)
    index.upsert(
        ["a", "b"],
        array([1, 0], [0, 1]),
        expires_at=[None, 20.0],
        published_at=[None, 10.0],
        attributes=[{}, {"language": ["en", "ja"]}],
    )
    return index


def state(index: ItemIndex) -> list[object]:
    """All that callers can see of the items above."""
    times = (5.0, 10.0, 19.0, 20.0)
    filters: list[dict[str, str]] = [{}, {"language": "en"}, {"language": "fr"}]
    return [
        index.ids(),
        [index.is_live(id_, now) for id_ in ("a", "b", "c") for now in times],
        [index.search(QUERY, 9, now=now, filters=one) for now in times for one in filters],
    ]


BAD_UPSERTS: dict[str, tuple[Callable[[ItemIndex], None], type[ItemIndexError], str]] = {
    "too many dimensions": (
        lambda i: i.upsert(["a", "c"], array([1, 1, 1], [2, 2, 2])),
        WrongShape,
        r"shape \(2, 2\), not \(2, 3\)",
    ),
    "one vector instead of a matrix": (
        lambda i: i.upsert(["a"], array(1, 1)),
        WrongShape,
        r"shape \(1, 2\), not \(2,\)",
    ),
    "more ids than vectors": (
        lambda i: i.upsert(["a", "c", "d"], array([1, 1], [2, 2])),
        WrongShape,
        r"3 ids have shape \(3, 2\), not \(2, 2\)",
    ),
    "NaN": (
        lambda i: i.upsert(["a", "c"], array([1, 1], [NAN, 2])),
        NotFinite,
        "vector 1 .id 'c'. is not finite",
    ),
    "+inf": (lambda i: i.upsert(["a"], array([INF, 1])), NotFinite, "vector 0 .id 'a'."),
    "-inf": (lambda i: i.upsert(["a"], array([1, -INF])), NotFinite, "vector 0 .id 'a'."),
    "beyond float32": (
        lambda i: i.upsert(["a"], np.array([[1e300, 1]])),
        NotFinite,
        "vector 0",
    ),
    "too long for inner products in float32": (
        lambda i: i.upsert(["a"], array([3e38, 3e38])),
        NotFinite,
        "vector 0",
    ),
    "zero": (
        lambda i: i.upsert(["a", "c"], array([1, 1], [0, -0.0])),
        ZeroVector,
        "vector 1 .id 'c'. is zero",
    ),
    "too short to have a direction": (
        lambda i: i.upsert(["a"], array([1e-40, 0])),
        ZeroVector,
        "vector 0",
    ),
    "an id twice": (
        lambda i: i.upsert(["c", "a", "c"], array([1, 1], [2, 2], [3, 3])),
        DuplicateId,
        "'c' twice",
    ),
    "too few expiries": (
        lambda i: i.upsert(["a", "c"], array([1, 1], [2, 2]), expires_at=[1.0]),
        WrongShape,
        "2 ids need 2 times, not 1",
    ),
    "too many publications": (
        lambda i: i.upsert(["a"], array([1, 1]), published_at=[1.0, 2.0]),
        WrongShape,
        "1 ids need 1 times, not 2",
    ),
    "an expiry that is NaN": (
        lambda i: i.upsert(["a", "c"], array([1, 1], [2, 2]), expires_at=[None, NAN]),
        InvalidTime,
        "time 1 is NaN",
    ),
    "a publication that is NaN": (
        lambda i: i.upsert(["a"], array([1, 1]), published_at=[NAN]),
        InvalidTime,
        "time 0 is NaN",
    ),
    "too few attributes": (
        lambda i: i.upsert(["a", "c"], array([1, 1], [2, 2]), attributes=[{}]),
        WrongShape,
        "2 ids need 2 attributes, not 1",
    ),
}


@pytest.mark.parametrize("case", BAD_UPSERTS)
def test_an_upsert_with_one_bad_row_is_refused_and_changes_nothing(
    index: ItemIndex, case: str
) -> None:
    upsert, error, message = BAD_UPSERTS[case]
    before = state(index)
    with pytest.raises(error, match=message):
        upsert(index)
    assert state(index) == before


def test_an_error_in_the_callers_attributes_changes_nothing(index: ItemIndex) -> None:
    """Attributes that are not strings are a bug of the caller: any error, but no half a batch."""
    before = state(index)
    with pytest.raises(TypeError):
        index.upsert(["a", "c"], array([1, 1], [2, 2]), attributes=[{}, {"n": 7}])  # type: ignore[dict-item]  # the bug
    assert state(index) == before


BAD_SEARCHES: dict[str, tuple[Callable[[ItemIndex], object], type[ItemIndexError], str]] = {
    "no interests axis": (
        lambda i: i.search(QUERY[0], 1),
        WrongShape,
        r"shape \(B, I, 2\) with I ≥ 1, not \(1, 2\)",
    ),
    "no interests": (lambda i: i.search(QUERY[:, :0], 1), WrongShape, r"not \(1, 0, 2\)"),
    "too few dimensions": (lambda i: i.search(QUERY[..., :1], 1), WrongShape, r"not \(1, 1, 1\)"),
    "NaN in the second query": (
        lambda i: i.search(array([[1, 1]], [[NAN, 1]]), 1),
        NotFinite,
        "query 1 is not finite",
    ),
    "inf in the second interest": (
        lambda i: i.search(array([[1, 1], [INF, 1]]), 1),
        NotFinite,
        "query 0 is not finite",
    ),
    "k = 0": (lambda i: i.search(QUERY, 0), InvalidK, "at least 1, not 0"),
    "k < 0": (lambda i: i.search(QUERY, -3), InvalidK, "at least 1, not -3"),
    "now is NaN": (lambda i: i.search(QUERY, 1, now=NAN), InvalidTime, "now is NaN"),
    "more exclusions than queries": (
        lambda i: i.search(QUERY, 1, exclude=[["a"], ["b"]]),
        WrongShape,
        "1 queries need 1 exclusions, not 2",
    ),
    "an id where its collection belongs": (
        lambda i: i.search(QUERY, 1, exclude=["a"]),
        WrongShape,
        "a collection of ids for each query",
    ),
    "an id where collections belong": (
        lambda i: i.search(QUERY, 1, exclude="a"),
        WrongShape,
        "a collection of ids for each query",
    ),
    "live at NaN": (lambda i: i.is_live("a", NAN), InvalidTime, "now is NaN"),
    "expired by NaN": (lambda i: i.expire(NAN), InvalidTime, "now is NaN"),
}


@pytest.mark.parametrize("case", BAD_SEARCHES)
def test_a_call_that_makes_no_sense_is_refused_and_changes_nothing(
    index: ItemIndex, case: str
) -> None:
    call, error, message = BAD_SEARCHES[case]
    before = state(index)
    with pytest.raises(error, match=message):
        call(index)
    assert state(index) == before


@pytest.mark.parametrize("dim", [0, -1])
def test_an_index_without_dimensions_is_refused(dim: int) -> None:
    with pytest.raises(WrongShape, match="at least one dimension"):
        ItemIndex(dim)


def test_lengths_at_the_edge_of_what_is_accepted_search_without_overflow() -> None:
    """The longest and the shortest vectors meet the longest query, warnings being errors."""
    index = ItemIndex(64)
    long = np.full((100, 64), 1.2e18, dtype=np.float32)
    short = np.full((100, 64), 1.3e-20, dtype=np.float32)
    index.upsert([f"long{i}" for i in range(100)], long)
    index.upsert([f"short{i}" for i in range(100)], short)
    (ids,), (scores,) = index.search(long[:1, None], 150)
    assert [id_[:4] for id_ in ids] == ["long"] * 100 + ["shor"] * 50
    assert np.isfinite(scores).all()
