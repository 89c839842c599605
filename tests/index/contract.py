"""What an index of items promises, whichever engine is behind it: one promise a test.

A subclass with an `engine` fixture runs them all; `refusals` has the rest of the contract. Scores
are those of vectors kept as half floats.
"""

import numpy as np
import pytest

from tests.index.engine import DIAGONAL, Engine, X, Y, array, filled, on_a_line, query

LARGEST, SMALLEST = 65504.0, 2.0**-24  # half floats


class Ranking:
    """Which items come, in which order, with which scores."""

    def test_an_empty_index_answers_every_query_with_nothing(self, engine: Engine) -> None:
        index = engine.make(2)
        engine.settle(index)
        assert index.search(array([X], [Y]), 5) == ([[], []], [[], []])
        whole = index.search(query(X), 5, now=1.0, exclude=[["a"]], filters={"x": "y"})
        assert whole == ([[]], [[]])
        assert (len(index), index.ids(), index.expire(1.0), index.remove(["a"])) == (
            0, set(), set(), 0,
        )  # fmt: skip

    def test_an_index_that_was_emptied_answers_with_nothing(self, engine: Engine) -> None:
        index = on_a_line(engine, 300)
        index.remove(index.ids())
        assert index.search(query(X, Y), 5) == ([[]], [[]])
        assert index.search(query(X), 5, filters={"x": "y"}) == ([[]], [[]])

    def test_no_queries_get_no_answers(self, engine: Engine) -> None:
        empty = np.empty((0, 3, 2), dtype=np.float32)
        assert filled(engine, a=X).search(empty, 5) == ([], [])

    def test_results_come_in_descending_order_of_inner_product(self, engine: Engine) -> None:
        index = filled(engine, short=[0.5, 9.0], against=[-1.0, 0.0], long=[3.0, 0.0])
        assert index.search(query(X), 3) == ([["long", "short", "against"]], [[3.0, 0.5, -1.0]])

    def test_scores_are_those_of_half_floats(self, engine: Engine) -> None:
        """1 + 2⁻¹¹ lies between two half floats and becomes the even one."""
        index = filled(engine, down=[1 + 2**-11, 0.0], up=[1 + 3 * 2**-11, 0.0])
        assert index.search(query(X), 2) == ([["up", "down"]], [[1 + 2**-9, 1.0]])

    def test_the_longest_and_the_shortest_vectors_are_found(self, engine: Engine) -> None:
        """At the ends of half floats, and with the longest query, warnings being errors."""
        index = filled(engine, a=[LARGEST, 0.0], b=[SMALLEST, 0.0], c=[-LARGEST, 0.0])
        assert index.search(query(X), 3) == (
            [["a", "b", "c"]], [[LARGEST, SMALLEST, -LARGEST]],
        )  # fmt: skip
        ids, scores = index.search(query([1e18, 1e18]), 3)
        assert ids == [["a", "b", "c"]]
        assert np.isfinite(scores).all()

    def test_fewer_items_than_k_are_all_returned(self, engine: Engine) -> None:
        (ids,), _ = filled(engine, a=X, b=Y).search(query(X), 10**9)
        assert ids == ["a", "b"]

    def test_an_items_score_is_its_best_over_the_interests(self, engine: Engine) -> None:
        index = filled(engine, x=[2.0, 0.0], y=[0.0, 3.0], both=[1.5, 1.5])
        assert index.search(query(X, Y), 3) == ([["y", "x", "both"]], [[3.0, 2.0, 1.5]])

    def test_an_item_that_several_interests_find_comes_once(self, engine: Engine) -> None:
        index = filled(engine, both=DIAGONAL)
        assert index.search(query(X, Y, DIAGONAL), 3) == ([["both"]], [[2.0]])

    def test_a_query_of_zeros_ties_with_everything(self, engine: Engine) -> None:
        index = on_a_line(engine, 300)
        ids = [f"{number:04}" for number in range(7)]
        assert index.search(query([0.0, 0.0]), 7) == ([ids], [[0.0] * 7])

    def test_each_query_of_a_batch_has_its_own_answer(self, engine: Engine) -> None:
        ids, scores = filled(engine, x=X, y=Y).search(array([X], [Y]), 1)
        assert (ids, scores) == ([["x"], ["y"]], [[1.0], [1.0]])

    def test_ties_are_broken_by_id_also_where_k_cuts_them(self, engine: Engine) -> None:
        index = filled(engine, d=X, b=X, e=DIAGONAL, a=X, c=X)
        assert index.search(query(X), 3)[0] == [["a", "b", "c"]]

    @pytest.mark.parametrize("removed", [0, 3000])
    @pytest.mark.parametrize("interests", [1, 2, 24])
    def test_thousands_of_ties_are_all_considered_at_the_boundary(
        self, engine: Engine, removed: int, interests: int
    ) -> None:
        """Items with the same tags have the same vector: none may be picked by accident."""
        ids = [f"{number:04}" for number in range(5000)]
        index = engine.make(2)
        index.upsert(ids[::-1], array(*[[0.3, 0.7]] * 5000))
        index.upsert(["better", "worse"], array([0.6, 1.4], [0.2, 0.6]))
        engine.settle(index)
        index.remove(ids[:removed])
        wanted = query(*[[0.1, 0.9]] * interests)
        assert index.search(wanted, 4)[0] == [["better", *ids[removed : removed + 3]]]


