"""What counts as shown and clicked, in whose arm; and what is left out, counted."""

from pathlib import Path

import pytest

from couple.abtest.served import NothingServed, read
from tests.couple.abtest.serving import BEGAN_S, DAY_S, NEW, OLD, Fact, answer, keep, told

ITEMS: dict[str, float | None] = {"new": NEW, "old": OLD, "undated": None}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "events"


def test_each_item_of_an_answer_counts_once(folder: Path) -> None:
    """A second impression is none, a click shows what nobody said was shown."""
    facts: list[tuple[float, Fact]] = [
        (0.0, answer("r1", "u1", "a", ITEMS)),
        (0.1, told("r1", "u1", "new")),
        (0.2, told("r1", "u1", "new")),
        (0.3, told("r1", "u1", "old", "click")),
        (0.4, told("r1", "u1", "old", "click")),
        (0.5, told("r1", "u1", "old", "like")),
        (0.6, answer("r2", "u1", "a", ITEMS)),
        (0.7, told("r2", "u1", "new")),
        (0.8, answer("r3", "u2", "b", ITEMS)),
    ]
    served = read(keep(folder, facts), "e", 7.0)
    assert served.facts["a"].tolist() == [[3, 1, 2]]
    assert served.facts["b"].tolist() == [[0, 0, 0]], "a user who was shown nothing still counts"
    assert served.requests == {"a": 2, "b": 1}
    assert served.left_out == {}


def test_what_belongs_to_no_arm_is_left_out_and_counted(folder: Path) -> None:
    """Forced arms, other experiments, unknown requests, and another user's word."""
    facts: list[tuple[float, Fact]] = [
        (0.0, answer("r1", "u1", "a", ITEMS)),
        (0.0, answer("forced", "u3", "a", ITEMS, forced=True)),
        (0.0, answer("other", "u4", "a", ITEMS, experiment="f")),
        (0.0, answer("none", "u5", None, ITEMS)),
        *((0.1, told(request, "u3", "new")) for request in ("forced", "other", "none", "r1")),
        (0.1, told("lost", "u1", "new")),
        (0.1, told(None, "u1", "new")),
        (0.2, told("r1", "u1", "undated")),
    ]
    served = read(keep(folder, facts), "e", 7.0)
    assert served.facts["a"].tolist() == [[1, 0, 0]]
    assert served.left_out == {
        "requests with a forced arm": 1,
        "impressions and clicks of a request that is not here": 1,
        "impressions of items of unknown age, which count as not cold": 1,
    }


def test_a_call_for_several_users_counts_for_each(folder: Path) -> None:
    """A batch has one id; what is told of it names its user. A record written twice is one."""
    facts: list[tuple[float, Fact]] = [
        (0.0, answer("batch", "u1", "a", ITEMS)),
        (0.0, answer("batch", "u2", "b", ITEMS)),
        (0.0, answer("batch", "u2", "b", ITEMS)),
        (0.1, told("batch", "u1", "new")),
        (0.1, told("batch", "u2", "new", "click")),
    ]
    served = read(keep(folder, facts), "e", 7.0)
    assert {arm: facts.tolist() for arm, facts in served.facts.items()} == {
        "a": [[1, 0, 1]],
        "b": [[1, 1, 1]],
    }
    assert served.requests == {"a": 1, "b": 1}
    assert served.left_out == {}


def test_users_and_requests_of_two_arms_are_left_out(folder: Path) -> None:
    """A definition that was changed by hand must not count for both."""
    facts: list[tuple[float, Fact]] = [
        (0.0, answer("r1", "u1", "a", ITEMS)),
        (0.0, answer("r2", "u1", "b", ITEMS)),
        (0.0, answer("r3", "u2", "a", ITEMS)),
        (0.0, answer("r4", "u3", "a", ITEMS)),
        (0.0, answer("r4", "u3", "b", ITEMS)),
        (0.1, told("r1", "u1", "new")),
        (0.1, told("r3", "u2", "new")),
    ]
    served = read(keep(folder, facts), "e", 7.0)
    assert served.facts["a"].tolist() == [[1, 0, 1]]
    assert len(served.facts["b"]) == 0
    assert served.left_out == {
        "requests of a user that two arms share": 1,
        "users of two arms": 1,
    }


def test_an_item_is_cold_for_some_days(folder: Path) -> None:
    """By its publication and the arrival of the impression; a caller's clock is no matter."""
    edge = {"edge": BEGAN_S - 7 * DAY_S + 3600}
    facts: list[tuple[float, Fact]] = [
        (0.0, answer("r1", "u1", "a", edge)),
        (0.9, told("r1", "u1", "edge")),
        (1.0, answer("r2", "u2", "a", edge)),
        (1.1, told("r2", "u2", "edge")),
    ]
    served = read(keep(folder, facts), "e", 7.0)
    assert sorted(served.facts["a"].tolist()) == [[1, 0, 0], [1, 0, 1]]


def test_new_items_are_counted_by_arm_and_day(folder: Path) -> None:
    """Those that were cold when the arm showed them first, and how old they were then."""
    many = {"x": NEW, "y": NEW - DAY_S, "old": OLD}
    facts: list[tuple[float, Fact]] = [
        (0.0, answer("r1", "u1", "a", many)),
        (0.0, answer("r2", "u2", "b", many)),
        (1.0, told("r1", "u1", "x")),
        (2.0, told("r1", "u1", "y")),
        (2.0, told("r1", "u1", "old")),
        (3.0, told("r2", "u2", "x")),
        (23.5, answer("r3", "u1", "a", many)),
    ]
    served = read(keep(folder, facts), "e", 7.0)
    assert (served.novelty["a"].items, served.novelty["a"].by_day) == (2, (2,))
    assert served.novelty["a"].median_hours == pytest.approx((25 + 50) / 2)
    assert served.novelty["b"].median_hours == pytest.approx(27)


def test_a_folder_without_the_experiment_says_so(folder: Path) -> None:
    """Or without any recommendation."""
    folder.mkdir()
    with pytest.raises(NothingServed, match="holds no recommendations: name a folder of"):
        read(folder, "e", 7.0)
    with pytest.raises(NothingServed, match="no recommendation of the experiment e is here"):
        read(keep(folder, [(0.0, answer("r", "u", "a", ITEMS, experiment="f"))]), "e", 7.0)
