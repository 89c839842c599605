"""Arms and the models they serve: on several workers, under keys, and where one is lacking."""

import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from service import generations
from service.control import KEPT, KEY
from tests.service.conftest import Configure
from tests.service.defining import arms, facts
from tests.service.modelling import load, state, until_state
from tests.service.running import Client, ok, refused, running, until
from tests.service.trying import ITEMS, bundles, defined, named, put, running_names

pytestmark = pytest.mark.anyio

PLAIN = arms(0.5, 0.5)
USERS = [f"u{n}" for n in range(40)]


@pytest.fixture
def versions(tmp_path: Path) -> dict[str, str]:
    return bundles(tmp_path / "bundles")


@pytest.fixture
def given(versions: dict[str, str], tmp_path: Path) -> dict[str, Any]:
    """Settings of a service that is started with `couple`."""
    assert versions
    return {"bundle": tmp_path / "bundles" / "couple"}


@pytest.fixture
async def both(configure: Configure, given: dict[str, Any]) -> AsyncIterator[Client]:
    """A service that has both models, of this test alone."""
    async with running(configure(**given)) as client:
        await load(client, "youtube")
        yield client


async def test_a_name_is_pinned_when_it_is_first_put(
    both: Client, versions: dict[str, str], tmp_path: Path
) -> None:
    """A newer model of that name changes nothing that runs; a version, or a new name, moves on."""
    await defined(both, slots=[0, 10])
    newer = named(tmp_path / "bundles" / "new" / "youtube", seed=7)
    await load(both, "new/youtube")
    old = versions["youtube"]
    assert (await defined(both, slots=[0, 20]))["arms"][0]["version"] == old
    moved = arms(0.5, 0.5)
    for arm, name, bundle in zip(moved, ("control", "treatment"), (newer, "couple"), strict=True):
        arm.update(name=name, bundle=bundle)
    assert (await defined(both, slots=[0, 20], arms=moved))["arms"][0]["version"] == newer
    later = {"name": "f", "salt": "s2", "slots": [20, 30]}
    assert (await defined(both, **later))["arms"][0]["version"] == newer


async def test_a_model_stays_as_long_as_an_arm_serves_it(
    both: Client, versions: dict[str, str]
) -> None:
    """Whatever answers everybody else; when the experiment has ended it can go."""
    youtube, couple = versions["youtube"], versions["couple"]
    await defined(both)
    problem = refused(await both.delete(f"/models/{youtube}"), 409)
    assert "the experiment e serves this model" in problem["detail"]
    ok(await both.post(f"/models/{youtube}/activate"))
    refused(await both.delete(f"/models/{couple}"), 409)
    ok(await both.delete("/experiments/e"))
    ok(await both.delete(f"/models/{couple}"))
    assert await state(both, couple) is None


async def test_all_replicas_have_it_from_one_point_of_one_stream(
    configure: Configure, given: dict[str, Any]
) -> None:
    """Who runs follows; who starts later, or again, has it at once, models of arms included: the
    same user is in the same arm everywhere."""
    settings = configure(**given)
    async with running(settings) as one:
        await one.items(*ITEMS)
        await load(one, "youtube")
        await defined(one)
        before = [_told(await one.recommend(user)) for user in USERS]
        async with running(settings) as two:
            first, second = [ok(await client.get("/experiments/e")) for client in (one, two)]
            assert {**first, "request_id": ""} == {**second, "request_id": ""}
            assert [_told(await two.recommend(user)) for user in USERS] == before
            ok(await two.delete("/experiments/e"))
            await until(lambda: _none(one))
            await defined(two)
    async with running(settings) as again:
        assert [_told(await again.recommend(user)) for user in USERS] == before


async def _none(client: Client) -> bool:
    return await running_names(client) == []


async def test_without_redis_nothing_is_defined(configure: Configure) -> None:
    """503, to be asked again; what was known still holds."""
    nowhere = configure(redis_url="redis://127.0.0.1:1/0")
    async with running(nowhere, ready=False) as client:
        problem = await put(client, arms=PLAIN)
        assert problem.headers["retry-after"] == "1"
        refused(problem, 503)
        assert ok(await client.get("/experiments"))["experiments"] == []


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
    """Its bundles are mounted late: it can define no such arm itself (409, ask again); of others it
    keeps the user in the arm, and the active model answers."""
    monkeypatch.setattr(generations, "RETRY_S", 0.05)
    mount = tmp_path / "mount"
    behind = configure(**given, bundles=mount, state=tmp_path / "other")
    async with running(configure(**given)) as one, running(behind) as two:
        await one.items(*ITEMS)
        await load(one, "youtube")
        refused(await put(two), 409)
        assert await running_names(one) == []
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


async def test_a_plan_of_a_newer_version_is_left_alone(
    both: Client, redis: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """This process goes on with what it has, whatever is trimmed, and refuses every change."""
    await defined(both, slots=[0, 100])
    newer = json.dumps({"experiments": {"running": [facts(slots=[0, 200], colour="red")]}})
    for _ in range(KEPT):
        redis.xadd(KEY, {"plan": newer}, maxlen=KEPT, approximate=False)
    last = redis.xadd(KEY, {"plan": newer})

    async def told() -> bool:
        return f"entry {last} of the control stream is of a newer version" in caplog.text

    await until(told)
    changes = (put(both, slots=[0, 300]), both.delete("/experiments/e"))
    for change in changes:
        assert "a newer version of the service wrote" in refused(await change, 503)["detail"]
    (known,) = ok(await both.get("/experiments"))["experiments"]
    assert known["slots"] == [0, 100]
    assert [one["state"] for one in ok(await both.get("/models"))["models"]] == ["active", "ready"]
