"""Who asked lately: whom the stream names, what a new model makes of them, whom lists are for."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from bundle import open_bundle
from index.snapshots import read
from service import askers, store
from service.build import build
from service.model import Known, Model
from service.settings import Settings
from tests.service.conftest import Configure
from tests.service.running import Client

pytestmark = pytest.mark.anyio


@pytest.fixture
def settings(configure: Configure) -> Settings:
    return configure()


async def newest(settings: Settings) -> list[str]:
    async with store.connect(settings) as client:
        return await askers.newest(client)


async def test_users_of_the_newest_entries_come_first_and_once(
    service: Client, settings: Settings, redis: Any
) -> None:
    for user in ("u1", "u2", "u1", "u3"):
        await service.events({"user_id": user, "item_id": "p", "tags": ["wok"]})
    assert await newest(settings) == ["u3", "u1", "u2"]


async def test_an_entry_of_another_hand_is_passed_over(settings: Settings, redis: Any) -> None:
    for data in ("{", "[]", "null", "{}", '{"user_id": 1}', '{"user_id": "u"}'):
        redis.xadd("couple:events", {"kind": "event", "data": data})
    redis.xadd("couple:events", {"other": "field"})
    assert await newest(settings) == ["u"]


async def test_a_snapshot_is_built_for_users_whose_history_says_something(
    service: Client, settings: Settings, bundle_folder: Path, tmp_path: Path
) -> None:
    """One who only watched what no tag is known of is none of them, nor is one who was erased."""
    for user, tag in (("u1", "wok"), ("u2", "zither"), ("u3", "cats"), ("u4", "dogs")):
        await service.events({"user_id": user, "item_id": "p", "tags": [tag]})
    await service.items({"tags": ["wok"]})
    assert (await service.delete("/users/u4")).status_code == 200
    model = Model.of(open_bundle(bundle_folder))
    version, dim = model.manifest.version, model.manifest.dim
    await asyncio.to_thread(build, settings, bundle_folder, version, tmp_path)
    told = [Known([model.vocabulary.ids([tag])], []) for tag in ("cats", "wok")]
    wanted = model.embed_users(told)
    found = read(tmp_path, dim=dim, model=version).contents.queries
    assert found == pytest.approx(wanted[:, 0])


async def test_a_snapshot_is_built_though_nobody_asked(
    service: Client, settings: Settings, bundle_folder: Path, tmp_path: Path
) -> None:
    await service.items({"tags": ["wok"]})
    manifest = open_bundle(bundle_folder).manifest
    await asyncio.to_thread(build, settings, bundle_folder, manifest.version, tmp_path)
    contents = read(tmp_path, dim=manifest.dim, model=manifest.version).contents
    assert (len(contents), len(contents.queries)) == (1, 0)
