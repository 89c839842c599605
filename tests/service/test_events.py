"""POST /events and /users: what enters a history, what counts once, what erasure leaves."""

import json
from typing import Any

import pytest

from service.event import Event
from tests.service.conftest import Configure
from tests.service.running import Client, ok, running, until

pytestmark = pytest.mark.anyio

WOK = {"item_id": "p7", "tags": ["wok"]}


async def test_positive_types_enter_the_history_and_others_do_not(
    service: Client, redis: Any
) -> None:
    """All of them enter the event stream, in order."""
    types = ["impression", "click", "like", "finish", "purchase", "skip"]
    answer = await service.events(*({**WOK, "item_id": kind, "type": kind} for kind in types))
    assert (answer["accepted"], answer["duplicates"], answer["rejected"]) == (6, 0, [])
    history = [item["item_id"] for item in await service.history()]
    assert history == ["purchase", "finish", "like", "click"]
    stream = [json.loads(fields["data"]) for _, fields in redis.xrange("couple:events")]
    assert [event["type"] for event in stream] == types
    assert stream[1]["tags"] == ["wok"]


async def test_the_history_is_in_order_of_arrival_whatever_the_timestamps(service: Client) -> None:
    """Newest arrival first; times are kept as they were told, in UTC."""
    await service.events({**WOK, "item_id": "a", "timestamp": "2026-11-23T12:00:00+02:00"})
    await service.events({**WOK, "item_id": "b", "timestamp": "2020-01-01T00:00:00Z"})
    history = await service.history()
    assert [item["item_id"] for item in history] == ["b", "a"]
    assert history[1]["timestamp"] == "2026-11-23T10:00:00Z"


async def test_an_event_may_leave_everything_to_the_catalogue(service: Client) -> None:
    """Tags, title, domain and author come from the item, and stay with the history."""
    facts = {"tags": ["wok"], "title": "T", "domain": "live", "author_id": "a9"}
    await service.items({"item_id": "v1", **facts})
    await service.events({"item_id": "v1"})
    await service.delete("/items/v1")
    (item,) = await service.history()
    assert {**item, "timestamp": None} == {
        "item_id": "v1",
        "domain": "live",
        "timestamp": None,
        "title": "T",
        "tags": ["wok"],
        "author_id": "a9",
    }


async def test_what_an_event_says_wins_over_the_catalogue(service: Client) -> None:
    """Its own tags, domain and author; the title fills in."""
    facts = {"tags": ["wok"], "title": "T", "domain": "live", "author_id": "a9"}
    await service.items({"item_id": "v1", **facts})
    told = {"tags": ["cats"], "domain": "product", "author_id": "a1"}
    await service.events({"item_id": "v1", **told})
    (item,) = await service.history()
    assert {**item, **told} == item
    assert item["title"] == "T"


async def test_an_entry_from_before_authors_were_kept_is_read(service: Client, redis: Any) -> None:
    """Its author is unknown."""
    old = {"item_id": "p7", "tags": ["wok"], "title": None, "domain": "product", "time": 5.0}
    redis.lpush("couple:hist:{u1}", json.dumps(old))
    (item,) = await service.history()
    assert (item["item_id"], item["author_id"]) == ("p7", None)


async def test_an_event_about_nothing_is_rejected_alone(service: Client) -> None:
    """With its position and a reason; its neighbours are accepted."""
    await service.items({"item_id": "gone", "tags": ["wok"]})
    await service.delete("/items/gone")
    answer = await service.events(
        {"item_id": "unknown"},
        {"item_id": "titled", "title": "cats"},
        {"item_id": "gone"},
        {"item_id": "empty", "tags": [], "title": ""},
    )
    reason = "the catalogue holds no such item: give tags or a title"
    assert answer["accepted"] == 1
    assert answer["rejected"] == [{"position": n, "reason": reason} for n in (0, 2, 3)]
    assert [item["item_id"] for item in await service.history()] == ["titled"]


async def test_lists_are_capped(configure: Configure, redis: Any) -> None:
    """History, seen list and event stream keep the newest."""
    async with running(configure(history_length=3, seen_length=2, events_length=4)) as service:
        clicks = [{**WOK, "item_id": f"c{n}"} for n in range(5)]
        seen = [{**WOK, "item_id": f"s{n}", "type": "impression"} for n in range(5)]
        await service.events(*clicks, *seen)
        assert [item["item_id"] for item in await service.history()] == ["c4", "c3", "c2"]
        assert redis.lrange("couple:seen:{u1}", 0, -1) == ["s4", "s3"]
        await service.events(*clicks * 200)
        assert redis.xlen("couple:events") < 250  # Redis trims whole nodes of a hundred


