"""POST /recommend/batch: several users in one call, each answered as /recommend would."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.service import remembering
from tests.service.conftest import Configure
from tests.service.running import Client, ok, refused, running

pytestmark = pytest.mark.anyio

ALIKE = 1e-6  # scores: a tower may round differently in company
TAGS = ("wok", "noodles", "cats", "dogs", "football", "goals")
ASKS: list[dict[str, Any]] = [
    {"user_id": "u1", "k": 3},
    {"user_id": "nobody", "k": 500},
    {"user_id": "u2", "exclude_seen": False},
    {"user_id": "u3", "k": 2, "explain": True},
    {"user_id": "u1", "k": 5, "history": [{"tags": ["dogs"]}], "exclude_seen": False},
    {"user_id": "u1", "k": 5, "history": []},
    {"user_id": "u2", "history": [{"item_id": "v1", "tags": ["zither"]}], "explain": True},
    {"user_id": "u3", "exclude_item_ids": ["v0", "v7"], "filters": {"language": ["en"]}},
    {"user_id": "u1", "k": 3},
    {"user_id": "u4", "history": [{"item_id": "p-cats", "title": "Two dogs"}] * 9},
]


async def stock(client: Client) -> None:
    """Thirty items, and users with one, six and seven of a history, some of it unknown."""
    await client.items(
        *(
            {
                "tags": [TAGS[n % 6], TAGS[n * 5 % 6]],
                "attributes": {"language": "en" if n % 3 else "ja"},
            }
            for n in range(30)
        )
    )
    for count, user_id in enumerate(("u1", "u2", "u3")):
        for n in range(1 + count * 3):
            tags = ["zither"] if n == 2 else [TAGS[(n + count) % 6]]
            await client.events({"user_id": user_id, "item_id": f"v{n}", "tags": tags})


async def batch(client: Client, asks: list[dict[str, Any]], **headers: str) -> Any:
    """The results of a call that must succeed."""
    response = await client.post("/recommend/batch", json={"requests": asks}, headers=headers)
    return ok(response)["results"]


def check_alike(result: Any, answer: Any) -> None:
    """Everything but the id of the request, scores within rounding."""
    scores = [candidate.pop("score") for candidate in answer["candidates"]]
    assert [c.pop("score") for c in result["candidates"]] == pytest.approx(scores, abs=ALIKE)
    assert {**result, "request_id": ""} == {**answer, "request_id": ""}


@pytest.fixture(params=["tags", "tags and items"])
async def stocked(
    request: pytest.FixtureRequest, configure: Configure, tmp_path: Path
) -> AsyncIterator[Client]:
    """A replica of a bundle that reads tags, and of one that reads items' ids too."""
    given = {} if request.param == "tags" else {"bundle": remembering.write_bundle(tmp_path)}
    async with running(configure(**given)) as client:
        await stock(client)
        yield client


async def test_each_result_is_what_recommend_answers(stocked: Client) -> None:
    """The same candidates, scores, reasons and `degraded`, in the order of the requests."""
    results = await batch(stocked, ASKS)
    assert len(results) == len(ASKS)
    for ask, result in zip(ASKS, results, strict=True):
        check_alike(result, ok(await stocked.post("/recommend", json=ask)))
    assert [result["user_id"] for result in results] == [ask["user_id"] for ask in ASKS]
    assert len({tuple(result["degraded"]) for result in results}) >= 4, "they differ in quality"


async def test_the_call_has_one_request_id(service: Client) -> None:
    """On the answer and on every result, for events to refer to."""
    headers = {"X-Request-Id": "call-7"}
    response = await service.post(
        "/recommend/batch", json={"requests": [{"user_id": "a"}, {"user_id": "b"}]}, headers=headers
    )
    answer = ok(response)
    assert answer["request_id"] == "call-7"
    assert [result["request_id"] for result in answer["results"]] == ["call-7", "call-7"]


