"""What an operator does with experiments, over HTTP: each asking has its one stated outcome."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.service.conftest import Configure
from tests.service.defining import arms
from tests.service.modelling import load, state
from tests.service.running import Client, ok, refused, running, until
from tests.service.trying import bundles, defined, named, put, running_names

pytestmark = pytest.mark.anyio

PLAIN = arms(0.5, 0.5)


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
    """A service that has both models."""
    async with running(configure(**given)) as client:
        await load(client, "youtube")
        yield client


async def test_the_life_of_an_experiment(both: Client, versions: dict[str, str]) -> None:
    """Put, widened, ended, put again: each step is told; what is got can be put as it is."""
    one = await defined(both, slots=[0, 5000])
    assert [arm["version"] for arm in one["arms"]] == [versions["youtube"], versions["couple"]]
    got = ok(await both.get("/experiments/e"))
    assert (got["revision"], got["status"], got["experiment"]) == (1, "running", one)
    again = ok(await both.put("/experiments/e", json=got["experiment"]))
    assert (again["revision"], again["experiment"]) == (1, one)

    wider = ok(await put(both, slots=[0, 6000]))
    assert (wider["revision"], wider["experiment"]["slots"]) == (2, [0, 6000])
    refused(await put(both, slots=[0, 5000]), 409)

    assert ok(await both.delete("/experiments/e"))["status"] == "ended"
    listed = ok(await both.get("/experiments"))
    assert (listed["revision"], listed["experiments"]) == (3, [])
    assert listed["ended"] == [wider["experiment"]]
    assert ok(await both.get("/experiments/e"))["status"] == "ended"
    refused(await both.delete("/experiments/e"), 404)
    refused(await both.get("/experiments/f"), 404)
    assert (await defined(both, slots=[0, 100]))["slots"] == [0, 100]


REFUSED: list[tuple[dict[str, Any], int, str]] = [
    ({"arms": arms(0.5, 0.4)}, 422, "Weights of the arms should sum to 1"),
    ({"arms": arms(0.5, 0.5, bundle="nobody")}, 422, "arms[0].bundle is no model here"),
    ({"slots": [5, 5]}, 422, "Slots should be"),
    ({"colour": "red"}, 422, "does not exist here"),
    ({"name": "f", "salt": "s2", "slots": [99, 200]}, 409, "e of this layer has the slots"),
    ({"name": "f", "layer": "other"}, 409, "e divides its users by this salt"),
    ({"name": "f", "layer": "other", "salt": "s2"}, 409, "decides the bundle already"),
    ({"salt": "s2"}, 409, "are frozen"),
    ({"arms": arms(0.9, 0.1)}, 409, "are frozen"),
    ({"slots": [0, 99]}, 409, "a ramp only widens"),
]


async def test_what_is_refused_changes_nothing(both: Client) -> None:
    """It says why, in words of ours; nothing of it is in any worker, or in the stream."""
    await defined(both, slots=[0, 100])
    before = ok(await both.get("/experiments"))
    for change, status, why in REFUSED:
        problem = refused(await put(both, **{"slots": [0, 100], **change}), status)
        assert why in str(problem), change
    problem = refused(await both.put("/experiments/x", json=before["experiments"][0]), 422)
    assert problem["errors"] == [{"place": "name", "detail": "As in the path"}]
    refused(await both.get("/experiments/a%20b"), 422)
    assert {**ok(await both.get("/experiments")), "request_id": ""} == {**before, "request_id": ""}


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


async def test_a_model_that_is_not_ready_can_be_no_arm(
    configure: Configure, given: dict[str, Any], versions: dict[str, str], tmp_path: Path
) -> None:
    """Its index is being built, or its bundle is not on this host: 409, ask again."""
    behind = configure(**given, bundles=tmp_path / "mount", state=tmp_path / "other")
    async with running(configure(**given)) as one, running(behind) as two:
        await load(one, "youtube")
        refused(await put(two), 409)
        assert await running_names(one) == []
        await defined(one)


async def test_all_replicas_have_it_from_one_point_of_one_stream(
    configure: Configure, given: dict[str, Any]
) -> None:
    """Two that run follow; one that starts later, or again, has it before it is ready."""
    async with running(configure(**given)) as one:
        await load(one, "youtube")
        await defined(one)
        async with running(configure(**given)) as two:
            assert await running_names(two) == ["e"]
            first, second = [ok(await client.get("/experiments/e")) for client in (one, two)]
            assert {**first, "request_id": ""} == {**second, "request_id": ""}
            ok(await two.delete("/experiments/e"))
            await until(lambda: _none(one))


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
