"""The arm of a user decides the model, the channels and what the answer says of itself."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from service import generations
from service.experiment import Experiment
from service.experiments import Experiments, Put
from tests.service.conftest import Configure
from tests.service.defining import arms
from tests.service.modelling import load, until_state
from tests.service.running import Client, ok, refused, running, until
from tests.service.trying import ITEMS, bundles, defined

pytestmark = pytest.mark.anyio

USERS = [f"u{n}" for n in range(40)]
FRESH = [{"name": "fresh", "quota": 1.0}]


@pytest.fixture
def versions(tmp_path: Path) -> dict[str, str]:
    return bundles(tmp_path / "bundles")


@pytest.fixture
def given(versions: dict[str, str], tmp_path: Path) -> dict[str, Any]:
    assert versions
    return {"bundle": tmp_path / "bundles" / "couple", "apply_timeout_ms": 10_000}


@pytest.fixture
async def both(configure: Configure, given: dict[str, Any]) -> AsyncIterator[Client]:
    """A service that has both models and a few items."""
    async with running(configure(**given)) as client:
        await client.items(*ITEMS)
        await load(client, "youtube")
        yield client


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


async def test_the_same_user_is_in_the_same_arm_everywhere(
    configure: Configure, given: dict[str, Any]
) -> None:
    """On another replica, and after a restart of all: the models of arms are there at once."""
    settings = configure(**given)
    async with running(settings) as one:
        await one.items(*ITEMS)
        await load(one, "youtube")
        await defined(one)
        before = [_told(await one.recommend(user)) for user in USERS]
        async with running(settings) as two:
            assert [_told(await two.recommend(user)) for user in USERS] == before
    async with running(settings) as again:
        assert [_told(await again.recommend(user)) for user in USERS] == before


def _told(answer: Any) -> Any:
    return answer["experiments"], answer["model"], answer["degraded"]


KEYS = tuple(
    {"name": name, "sha256": hashlib.sha256(name.encode()).hexdigest(), "scopes": scopes}
    for name, scopes in (("backend", ["recommend"]), ("tester", ["recommend", "admin"]))
)


async def test_an_arm_can_be_forced(configure: Configure, given: dict[str, Any]) -> None:
    """By who may administer; the answer says so. Anybody else, and any other arm, is refused."""
    async with running(configure(**given, keys=KEYS)) as client:
        client.headers["Authorization"] = "Bearer tester"
        await defined(client, slots=[0, 1], arms=arms(0.5, 0.5))
        answer = ok(await _force(client, "e=b"))
        (drawn,) = answer["experiments"]
        assert (drawn["name"], drawn["arm"], drawn["forced"]) == ("e", "b", True)
        batch = {"requests": [{"user_id": "u1"}, {"user_id": "u2"}]}
        headers = {"X-Couple-Arm": " e=a "}
        results = ok(await client.post("/recommend/batch", json=batch, headers=headers))["results"]
        assert [one["experiments"][0]["arm"] for one in results] == ["a", "a"]
        for header in ("", "e", "e=", "=b", "e=b,e=a", "e=c", "x=a", "e=a,", "é=a"):
            refused(await _force(client, header), 422)
        client.headers["Authorization"] = "Bearer backend"
        refused(await _force(client, "e=b"), 403)
        assert ok(await client.post("/recommend", json={"user_id": "u1"}))["experiments"] == []


async def _force(client: Client, header: str) -> Any:
    headers = {b"X-Couple-Arm": header.encode()}
    return await client.post("/recommend", json={"user_id": "u1"}, headers=headers)


async def test_a_worker_without_the_model_of_an_arm_says_so(
    configure: Configure,
    given: dict[str, Any],
    versions: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its bundles are mounted late: the user stays in the arm, and the active model answers."""
    monkeypatch.setattr(generations, "RETRY_S", 0.05)
    mount = tmp_path / "mount"
    behind = configure(**given, bundles=mount, state=tmp_path / "other")
    async with running(configure(**given)) as one, running(behind) as two:
        await one.items(*ITEMS)
        await load(one, "youtube")
        await defined(one, arms=[{"name": "a", "weight": 1.0, "bundle": "youtube"}])
        await until_state(two, versions["youtube"], "failed")
        await until(lambda: _drawn(two))
        answer = await two.recommend()
        assert answer["degraded"] == ["no_history", "arm_unavailable", "short"]
        assert answer["model"]["name"] == "couple"
        mount.symlink_to(tmp_path / "bundles")
        await until_state(two, versions["youtube"], "ready")
        answer = await two.recommend()
        assert answer["degraded"] == ["no_history", "short"]
        assert answer["model"]["name"] == "youtube"


async def _drawn(client: Client) -> bool:
    return bool((await client.recommend())["experiments"])


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