async def test_a_batch_holds_1_to_64(service: Client) -> None:
    """Whoever asks for more is told how many pass."""
    asks = [{"user_id": f"u{n}"} for n in range(64)]
    assert [r["user_id"] for r in await batch(service, asks)] == [f"u{n}" for n in range(64)]
    for wrong, detail in (
        ([], "List should have at least 1 item after validation, not 0"),
        ([*asks, {"user_id": "u64"}], "List should have at most 64 items after validation, not 65"),
    ):
        response = await service.post("/recommend/batch", json={"requests": wrong})
        assert refused(response, 422)["errors"] == [{"place": "requests", "detail": detail}]


async def test_a_violation_names_its_request_and_nothing_is_answered(service: Client) -> None:
    """Every one of them, by position."""
    asks = [{"user_id": "a"}, {"user_id": "b", "k": 501}, {"user_id": "c", "history": [{"x": 1}]}]
    response = await service.post("/recommend/batch", json={"requests": asks})
    assert refused(response, 422)["errors"] == [
        {"place": "requests[1].k", "detail": "Input should be less than or equal to 500"},
        {
            "place": "requests[2].history[0]",
            "detail": "A field that does not exist here: see /docs for those that do",
        },
    ]


async def test_all_users_are_read_in_one_round_trip(configure: Configure, redis: Any) -> None:
    """As many reads of its sockets for 64 users as Redis needs for one."""
    quiet = configure(tail_block_ms=60_000, attention_interval_ms=60_000, exposure_buffer=0)
    async with running(quiet) as client:
        await client.events({"user_id": "u7", "item_id": "p", "tags": ["wok"]})
        await client.recommend()  # opens the connection

        async def reads(count: int) -> int:
            before = int(redis.info("stats")["total_reads_processed"])
            results = await batch(client, [{"user_id": f"u{n}"} for n in range(count)])
            assert all("no_history" not in result["degraded"] for result in results[7:8])
            return int(redis.info("stats")["total_reads_processed"]) - before

        assert await reads(64) == await reads(1)


async def test_one_user_whose_history_cannot_be_read_is_marked_alone(
    service: Client, redis: Any
) -> None:
    """Another hand's key of another type; the others' histories are there."""
    await stock(service)
    redis.set("couple:hist:{u2}", "another hand's")
    results = await batch(service, [{"user_id": f"u{n}", "k": 1} for n in (1, 2, 3)])
    assert [result["degraded"] for result in results] == [[], ["redis_unavailable"], []]


async def test_a_sequence_holds_for_the_whole_batch_and_is_waited_for_once(
    configure: Configure,
) -> None:
    """What one replica took, another recommends to all; one of the future makes all stale."""
    async with running(configure()) as one, running(configure(after_timeout_ms=200)) as two:
        posted = await one.items({"tags": ["wok"]})
        asks = [{"user_id": f"u{n}", "k": 1} for n in range(64)]
        results = await batch(two, asks, **{"X-Couple-After": posted["sequence"]})
        for result in results:
            assert [c["item_id"] for c in result["candidates"]] == ["v0"]
            assert result["sequence"] == posted["sequence"]
        store, _, position = posted["sequence"].partition(".")
        ahead = f"{store}.{int(position.split('-')[0]) + 10**6}-0"
        start = asyncio.get_running_loop().time()
        stale = await batch(two, asks, **{"X-Couple-After": ahead})
        assert asyncio.get_running_loop().time() - start < 5
        assert all("stale_index" in result["degraded"] for result in stale)


async def test_other_callers_have_their_turn(service: Client) -> None:
    """A recommendation that comes in after a full batch began is answered before it ends."""
    await service.items(*({"tags": [TAGS[n % 6]]} for n in range(100)))
    asks = [{"user_id": f"u{n}", "k": 500} for n in range(64)]
    whole = asyncio.create_task(batch(service, asks))
    while not whole.done():
        await service.recommend("other", k=1, history=[{"tags": ["wok"]}], exclude_seen=False)
        if not whole.done():
            break
    else:
        pytest.fail("the batch held everyone else up")
    await whole