class Eligibility:
    """Times, exclusions and filters hold exactly, and never shorten what can be filled."""

    def test_an_item_is_live_from_publication_until_just_before_expiry(
        self, engine: Engine
    ) -> None:
        index = engine.make(2)
        index.upsert(["a"], array(X), published_at=[10.0], expires_at=[20.0])
        engine.settle(index)
        live = {now: index.is_live("a", now) for now in (9.999, 10.0, 19.999, 20.0)}
        assert live == {9.999: False, 10.0: True, 19.999: True, 20.0: False}
        assert {now: index.search(query(X), 1, now=now)[0] == [["a"]] for now in live} == live

    def test_without_times_an_item_is_always_live_and_without_now_times_do_not_count(
        self, engine: Engine
    ) -> None:
        index = engine.make(2)
        index.upsert(
            ["always", "never"], array(X, Y), published_at=[None, 9.0], expires_at=[None, 8.0]
        )
        engine.settle(index)
        assert index.search(query(X), 2, now=-1e18)[0] == [["always"]]
        assert index.search(query(X), 2)[0] == [["always", "never"]]

    def test_an_unknown_item_is_not_live(self, engine: Engine) -> None:
        assert not filled(engine, a=X).is_live("b", 0.0)

    def test_the_dead_never_shorten_an_answer_that_can_be_filled(self, engine: Engine) -> None:
        index = on_a_line(engine, 2000)
        ids = [f"{number:04}" for number in range(1900)]
        index.upsert(ids, array(*[[1500.0, 0.0]] * 1900), expires_at=[5.0] * 1900)
        (found,), _ = index.search(query(X), 50, now=5.0)
        assert found == [f"{number:04}" for number in range(1900, 1950)]

    def test_each_query_excludes_its_own_ids_and_unknown_ones_do_no_harm(
        self, engine: Engine
    ) -> None:
        index = filled(engine, a=X, b=X, c=X)
        ids, _ = index.search(query(X).repeat(3, axis=0), 2, exclude=[["a", "zz"], {"b"}, ()])
        assert ids == [["b", "c"], ["a", "c"], ["a", "b"]]

    def test_excluding_everything_leaves_nothing(self, engine: Engine) -> None:
        index = filled(engine, a=X, b=Y)
        assert index.search(query(X), 2, exclude=[index.ids()]) == ([[]], [[]])

    @pytest.mark.parametrize("barred", [100, 1900, 1990])
    def test_exclusions_never_shorten_an_answer_that_can_be_filled(
        self, engine: Engine, barred: int
    ) -> None:
        """The best are excluded, as they are for who has seen them."""
        index = on_a_line(engine, 2000)
        ids = [f"{number:04}" for number in range(2000)]
        found, _ = index.search(query(X), 50, exclude=[ids[:barred]])
        assert found == [ids[barred : barred + 50]]

    def test_ten_thousand_ids_can_be_excluded(self, engine: Engine) -> None:
        index = engine.make(2)
        ids = [f"{number:05}" for number in range(10_050)]
        index.upsert(ids, array(*[X] * 10_050))
        engine.settle(index)
        assert index.search(query(X), 60, exclude=[set(ids[:10_000])])[0] == [ids[10_000:]]

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
        self, engine: Engine, filters: dict[str, str | list[str]], expected: list[str]
    ) -> None:
        index = engine.make(2)
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
        engine.settle(index)
        assert index.search(query(X), 9, filters=filters)[0] == [expected]

    @pytest.mark.parametrize("every", [2, 50, 1999])
    def test_a_filter_never_shortens_an_answer_that_can_be_filled(
        self, engine: Engine, every: int
    ) -> None:
        """The worst match for the query is found when it alone passes the filter."""
        index = on_a_line(engine, 2000, [{"slice": str(n % every)} for n in range(2000)])
        ids = [f"{number:04}" for number in range(2000)]
        expected = ids[every - 1 :: every][:30]
        assert index.search(query(X), 30, filters={"slice": str(every - 1)})[0] == [expected]

    def test_a_filter_is_right_after_every_change(self, engine: Engine) -> None:
        """Asked before and after, so that what is remembered of it must follow."""
        index = on_a_line(engine, 200, [{"parity": str(n % 2)} for n in range(200)])
        odd = [f"{number:04}" for number in range(1, 200, 2)]
        assert index.search(query(X), 200, filters={"parity": "1"})[0] == [odd]
        index.remove(["0001"])
        index.upsert(["0003"], array(X))
        index.upsert(["0000", "new"], array([900.0, 0.0], X), attributes=[{"parity": "1"}] * 2)
        expected = ["0000", *odd[2:], "new"]
        (found,), _ = index.search(query(X), 300, filters={"parity": "1"})
        assert sorted(found) == sorted(expected)
        assert found[0] == "0000"


