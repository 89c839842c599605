"""The arm of a user decides the model, the channels and what the answer says of itself."""

import asyncio
from typing import Any

import pytest

from service.experiment import Experiment
from service.experiments import Experiments, Put
from tests.service.defining import arms
from tests.service.running import Client, ok
from tests.service.trying import ITEMS, defined

pytestmark = pytest.mark.anyio

USERS = [f"u{n}" for n in range(40)]
FRESH = [{"name": "fresh", "quota": 1.0}]


def due(one: Any, user: str) -> str:
    """The arm that the documented hashes give a user; '' for none."""
    state = Experiments().then(Put(experiment=Experiment.model_validate(one, strict=False)))
    return next((found.arm.name for found in state.assigned(user)), "")


async def test_the_arm_decides_which_model_answers(both: Client, versions: dict[str, str]) -> None:
    """Alone and in a batch of many arms; who is in no experiment gets the active model."""
    one = await defined(both, slots=[0, 8000])
    answers = [await both.recommend(user) for user in USERS]
    asked = [{"user_id": user} for user in USERS]
    answers += ok(await both.post("/recommend/batch", json={"requests": asked}))["results"]
    model = {"control": "youtube", "treatment": "couple", "": "couple"}
    seen = set()
    for answer in answers:
        arm = due(one, answer["user_id"])
        name = model[arm]
        assert answer["model"] == {"name": name, "version": versions[name]}
        assert [(drawn["name"], drawn["arm"]) for drawn in answer["experiments"]] == (
            [("e", arm)] if arm else []
        )
        assert len(answer["candidates"]) == len(ITEMS)
        seen.add(arm)
    assert seen == set(model)


async def test_the_arm_decides_the_channels(both: Client) -> None:
    """And two layers decide apart: here the model, there the mix."""
    mixed = [{**arms(0.5)[0], "channels": FRESH}, {"name": "b", "weight": 0.5}]
    mix = await defined(both, name="mix", layer="channels", salt="s2", arms=mixed)
    bundle = [{**arms(0.5)[0], "bundle": "youtube"}, {"name": "b", "weight": 0.5}]
    model = await defined(both, arms=bundle)
    seen = set()
    for user in USERS:
        answer = await both.recommend(user, k=3)
        found = {one["channel"] for one in answer["candidates"]}
        pair = due(model, user), due(mix, user)
        assert found == ({"fresh"} if pair[1] == "a" else {"model"})
        assert answer["model"]["name"] == ("youtube" if pair[0] == "a" else "couple")
        assert {one["name"]: one["arm"] for one in answer["experiments"]} == {
            "e": pair[0], "mix": pair[1],
        }  # fmt: skip
        seen.add(pair)
    assert len(seen) == 4


async def test_a_ramp_over_http_only_adds_users(both: Client) -> None:
    """Step by step: nobody who is in an arm leaves it, or changes it."""
    before: dict[str, str] = {}
    for slots in ([4000, 5000], [2000, 7000], [0, 10000]):
        await defined(both, slots=slots)
        answers = [await both.recommend(user) for user in USERS]
        now = {
            one["user_id"]: one["experiments"][0]["arm"] for one in answers if one["experiments"]
        }
        assert before.items() <= now.items()
        before = now
    assert len(before) == len(USERS)


async def test_models_of_arms_are_swapped_under_traffic(
    both: Client, versions: dict[str, str]
) -> None:
    """Experiments come and go, models are activated: each answer's model is that of its arm."""
    stopped = False

    async def read() -> int:
        answers = 0
        while not stopped:
            for user in USERS[:8]:
                answer = await both.recommend(user)
                assert answer["degraded"] == ["no_history", "short"]
                for drawn in answer["experiments"]:
                    name = {"control": "youtube", "treatment": "couple"}[drawn["arm"]]
                    assert answer["model"]["version"] == versions[name]
                answers += 1
        return answers

    readers = [asyncio.create_task(read()) for _ in range(2)]
    for name in ("youtube", "couple"):
        await defined(both)
        ok(await both.post(f"/models/{versions[name]}/activate"))
        ok(await both.delete("/experiments/e"))
    stopped = True
    assert sum(await asyncio.gather(*readers)) > 8
