"""Scenarios ask as often as they say, for what they say; a ramp finds where it breaks."""

from collections import Counter
from itertools import islice

import numpy as np
import orjson
import pytest

from loadtest.errors import ScenarioRefused
from loadtest.scenarios import SCENARIOS, Climb, scenario
from loadtest.traffic import RECOMMEND, Size, Traffic

TAGS = [f"tag {n}" for n in range(240)]


@pytest.mark.parametrize("capacity", [30.0, 333.0, 5000.0, 7.0])
def test_a_ramp_closes_in_on_the_capacity(capacity: float) -> None:
    """From above or below, within a tenth, in few steps."""
    climb = Climb(50.0)
    for _ in range(14):
        if not climb.found:
            climb.note(climb.rate <= capacity)
    assert climb.found
    assert climb.held is not None
    assert climb.broke is not None
    assert climb.held <= capacity < climb.broke <= 1.1 * climb.held
    assert "held" in climb.said
    assert "broke" in climb.said


def test_a_ramp_that_never_broke_says_so() -> None:
    """So does one that never held."""
    climb = Climb(50.0)
    climb.note(True)
    assert climb.said == "50/s held: the breaking point lies beyond"
    climb = Climb(50.0)
    climb.note(False)
    assert climb.said == "50/s broke: the breaking point lies below"


def test_a_spike_is_five_times_the_rate_for_a_tenth_of_the_time() -> None:
    """And as before after it."""
    times, rates = np.array(scenario("spike").points(10, 100)).T
    shown = np.interp([0, 39, 41, 49, 51, 100], times, rates)
    assert shown.tolist() == [10, 10, 50, 50, 10, 10]


def test_a_soak_goes_up_and_down_once() -> None:
    """Between half the rate and the whole."""
    rates = [rate for _, rate in scenario("soak").points(100, 1000)]
    assert (rates[0], max(rates), rates[-1]) == (50, 100, 50)


def test_a_scenario_that_does_not_exist_is_refused_with_those_that_do() -> None:
    """By name."""
    with pytest.raises(ScenarioRefused, match="choose from steady, spike"):
        scenario("storm")


@pytest.fixture
def traffic() -> Traffic:
    return Traffic(TAGS, Size(items=50, users=200, k=7), 10.0, stored=True)


def test_calls_come_in_the_shares_of_the_mix(traffic: Traffic) -> None:
    """The same calls for the same seed."""
    mix = dict(SCENARIOS["mixed"].mix)
    calls = list(islice(traffic.calls(mix, 1), 4000))
    counts = Counter(call.kind for call in calls)
    assert {kind: counts[kind] / 4000 for kind in mix} == pytest.approx(mix, abs=0.02)
    assert [c.path for c in islice(traffic.calls(mix, 1), 50)] == [c.path for c in calls[:50]]


def test_few_users_ask_for_most(traffic: Traffic) -> None:
    """By Zipf's law: the first tenth of them makes more than half of the requests."""
    calls = islice(traffic.calls({RECOMMEND: 1.0}, 1), 4000)
    users = Counter(orjson.loads(call.body)["user_id"] for call in calls)
    share = sum(count for _, count in users.most_common(20)) / 4000
    assert 0.5 < share < 0.75
    assert len(users) > 150


def test_a_request_brings_its_history_where_the_service_has_none() -> None:
    """And asks for k candidates."""
    for stored in (True, False):
        traffic = Traffic(TAGS, Size(users=3, k=7), 10.0, stored=stored)
        asked = orjson.loads(next(traffic.calls({RECOMMEND: 1.0}, 1)).body)
        assert asked["k"] == 7
        assert ("history" in asked) is not stored


def test_everything_made_up_is_known_by_its_name_and_passes(traffic: Traffic) -> None:
    """Items expire; frequent tags are on more of them; a user's history keeps to few topics."""
    items = list(traffic.fill())
    assert {item["item_id"] for item in items} == {f"loadtest-{n}" for n in range(50)}
    assert all(item["expires_at"] and item["tags"] for item in items)
    clicks = list(traffic.clicks())
    assert all(click["user_id"].startswith("loadtest-u") for click in clicks)
    assert len({(click["user_id"], click["event_id"]) for click in clicks}) == len(clicks)
    counts = Counter(tag for item in items for tag in item["tags"])
    assert counts["tag 0"] > counts["tag 200"]
    topics = {int(tag.split()[1]) // 12 for tags in traffic.histories[0] for tag in tags}
    assert len(topics) <= 3


def test_no_tags_are_no_traffic() -> None:
    """Tags longer than the service takes are none."""
    with pytest.raises(ScenarioRefused, match=r"tags\.txt"):
        Traffic(["", "x" * 65], Size(), 1.0, stored=True)