class Changes:
    """What is stored, and what is not."""

    def test_an_upsert_of_nothing_changes_nothing(self, engine: Engine) -> None:
        index = filled(engine, a=X)
        index.upsert([], np.empty((0, 2), dtype=np.float32))
        assert index.ids() == {"a"}

    def test_expire_drops_what_has_expired_and_names_it(self, engine: Engine) -> None:
        index = engine.make(2)
        index.upsert(["c", "b", "a", "d"], array(X, X, X, X), expires_at=[5.0, 6.0, 5.0, None])
        engine.settle(index)
        assert index.expire(4.9) == set()
        assert index.expire(5.0) == {"a", "c"}
        assert index.ids() == {"b", "d"}
        assert index.expire(5.0) == set()

    def test_expire_keeps_what_is_held_back_for_later(self, engine: Engine) -> None:
        index = engine.make(2)
        index.upsert(["a"], array(X), published_at=[100.0])
        engine.settle(index)
        assert index.expire(50.0) == set()
        assert "a" in index

    def test_upserting_an_id_again_replaces_vector_times_and_attributes(
        self, engine: Engine
    ) -> None:
        index = engine.make(2)
        index.upsert(["a", "b"], array(X, X), expires_at=[1.0, 1.0], attributes=[{"k": "old"}] * 2)
        engine.settle(index)
        index.upsert(["a"], array(Y))
        assert len(index) == 2
        assert index.search(query(Y), 1, now=5.0) == ([["a"]], [[1.0]])
        assert index.search(query(X), 9, filters={"k": "old"})[0] == [["b"]]
        assert index.expire(5.0) == {"b"}

    def test_removing_counts_what_was_there_each_once(self, engine: Engine) -> None:
        index = filled(engine, a=X, b=X, c=X)
        assert index.remove(["c", "nope", "a", "c"]) == 2
        assert (index.ids(), len(index), "a" in index, "b" in index) == ({"b"}, 1, False, True)

    def test_removing_counts_once_what_is_named_far_apart(self, engine: Engine) -> None:
        index = on_a_line(engine, 300)
        ids = sorted(index.ids())
        assert index.remove([*ids, *ids]) == 300

    def test_the_index_keeps_no_hold_on_the_callers_arrays(self, engine: Engine) -> None:
        vectors = array(X, Y)
        index = engine.make(2)
        index.upsert(["x", "y"], vectors)
        vectors[:] = 0.0
        engine.settle(index)
        assert index.search(query(X), 1) == ([["x"]], [[1.0]])

    def test_the_callers_arrays_are_left_as_they_were(self, engine: Engine) -> None:
        vectors = array([0.1, 0.2])
        index = filled(engine, a=X)
        index.upsert(["b"], vectors)
        index.search(vectors[None], 2)
        assert vectors.tolist() == array([0.1, 0.2]).tolist()

    def test_the_layout_of_the_callers_arrays_does_not_matter(self, engine: Engine) -> None:
        wide = np.asfortranarray(np.arange(1, 13, dtype=np.float32).reshape(3, 4))[:, ::2]
        strided, packed = engine.make(2), engine.make(2)
        strided.upsert(["a", "b", "c"], wide)
        packed.upsert(["a", "b", "c"], np.ascontiguousarray(wide))
        engine.settle(strided)
        engine.settle(packed)
        assert strided.search(wide[:, None], 3) == packed.search(wide[:, None].copy(), 3)
