"""What an operator does with models, over HTTP; and what happens when workers come, go and fail."""

import asyncio
import logging
import multiprocessing
import shutil
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest

from bundle import open_bundle
from service import generations, nursery
from service.build import open_model
from service.model import Model
from tests.service.conftest import Configure
from tests.service.modelling import load, models, state, until_state
from tests.service.rotating import rotated
from tests.service.running import Client, ok, refused, running, until, until_ready

pytestmark = pytest.mark.anyio

ITEM = {"item_id": "v1", "domain": "video", "tags": ["noodles"]}


@pytest.fixture
def versions(tmp_path: Path) -> dict[str, str]:
    """Three rotations of one bundle in one folder; name → version."""
    folders = [rotated(tmp_path / "bundles" / name, seed) for seed, name in enumerate("abc")]
    return {folder.name: open_bundle(folder).manifest.version for folder in folders}


@pytest.fixture
def given(versions: dict[str, str], tmp_path: Path) -> dict[str, Any]:
    """Settings of a service that is started with the first of them."""
    patient = {"apply_timeout_ms": 10_000, "redis_timeout_ms": 5000}  # a busy machine is no outage
    return {"bundle": tmp_path / "bundles" / "a", **patient}


async def answering(client: Client) -> str:
    """The version that answers."""
    version: str = (await client.recommend())["model"]["version"]
    return version


async def test_the_life_of_a_model(
    configure: Configure, given: dict[str, Any], versions: dict[str, str]
) -> None:
    """Loaded, activated, rolled back, dropped: each step is told, and takes effect at once."""
    a, b = versions["a"], versions["b"]
    async with running(configure(**given, max_generations=2)) as client:
        await client.items(ITEM)
        assert await load(client, "b") == b
        listed = await models(client)
        assert [listed[version]["state"] for version in (a, b)] == ["active", "ready"]
        assert listed[b]["items"] == 1
        assert await answering(client) == a

        problem = refused(await client.post("/models", json={"path": "c"}), 409)
        taken = sum(model["bytes"] for model in listed.values())
        assert str(taken) in problem["detail"]
        again = ok(await client.post("/models", json={"path": "b"}))
        assert (again["version"], again["state"]) == (b, "ready")

        found = ok(await client.post(f"/models/{b}/activate"))
        assert found["active"] == b == await answering(client)
        assert await state(client, a) == "previous"
        assert ok(await client.get("/items/v1"))["retrievable"] == {a: True, b: True}
        refused(await client.delete(f"/models/{b}"), 409)

        found = ok(await client.post("/models/rollback"))
        assert found["active"] == a == await answering(client)
        refused(await client.post("/models/rollback"), 409)
        assert await state(client, b) == "ready"

        ok(await client.delete(f"/models/{b}"))
        assert list(await models(client)) == [a]
        for response in (
            await client.delete(f"/models/{b}"),
            await client.post(f"/models/{b}/activate"),
        ):
            refused(response, 404)


@pytest.mark.parametrize(
    "path", ["..", "../outside", "/", ".", "link", "a/../../outside", "circle", "x" * 999]
)
async def test_a_path_may_not_lead_out(
    configure: Configure, given: dict[str, Any], tmp_path: Path, path: str
) -> None:
    """By no way; and nothing is said of what lies there, or of what cannot be looked at."""
    rotated(tmp_path / "outside", seed=5)
    (tmp_path / "bundles" / "link").symlink_to(tmp_path / "outside")
    (tmp_path / "bundles" / "circle").symlink_to("circle")
    async with running(configure(**given)) as client:
        problem = refused(await client.post("/models", json={"path": path}), 422)
        assert "COUPLE_BUNDLES" in problem["detail"] or "cannot be looked at" in problem["detail"]
        assert len(await models(client)) == 1


async def test_a_bundle_that_does_not_verify_is_refused(
    configure: Configure, given: dict[str, Any], tmp_path: Path
) -> None:
    """With the reason, and nothing has changed."""
    with (tmp_path / "bundles" / "b" / "tags.txt").open("ab") as tags:
        tags.write(b"one more\n")
    async with running(configure(**given)) as client:
        problem = refused(await client.post("/models", json={"path": "b"}), 422)
        assert "sha256" in problem["detail"]
        assert len(await models(client)) == 1


async def test_two_hosts_and_a_late_worker_come_to_the_same(
    configure: Configure, given: dict[str, Any], versions: dict[str, str], tmp_path: Path
) -> None:
    """Each host builds for itself; who joins later answers with what was activated, keeps the
    previous one warm, and can be started with any bundle."""
    a, b = versions["a"], versions["b"]
    other = configure(**{**given, "state": tmp_path / "other"})
    async with running(configure(**given)) as one, running(other) as two:
        await one.items(ITEM)
        await load(one, "b", also=[two])
        ok(await two.post(f"/models/{b}/activate"))
        await until_state(one, b, "active")
        late = configure(**{**given, "bundle": tmp_path / "bundles" / "c"})
        async with running(late) as three:
            assert await answering(three) == b
            await until_state(three, a, "previous")
            assert set(await models(three)) == {a, b}
            ok(await three.post("/models/rollback"))
            for client in (one, two, three):
                await until_state(client, a, "active")
                assert await client.found() == ["v1"]


