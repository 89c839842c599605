"""A bundle whose user tower reads item ids: what a history's ids change, and what they do not."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.service import remembering
from tests.service.conftest import Configure
from tests.service.running import Client, running

pytestmark = pytest.mark.anyio

ZITHER = {"tags": ["zither"]}  # a tag that the bundle does not know


@pytest.fixture(scope="module")
def remembering_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return remembering.write_bundle(tmp_path_factory.mktemp("remembering"))


@pytest.fixture
async def service(configure: Configure, remembering_folder: Path) -> AsyncIterator[Client]:
    """A replica of the bundle that remembers: v0 wok, v1 cats, v2 dogs, v3 wok and dogs."""
    async with running(configure(bundle=remembering_folder)) as client:
        await stock(client)
        yield client


async def stock(client: Client) -> None:
    await client.items(
        {"tags": ["wok"]}, {"tags": ["cats"]}, {"tags": ["dogs"]}, {"tags": ["wok", "dogs"]}
    )


def scores(answer: Any) -> dict[str, float]:
    return {c["item_id"]: c["score"] for c in answer["candidates"]}


async def test_the_ids_of_a_stored_history_change_what_is_recommended(service: Client) -> None:
    """Though its tags say something else."""
    await service.events({"item_id": "p-new", "tags": ["dogs"]})
    before = await service.found()
    await service.events({"item_id": "p-cats", **ZITHER}, {"item_id": "p-cats", **ZITHER})
    assert (before[0], (await service.found())[0]) == ("v2", "v1")


async def test_who_is_known_by_items_alone_is_known(service: Client) -> None:
    """An item needs no known tag to be remembered; `unknown_tags` is for whom nothing is known."""
    await service.events({"item_id": "p-dogs", **ZITHER})
    answer = await service.recommend(k=1)
    assert (answer["degraded"], list(scores(answer))) == ([], ["v2"])


async def test_unknown_ids_are_as_good_as_none(service: Client) -> None:
    """Ids newer than the bundle and entries without one give the same scores to the bit."""
    sent = [{"item_id": "p-new", **ZITHER}, {"item_id": "V1", "tags": ["cats"]}]
    unnamed = [ZITHER, {"tags": ["cats"]}]
    assert scores(await service.recommend(history=sent)) == scores(
        await service.recommend(history=unnamed)
    )
    answer = await service.recommend(k=1, history=[{"item_id": "p-new", **ZITHER}])
    assert answer["degraded"] == ["unknown_tags"]


async def test_a_history_in_the_request_is_read_with_its_ids(service: Client) -> None:
    """With and without ids, whoever asks, and nothing of it is kept for the next request."""
    await service.events({"item_id": "p-dogs", **ZITHER})
    stored = await service.recommend()
    named = [{"item_id": "p-cats", "tags": ["wok"]}, {"item_id": "p-cats", **ZITHER}]
    unnamed = [{"tags": ["wok"]}, ZITHER]
    for user_id in ("u1", "nobody"):
        assert (await service.found(user_id=user_id, history=named))[0] == "v1"
        assert (await service.found(user_id=user_id, history=unnamed))[0] == "v0"
    again = await service.recommend()
    assert (scores(again), again["degraded"]) == (scores(stored), stored["degraded"])


async def test_stored_and_sent_histories_read_alike(service: Client) -> None:
    """Oldest first in the request, newest first in the store."""
    history = [
        {"item_id": name, "tags": ["wok"]} for name in ("p-goals", "p-cats", "p-x", "p-dogs")
    ]
    for item in history:
        await service.events(item)
    stored = await service.recommend()
    assert scores(stored) == scores(await service.recommend("nobody", history=history))


async def test_only_the_newest_items_are_remembered(service: Client) -> None:
    """The newest M entries (three here), those without an id or a known tag among them."""
    old = {"item_id": "p-cats", **ZITHER}
    three = [old, ZITHER, {"item_id": "p-new", **ZITHER}]
    assert (await service.recommend(k=1, history=three))["degraded"] == []
    four = [*three, ZITHER]
    assert (await service.recommend(k=1, history=four))["degraded"] == ["unknown_tags"]
    tagged = [{"tags": ["dogs"]}, *four]
    assert (await service.found(history=tagged))[0] == "v2", "tags reach further back than ids"


async def test_no_history_is_no_history(service: Client) -> None:
    for user_id, history in (("nobody", None), ("u1", [])):
        answer = await service.recommend(user_id, k=4, history=history)
        assert (answer["degraded"], len(answer["candidates"])) == (["no_history"], 4)


async def test_remembered_items_are_left_out_like_any_other(service: Client) -> None:
    """What was seen is known by its id, whether the bundle numbers it or not."""
    sent = [{"item_id": "v1", "tags": ["cats"]}, {"item_id": "p-cats", **ZITHER}]
    assert "v1" not in await service.found(history=sent)
    assert (await service.found(history=sent, exclude_seen=False))[0] == "v1"


async def test_explaining_changes_nothing(service: Client) -> None:
    """Candidates and scores stay; only tags give reasons, ids give none."""
    history = [{"item_id": "p-cats", "tags": ["wok"]}, {"item_id": "p-goals", **ZITHER}]
    for sent in (history, history[1:]):
        plain = await service.recommend(history=sent)
        explained = await service.recommend(history=sent, explain=True)
        assert scores(explained) == scores(plain)
    reasons = {c["item_id"]: c["reasons"]["tags"] for c in explained["candidates"]}
    assert reasons == {name: [] for name in ("v0", "v1", "v2", "v3")}


async def test_a_bundle_that_reads_tags_alone_ignores_ids(configure: Configure) -> None:
    """The same history, with ids and without, gives the same scores to the bit."""
    async with running(configure()) as client:
        await stock(client)
        named = await client.recommend(history=[{"item_id": "p-cats", "tags": ["wok"]}])
        unnamed = await client.recommend(history=[{"tags": ["wok"]}])
        assert scores(named) == scores(unnamed)
        only = await client.recommend(k=1, history=[{"item_id": "p-cats", **ZITHER}])
        assert only["degraded"] == ["unknown_tags"]