async def test_a_silent_user_is_forgotten_where_that_is_wanted(
    configure: Configure, redis: Any
) -> None:
    """Both lists outlive the last event, of whatever type, by so long; by default for ever."""
    both = ("couple:hist:{u1}", "couple:seen:{u1}")
    async with running(configure(history_retention_s=60)) as service:
        await service.events(WOK, {**WOK, "type": "impression"})
        assert all(50_000 < redis.pttl(key) <= 60_000 for key in both)
        for key in both:
            redis.pexpire(key, 10_000)
        await service.events({**WOK, "type": "skip"})
        assert all(redis.pttl(key) > 50_000 for key in both)
    async with running(configure()) as service:
        await service.events(WOK)
        assert [redis.pttl(key) for key in both] == [-1, -1]
    async with running(configure(history_retention_s=0.05)) as service:
        await service.events(WOK)

        async def forgotten() -> bool:
            return bool(await service.history() == [])

        await until(forgotten)


async def test_an_event_id_counts_once(service: Client, redis: Any) -> None:
    """Within a call and between calls, for its user; no id counts every time."""
    named = {**WOK, "event_id": "e1"}
    first = await service.events(named, named, {**named, "user_id": "u2"}, WOK, WOK)
    assert (first["accepted"], first["duplicates"]) == (4, 1)
    again = await service.events(named)
    assert (again["accepted"], again["duplicates"]) == (0, 1)
    assert len(await service.history()) == 3
    assert redis.xlen("couple:events") == 4


async def test_an_event_id_is_forgotten_after_24_hours(service: Client, redis: Any) -> None:
    """Settled or pending; and the key does not outlive its ids."""
    day = 24 * 3600 * 1000
    await service.events({**WOK, "event_id": "e1"}, {**WOK, "event_id": "e2"})
    key = "couple:taken:{u1}"
    assert 0 < redis.pttl(key) <= day
    now = redis.zscore(key, "e1") - 1000  # clocks differ by less
    redis.zadd(key, {"e1": now - day, "e2": -(now - day)})
    answer = await service.events({**WOK, "event_id": "e1"}, {**WOK, "event_id": "e2"})
    assert answer["accepted"] == 2


async def test_a_crash_before_the_event_stream_loses_nothing(service: Client, redis: Any) -> None:
    """A retry reaches the stream, and the history only once."""
    parts = service.app.state.parts
    event = Event("u1", "p7", "click", 1.0, ["wok"], domain="product", event_id="e1")
    assert await parts.histories.record([event]) == ["new"]  # and the process dies here
    retried = await service.events({**WOK, "event_id": "e1"})
    assert (retried["accepted"], retried["duplicates"]) == (1, 0)
    assert redis.xlen("couple:events") == 1
    assert len(await service.history()) == 1
    assert (await service.events({**WOK, "event_id": "e1"}))["duplicates"] == 1


async def test_all_keys_of_a_user_share_a_slot(service: Client, redis: Any) -> None:
    """Redis Cluster hashes what stands in the braces, and nothing else."""
    await service.items({"tags": ["wok"], "expires_at": "2099-01-01T00:00:00Z"})
    await service.events({**WOK, "event_id": "e"}, {**WOK, "type": "impression"})
    keys = set(redis.keys())
    assert {key for key in keys if "{u1}" in key} == {
        "couple:hist:{u1}",
        "couple:seen:{u1}",
        "couple:taken:{u1}",
    }
    assert {key for key in keys if "{items}" in key} == {
        "couple:{items}:store",
        "couple:{items}:ids",
        "couple:{items}:log",
        "couple:{items}:expiry",
        "couple:{items}:item:v0",
    }


async def test_erasure_forgets_a_user_and_says_so_in_the_stream(
    service: Client, redis: Any
) -> None:
    """History, impressions and event ids go; others' stay; the record names the user."""
    await service.events({**WOK, "event_id": "e"}, {**WOK, "type": "impression"})
    await service.events({**WOK, "user_id": "u2"})
    assert ok(await service.delete("/users/u1"))["status"] == "erased"
    assert await service.history() == []
    assert [key for key in redis.scan_iter() if "u1" in key] == []
    assert len(await service.history("u2")) == 1
    _, last = redis.xrevrange("couple:events", count=1)[0]
    assert last["kind"] == "erasure"
    assert json.loads(last["data"])["user_id"] == "u1"
    assert ok(await service.delete("/users/u1"))["status"] == "absent"
    assert (await service.events({**WOK, "event_id": "e"}))["accepted"] == 1


async def test_a_user_nobody_knows_has_an_empty_history(service: Client) -> None:
    """200, whatever characters the id holds."""
    for user_id in ("who", "a/b", "{x}", "ü %25"):
        assert await service.history(user_id) == []


async def test_an_entry_of_another_hand_is_left_out(service: Client, redis: Any) -> None:
    """A later version may keep more of an event; what is no entry at all is skipped."""
    later = '{"item_id":"p1","tags":["wok"],"mood":"later"}'
    redis.rpush("couple:hist:{u1}", later, "garbage", "[]")
    assert [item["item_id"] for item in await service.history()] == ["p1"]
    assert "no_history" not in (await service.recommend())["degraded"]