async def test_a_worker_that_joins_late_is_ready_with_what_was_activated(
    configure: Configure,
    given: dict[str, Any],
    versions: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Not before, though it holds the catalogue by the bundle it was started with; and from then on
    nothing is answered with that one."""
    a, b = versions["a"], versions["b"]
    mounted = threading.Event()

    def open_late(folder: Path, version: str) -> Model:
        assert mounted.wait(60)
        return open_model(folder, version)

    async with running(configure(**given)) as one:
        await one.items(ITEM)
        await load(one, "b")
        ok(await one.post(f"/models/{b}/activate"))
        monkeypatch.setattr(nursery, "open_model", open_late)
        async with running(configure(**given), ready=False) as late:
            await until_state(late, a, "active")
            assert (await models(late))[a]["items"] == 1
            assert refusal(await late.get("/readyz")) == "starting"
            mounted.set()
            await until_ready(late)
            assert {await answering(late) for _ in range(20)} == {b}
            assert await state(late, a) == "previous"


def refusal(response: httpx.Response) -> str:
    """What a worker that is not ready says of itself."""
    assert response.status_code == 503
    status: str = response.json()["status"]
    return status


async def test_a_worker_that_lags_swaps_the_moment_it_can(
    configure: Configure,
    given: dict[str, Any],
    versions: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its bundles are mounted late: until then it says why, and goes on with what it has."""
    monkeypatch.setattr(generations, "RETRY_S", 0.05)
    mount, b = tmp_path / "mount", versions["b"]
    behind = configure(**given, bundles=mount, state=tmp_path / "other")
    async with running(configure(**given)) as one, running(behind) as two:
        await load(one, "b")
        ok(await one.post(f"/models/{b}/activate"))
        await until_state(two, b, "failed")
        assert "does not exist" in (await models(two))[b]["reason"]
        assert await answering(two) == versions["a"]
        refused(await two.post(f"/models/{b}/activate"), 409)
        shutil.copytree(tmp_path / "bundles", mount)
        await until_state(two, b, "active")


async def test_a_builder_that_is_killed_is_started_again(
    configure: Configure, given: dict[str, Any], versions: dict[str, str], tmp_path: Path
) -> None:
    """Its model comes up all the same, and nothing half-written is left."""
    async with running(configure(**given)) as client:
        await client.items(ITEM)
        assert (await client.post("/models", json={"path": "b"})).status_code == 202
        killed = await _builder()
        killed.kill()
        refused(await client.post(f"/models/{versions['b']}/activate"), 409)
        await until_state(client, versions["b"], "ready")
    snapshots = tmp_path / "state" / "indexes" / versions["b"]
    assert [path.name for path in snapshots.iterdir()] == ["000000000001"]


async def _builder() -> Any:
    found: list[Any] = []

    async def holds() -> bool:
        found[:] = [one for one in multiprocessing.active_children() if one.name == "build"]
        return bool(found)

    await until(holds, 60)
    return found[0]


async def test_a_restart_goes_on_from_the_snapshots(
    configure: Configure,
    given: dict[str, Any],
    versions: dict[str, str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Nothing is embedded again: they are loaded, and the log is followed from where they stand."""
    settings = configure(**given, snapshot_interval_s=0.05)
    async with running(settings) as client:
        await client.items(ITEM)
        await load(client, "b")
        ok(await client.post(f"/models/{versions['b']}/activate"))
        host = client.app.state.parts.settings.state / "indexes"
        await until(lambda: _holds(host, versions["a"], versions["b"]))
    async with running(configure(**given, snapshot_interval_s=900)) as writer:
        await writer.items({**ITEM, "item_id": "v2"})
    caplog.clear()
    with caplog.at_level(logging.INFO):
        async with running(settings) as client:
            await until_state(client, versions["a"], "previous")
            assert sorted(await client.found()) == ["v1", "v2"]
            assert await answering(client) == versions["b"]
            assert caplog.text.count("synchronised a replica") == 1  # the facts, which are small
            assert "building" not in caplog.text
            ok(await client.post("/models/rollback"))
            ok(await client.delete(f"/models/{versions['b']}"))
            await until(lambda: _holds(host, versions["a"]))


async def test_the_first_bundle_may_be_deleted_once_another_answers(
    configure: Configure, given: dict[str, Any], versions: dict[str, str]
) -> None:
    """A service that is started with the active one then answers with it, and forgets the old."""
    a, b = versions["a"], versions["b"]
    async with running(configure(**given)) as client:
        await client.items(ITEM)
        await load(client, "b")
        ok(await client.post(f"/models/{b}/activate"))
    shutil.rmtree(given["bundle"])
    active = {**given, "bundle": given["bundle"].with_name("b")}
    async with running(configure(**active)) as client:
        assert await answering(client) == b
        await until_state(client, a, "failed")
        ok(await client.delete(f"/models/{a}"))
        assert list(await models(client)) == [b]


async def _holds(host: Path, *versions: str) -> bool:
    """Whether a host has snapshots of exactly these."""
    found = await asyncio.to_thread(lambda: {path.name for path in host.glob("*")})
    return found == set(versions)


async def test_a_model_that_the_log_no_longer_leads_on_is_brought_up_again(
    configure: Configure, given: dict[str, Any], versions: dict[str, str], redis: Any
) -> None:
    """By the nursery, beside traffic; the one that answers is filled where it stands."""
    async with running(configure(**given)) as client:
        await client.items(ITEM)
        await load(client, "b")
        found = client.app.state.parts.generations
        active, before = found.active, {one.version: one for one in found.live}
        for key in redis.scan_iter("couple:{items}*"):
            redis.delete(key)
        await client.items(ITEM, {**ITEM, "item_id": "v2"})

        async def renewed() -> bool:
            live = {one.version: one for one in found.live}
            again = live.get(versions["b"])
            return again is not None and again is not before[versions["b"]] and again.count == 2

        await until(renewed, 60)
        assert found.active is active
        assert sorted(await client.modelled()) == ["v1", "v2"]
