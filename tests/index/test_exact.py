"""What the index promises, one promise a test."""

import tracemalloc

import numpy as np
import pytest
from numpy.typing import NDArray

from index import ItemIndex

X, Y, DIAGONAL = [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]


def array(*rows: object) -> NDArray[np.float32]:
    return np.array(rows, dtype=np.float32)


def query(*interests: list[float]) -> NDArray[np.float32]:
    """One query [1, I, 2]."""
    return array(interests)


def index_of(**vectors: list[float]) -> ItemIndex:
    index = ItemIndex(2)
    index.upsert(list(vectors), array(*vectors.values()))
    return index


def test_an_empty_index_answers_every_query_with_nothing() -> None:
    index = ItemIndex(2)
    assert index.search(array([X], [Y]), 5) == ([[], []], [[], []])
    assert index.search(query(X), 5, now=1.0, exclude=[["a"]], filters={"x": "y"}) == ([[]], [[]])
    assert (len(index), index.ids(), index.expire(1.0), index.remove(["a"])) == (0, set(), [], 0)


def test_no_queries_get_no_answers() -> None:
    assert index_of(a=X).search(np.empty((0, 3, 2), dtype=np.float32), 5) == ([], [])


def test_an_upsert_of_nothing_changes_nothing() -> None:
    index = index_of(a=X)
    index.upsert([], np.empty((0, 2), dtype=np.float32))
    assert index.ids() == {"a"}


def test_results_come_in_descending_order_of_inner_product() -> None:
    index = index_of(short=[0.5, 9.0], against=[-1.0, 0.0], long=[3.0, 0.0])
    assert index.search(query(X), 3) == ([["long", "short", "against"]], [[3.0, 0.5, -1.0]])


def test_fewer_items_than_k_are_all_returned() -> None:
    (ids,), _ = index_of(a=X, b=Y).search(query(X), 10**9)
    assert ids == ["a", "b"]


def test_an_items_score_is_its_best_over_the_interests() -> None:
    index = index_of(x=[2.0, 0.0], y=[0.0, 3.0], both=[1.5, 1.5])
    assert index.search(query(X, Y), 3) == ([["y", "x", "both"]], [[3.0, 2.0, 1.5]])


def test_an_item_that_several_interests_find_comes_once() -> None:
    assert index_of(both=DIAGONAL).search(query(X, Y, DIAGONAL), 3) == ([["both"]], [[2.0]])


def test_each_query_of_a_batch_has_its_own_answer() -> None:
    ids, scores = index_of(x=X, y=Y).search(array([X], [Y]), 1)
    assert (ids, scores) == ([["x"], ["y"]], [[1.0], [1.0]])


def test_ties_are_broken_by_id_also_where_k_cuts_them() -> None:
    index = index_of(d=X, b=X, e=DIAGONAL, a=X, c=X)
    assert index.search(query(X), 3)[0] == [["a", "b", "c"]]


@pytest.mark.parametrize("removed", [0, 3000])
def test_thousands_of_ties_are_all_considered_at_the_boundary(removed: int) -> None:
    """Items with the same tags have the same vector: no index may pick among them by accident."""
    ids = [f"{number:04}" for number in range(5000)]
    index = ItemIndex(2)
    index.upsert(ids[::-1], array(*[DIAGONAL] * 5000))
    index.upsert(["better", "worse"], array([2.0, 1.0], X))
    index.remove(ids[:removed])
    assert index.search(query(DIAGONAL), 4)[0] == [["better", *ids[removed : removed + 3]]]


def test_an_item_is_live_from_publication_until_just_before_expiry() -> None:
    index = ItemIndex(2)
    index.upsert(["a"], array(X), published_at=[10.0], expires_at=[20.0])
    live = {now: index.is_live("a", now) for now in (9.999, 10.0, 19.999, 20.0)}
    assert live == {9.999: False, 10.0: True, 19.999: True, 20.0: False}
    assert {now: index.search(query(X), 1, now=now)[0] == [["a"]] for now in live} == live


def test_without_times_an_item_is_always_live_and_without_now_times_do_not_count() -> None:
    index = ItemIndex(2)
    index.upsert(["always", "never"], array(X, Y), published_at=[None, 9.0], expires_at=[None, 8.0])
    assert index.search(query(X), 2, now=-1e18)[0] == [["always"]]
    assert index.search(query(X), 2)[0] == [["always", "never"]]


def test_an_unknown_item_is_not_live() -> None:
    assert not index_of(a=X).is_live("b", 0.0)


def test_expire_drops_what_has_expired_and_names_it() -> None:
    index = ItemIndex(2)
    index.upsert(["c", "b", "a", "d"], array(X, X, X, X), expires_at=[5.0, 6.0, 5.0, None])
    assert index.expire(4.9) == []
    assert index.expire(5.0) == ["a", "c"]
    assert index.ids() == {"b", "d"}
    assert index.expire(5.0) == []


def test_expire_keeps_what_is_held_back_for_later() -> None:
    index = ItemIndex(2)
    index.upsert(["a"], array(X), published_at=[100.0])
    assert index.expire(50.0) == []
    assert "a" in index


