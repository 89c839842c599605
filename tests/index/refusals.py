"""What an index refuses, whichever engine is behind it, and that it is then as it was."""

from collections.abc import Callable

import numpy as np
import pytest

from index.errors import (
    DuplicateId,
    InvalidK,
    InvalidTime,
    ItemIndexError,
    NotFinite,
    WrongShape,
    ZeroVector,
)
from tests.index.engine import Engine, Index, array

NAN, INF = float("nan"), float("inf")
QUERY = np.ones((1, 1, 2), dtype=np.float32)


def small(engine: Engine) -> Index:
    """Two items, one of them with everything an item can have."""
    index = engine.make(2)
    index.upsert(
        ["a", "b"],
        array([1, 0], [0, 1]),
        expires_at=[None, 20.0],
        published_at=[None, 10.0],
        attributes=[{}, {"language": ["en", "ja"]}],
    )
    engine.settle(index)
    return index


def state(index: Index) -> list[object]:
    """All that callers can see of the items above."""
    times = (5.0, 10.0, 19.0, 20.0)
    filters: list[dict[str, str]] = [{}, {"language": "en"}, {"language": "fr"}]
    return [
        index.ids(),
        [index.is_live(id_, now) for id_ in ("a", "b", "c") for now in times],
        [index.search(QUERY, 9, now=now, filters=one) for now in times for one in filters],
    ]


BAD_UPSERTS: dict[str, tuple[Callable[[Index], None], type[ItemIndexError], str]] = {
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
    "beyond half floats": (
        lambda i: i.upsert(["a", "c"], array([1, 1], [1, -65520])),
        NotFinite,
        "vector 1 .id 'c'.",
    ),
    "zero": (
        lambda i: i.upsert(["a", "c"], array([1, 1], [0, -0.0])),
        ZeroVector,
        "vector 1 .id 'c'. is zero",
    ),
    "zero as half floats": (
        lambda i: i.upsert(["a", "c"], array([1, 1], [2**-25, 0])),
        ZeroVector,
        "vector 1 .id 'c'. is zero",
    ),
    "one bad row among hundreds": (
        lambda i: i.upsert([f"{n}" for n in range(500)], array(*[[1, 1]] * 499, [NAN, 1])),
        NotFinite,
        "vector 499 .id '499'.",
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

BAD_SEARCHES: dict[str, tuple[Callable[[Index], object], type[ItemIndexError], str]] = {
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
    "longer than inner products in float32 allow": (
        lambda i: i.search(array([[3e38, 3e38]]), 1),
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


class Refusals:
    """Every refusal is typed, names what is wrong, and changes nothing."""

    @pytest.mark.parametrize("case", BAD_UPSERTS)
    def test_an_upsert_with_one_bad_row_is_refused_and_changes_nothing(
        self, engine: Engine, case: str
    ) -> None:
        index = small(engine)
        upsert, error, message = BAD_UPSERTS[case]
        before = state(index)
        with pytest.raises(error, match=message):
            upsert(index)
        assert state(index) == before

    def test_an_error_in_the_callers_attributes_changes_nothing(self, engine: Engine) -> None:
        """Not strings: a bug of the caller. Any error will do, but no half a batch."""
        index = small(engine)
        before = state(index)
        with pytest.raises(TypeError):
            index.upsert(["a", "c"], array([1, 1], [2, 2]), attributes=[{}, {"n": 7}])  # type: ignore[dict-item]  # the bug
        assert state(index) == before

    @pytest.mark.parametrize("case", BAD_SEARCHES)
    def test_a_call_that_makes_no_sense_is_refused_and_changes_nothing(
        self, engine: Engine, case: str
    ) -> None:
        index = small(engine)
        call, error, message = BAD_SEARCHES[case]
        before = state(index)
        with pytest.raises(error, match=message):
            call(index)
        assert state(index) == before

    def test_an_index_without_dimensions_is_refused(self, engine: Engine) -> None:
        for dim in (0, -1):
            with pytest.raises(WrongShape, match="at least one dimension"):
                engine.make(dim)
