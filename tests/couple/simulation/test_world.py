"""A click model whose logs the statistics read rightly: what is planted is found, nothing else."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from couple.abtest.statistics import Lift, lift, summed
from couple.simulation.made_up import MadeUp, Size
from couple.simulation.visits import SHOWN, Plan, Visit
from couple.simulation.world import World, click_chances

TAGS = [f"tag {n}" for n in range(120)]
RUNS = 400
USERS, VISITS = 200, 2


@pytest.fixture(scope="module")
def world() -> World:
    return MadeUp(TAGS, "video", seed=1).world(Size(USERS, 400))


def logged(world: World, planted: float, seed: int) -> Lift:
    """One simulated log: answers at random, users divided at random; its lift of CTR."""
    draw = np.random.default_rng([seed, 9])
    arms = draw.permutation(len(world.users)) % 2
    shown = draw.integers(len(world.items), size=(len(world.users), VISITS, SHOWN))
    liking = world.affinities[np.arange(len(world.users))[:, None, None], shown]
    chances = click_chances(liking) * (1 + planted * arms[:, None, None])
    clicks = (draw.random(chances.shape) < chances).sum(axis=(1, 2))
    facts = np.stack([np.full(len(clicks), VISITS * SHOWN), clicks, clicks * 0], axis=1)
    control, arm = (summed(facts[arms == one].astype(np.float64)) for one in (0, 1))
    return lift(control, arm, "clicks", "impressions")


def expected(hits: int) -> bool:
    """Whether 95 % of so many runs came out, within three standard errors."""
    return bool(abs(hits - 0.95 * RUNS) <= 3 * (RUNS * 0.95 * 0.05) ** 0.5)


def test_a_planted_lift_is_recovered(world: World) -> None:
    """By 95 % of the intervals of 400 simulated logs."""
    found = [logged(world, 0.3, seed) for seed in range(RUNS)]
    assert expected(sum(one.low <= 0.3 <= one.high for one in found))


def test_equal_arms_stay_silent(world: World) -> None:
    """A/A: 5 % of 400 simulated logs raise a false alarm, within sampling error."""
    assert expected(sum(logged(world, 0.0, seed).p >= 0.05 for seed in range(RUNS)))


def test_what_is_liked_is_clicked_more_and_the_lift_multiplies() -> None:
    """The lower a place the less; a lift that would pass certainty is refused."""
    chances = click_chances(np.array([0, 1, 1], dtype=np.float32))
    assert chances[1] > 10 * chances[0]
    assert chances[2] < chances[1]
    lifted = click_chances(np.array([0, 1, 1], dtype=np.float32), 0.5)
    assert lifted == pytest.approx(1.5 * chances)
    with pytest.raises(ValueError, match="more than 1"):
        click_chances(np.ones(3, dtype=np.float32), 3.0)


def test_a_seed_gives_the_same_world(world: World) -> None:
    """But for its times; users like some topics, and their pasts are of these."""
    again = MadeUp(TAGS, "video", seed=1).world(Size(USERS, 400))
    assert [item["tags"] for item in again.items] == [item["tags"] for item in world.items]
    assert again.pasts == world.pasts
    assert np.array_equal(again.affinities, world.affinities)
    topics = {int(tag.split()[1]) // 12 for event in world.pasts[0] for tag in event["tags"]}
    assert len(topics) <= 3
    liked = {n for n in range(400) if world.affinities[0, n]}
    assert {int(world.items[n]["tags"][0].split()[1]) // 12 for n in liked} >= topics


def test_most_new_items_are_by_authors_whom_nobody_knows(world: World) -> None:
    """So author-CF cannot find them, which is what the cold-start rehearsal is about."""
    known = {event["author_id"] for past in world.pasts for event in past}
    newest = sorted(world.items, key=lambda item: str(item["published_at"]))[-80:]
    assert 0.6 < sum(item["author_id"] not in known for item in newest) / 80 < 0.95
    assert all(item["expires_at"] for item in world.items)


def answer(arm: str) -> dict[str, Any]:
    return {
        "request_id": "r1",
        "user_id": "simulate-u0",
        "candidates": [{"item_id": f"simulate-{n}"} for n in range(SHOWN)],
        "experiments": [{"name": "planted", "arm": arm, "bucket": 1}],
    }


def test_a_visit_tells_every_impression_and_the_clicks(world: World) -> None:
    """With the request they answer, the same for the same seed; the favoured arm clicks more."""
    plan = Plan("planted", lift=2.0)
    visits = [Visit(world, plan, 0, time) for time in range(200)]
    told = [list(visit.events(answer("control"))) for visit in visits]
    assert told == [list(visit.events(answer("control"))) for visit in visits]
    for events in told:
        shown = [event["item_id"] for event in events if event["type"] == "impression"]
        assert shown == [f"simulate-{n}" for n in range(SHOWN)]
        assert {event["request_id"] for event in events} == {"r1"}
        assert len({event["event_id"] for event in events}) == len(events)
    clicks = sum(len(events) - SHOWN for events in told)
    lifted = sum(len(list(visit.events(answer("treatment")))) - SHOWN for visit in visits)
    assert lifted > 1.5 * clicks > 0


def test_what_is_not_of_this_world_is_hardly_clicked(world: World) -> None:
    """A running service has items of its own."""
    assert world.liking(0, ["elsewhere", "simulate-0"])[0] == 0
    strange = replace(world, items=world.items[:1], affinities=world.affinities[:, :1])
    assert not strange.liking(0, ["simulate-1"]).any()