def test_each_query_excludes_its_own_ids_and_unknown_ones_do_no_harm() -> None:
    index = index_of(a=X, b=X, c=X)
    ids, _ = index.search(query(X).repeat(3, axis=0), 2, exclude=[["a", "zz"], {"b"}, ()])
    assert ids == [["b", "c"], ["a", "c"], ["a", "b"]]


def test_excluding_everything_leaves_nothing() -> None:
    index = index_of(a=X, b=Y)
    assert index.search(query(X), 2, exclude=[index.ids()]) == ([[]], [[]])


def test_exclusions_never_shorten_an_answer_that_can_be_filled() -> None:
    ids = [f"{number:04}" for number in range(2000)]
    vectors = np.linspace([2.0, 0.0], [1.0, 0.0], 2000, dtype=np.float32)
    index = ItemIndex(2)
    index.upsert(ids, vectors)
    assert index.search(query(X), 50, exclude=[ids[:1900]])[0] == [ids[1900:1950]]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"language": "en"}, ["both", "english"]),
        ({"language": ["en", "ja"]}, ["both", "english", "japanese"]),
        ({"language": ["ja"], "region": ["eu", "us"]}, ["both"]),
        ({"language": ["fr"]}, []),
        ({"colour": ["red"]}, []),
        ({"language": []}, []),
        ({}, ["both", "english", "japanese", "none"]),
    ],
)
def test_a_filter_takes_any_value_of_a_key_and_needs_every_key(
    filters: dict[str, str | list[str]], expected: list[str]
) -> None:
    index = ItemIndex(2)
    index.upsert(
        ["english", "both", "japanese", "none"],
        array(X, X, X, X),
        attributes=[
            {"language": "en", "region": "us"},
            {"language": ["en", "ja"], "region": ["eu", "asia"]},
            {"language": ["ja"]},
            {},
        ],
    )
    assert index.search(query(X), 9, filters=filters)[0] == [expected]


@pytest.mark.parametrize("every", [2, 50, 1999])
def test_a_filter_never_shortens_an_answer_that_can_be_filled(every: int) -> None:
    """The worst match for the query is found when it alone passes the filter."""
    ids = [f"{number:04}" for number in range(2000)]
    vectors = np.linspace([2.0, 0.0], [-2.0, 0.0], 2000, dtype=np.float32)
    attributes = [{"slice": str(number % every)} for number in range(2000)]
    index = ItemIndex(2)
    index.upsert(ids, vectors, attributes=attributes)
    expected = ids[every - 1 :: every][:30]
    assert index.search(query(X), 30, filters={"slice": str(every - 1)})[0] == [expected]


def test_upserting_an_id_again_replaces_vector_times_and_attributes() -> None:
    index = ItemIndex(2)
    index.upsert(["a", "b"], array(X, X), expires_at=[1.0, 1.0], attributes=[{"k": "old"}] * 2)
    index.upsert(["a"], array(Y))
    assert len(index) == 2
    assert index.search(query(Y), 1, now=5.0) == ([["a"]], [[1.0]])
    assert index.search(query(X), 9, filters={"k": "old"})[0] == [["b"]]
    assert index.expire(5.0) == ["b"]


def test_removing_counts_what_was_there_each_once() -> None:
    index = index_of(a=X, b=X, c=X)
    assert index.remove(["c", "nope", "a", "c"]) == 2
    assert (index.ids(), len(index), "a" in index, "b" in index) == ({"b"}, 1, False, True)


def test_the_index_keeps_no_hold_on_the_callers_arrays() -> None:
    vectors = array(X, Y)
    index = ItemIndex(2)
    index.upsert(["x", "y"], vectors)
    vectors[:] = 0.0
    assert index.search(query(X), 1) == ([["x"]], [[1.0]])


def test_the_layout_of_the_callers_arrays_does_not_matter() -> None:
    wide = np.asfortranarray(np.arange(1, 13, dtype=np.float32).reshape(3, 4))[:, ::2]  # [3, 2]
    strided, packed = ItemIndex(2), ItemIndex(2)
    strided.upsert(["a", "b", "c"], wide)
    packed.upsert(["a", "b", "c"], np.ascontiguousarray(wide))
    assert strided.search(wide[:, None], 3) == packed.search(wide[:, None].copy(), 3)


def test_memory_is_given_back_when_the_index_shrinks() -> None:
    """10,000 items of 64 floats need 2.5 MB and more; ten items keep at most a twentieth of it."""
    index = ItemIndex(64)
    index.remove([])  # what numpy imports on first use is not the index's memory
    ids = [f"{number}" for number in range(10_000)]
    vectors = np.ones((10_000, 64), dtype=np.float32)
    tracemalloc.start()
    try:
        index.upsert(ids, vectors, attributes=[{"language": "en"}] * 10_000)
        full, _ = tracemalloc.get_traced_memory()
        index.remove(ids[10:])
        shrunk, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert full > 2_500_000
    assert shrunk < full / 20


def test_attributes_that_nobody_holds_any_more_take_no_memory() -> None:
    """A thousand replacements of one item, each with attributes never seen before."""
    index = index_of(a=X)
    tracemalloc.start()
    try:
        for series in range(1000):
            index.upsert(["a"], array(X), attributes=[{"series": str(series)}])
        grown, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert grown < 200_000  # 650,000 when they are never released
