"""Channels as callers see them: what each finds, and that every term holds for all of them."""

import time
from typing import Any

import pytest

from service.text import format_time
from tests.service.conftest import Configure
from tests.service.running import Client, running, until

pytestmark = pytest.mark.anyio

DAY = 86_400.0
EVERY = "2020-01-01T00:00:00Z"
OFTEN = {"attention_interval_ms": 10}


def mix(**quotas: float) -> list[dict[str, Any]]:
    return [{"name": name, "quota": quota} for name, quota in quotas.items()]


def item(item_id: str, age_days: float, **facts: Any) -> dict[str, Any]:
    """One of which no model knows a tag, so that only the other channels can find it."""
    published = format_time(time.time() - age_days * DAY)
    return {"item_id": item_id, "tags": ["zither"], "published_at": published, **facts}


async def told(client: Client, **body: Any) -> list[tuple[str, str]]:
    answer = await client.recommend(**body)
    return [(c["item_id"], c["channel"]) for c in answer["candidates"]]


async def scores(client: Client, **body: Any) -> list[float]:
    return [c["score"] for c in (await client.recommend(**body))["candidates"]]


async def until_found(client: Client, *item_ids: str, **body: Any) -> None:
    """Wait until these are recommended, in this order: what is counted is read now and then."""

    async def holds() -> bool:
        return await client.found(user_id="x", **body) == list(item_ids)

    await until(holds)


async def test_by_default_the_model_answers_and_the_rest_fills_up(service: Client) -> None:
    """What it cannot find comes after all it can, by author before by age: k come if k live."""
    await service.items(
        {"item_id": "cats", "tags": ["cats"]},
        {"item_id": "wok", "tags": ["wok"]},
        item("old", 3),
        item("new", 1),
        item("theirs", 9, author_id="a9"),
    )
    history = [{"tags": ["cats"], "author_id": "a9"}]
    expected = [("cats", "model"), ("wok", "model"), ("theirs", "author"), ("new", "fresh")]
    assert await told(service, k=4, history=history) == expected
    answer = await service.recommend(k=5, history=history)
    assert (len(answer["candidates"]), answer["degraded"]) == (5, [])
    assert (await service.recommend(k=6, history=history))["degraded"] == ["short"]


async def test_new_items_of_authors_engaged_with_are_found(configure: Configure) -> None:
    """Most engagement and newest first; the catalogue says whose a history's items are."""
    async with running(configure(channels=mix(author=1))) as service:
        await service.items(
            item("watched", 5, author_id="x"),
            item("x-new", 1, author_id="x"),
            item("x-old", 9, author_id="x"),
            item("y-new", 1, author_id="y"),
            item("z", 0, author_id="z"),
        )
        await service.events(
            {"item_id": "p", "tags": ["wok"], "author_id": "y"},
            {"item_id": "watched"},
            {"item_id": "watched", "type": "like"},
        )
        expected = [(name, "author") for name in ("x-new", "y-new", "x-old")]
        assert await told(service, k=3) == expected
        assert await scores(service, k=3) == pytest.approx([0.34, 0.16, 0.07], abs=0.01)
        assert (await told(service, k=4))[3] == ("z", "fresh")


async def test_a_history_from_before_authors_were_kept_has_its_authors(
    configure: Configure,
) -> None:
    """As long as the catalogue knows its items; a history that is sent may bring its own."""
    async with running(configure(channels=mix(author=1))) as service:
        await service.items(item("a", 2, author_id="x"), item("b", 2, author_id="x"))
        sent = [{"item_id": "a", "tags": ["wok"]}]
        assert await told(service, k=1, history=sent) == [("b", "author")]
        brought = [{"tags": ["wok"], "author_id": "x"}]
        assert {name for name, _ in await told(service, k=2, history=brought)} == {"a", "b"}


async def test_the_newest_come_first_and_what_nobody_saw_before_them(
    configure: Configure,
) -> None:
    """Until an item had the impressions that it is owed: `a` had two, `b` only one."""
    settings = configure(channels=mix(fresh=1), fresh_exposures=2, **OFTEN)
    async with running(settings) as service:
        await service.items(item("b", 2), item("a", 1), item("c", 3))
        assert await told(service) == [(name, "fresh") for name in "abc"]
        shown = ({"user_id": f"u{n}", "item_id": one} for n, one in enumerate("aab"))
        await service.events(*({**one, "type": "impression"} for one in shown))
        await until_found(service, "b", "c", "a")
        found = await scores(service, user_id="x")
        assert found == pytest.approx([1 + 1 / 3, 1 + 1 / 4, 1 / 2], abs=1e-3)


async def test_other_domains_and_coming_items_leave_fresh_its_view(
    configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many newer products and announced videos there are, impressions are read."""
    monkeypatch.setattr("service.newest.WIDTH", 2)
    monkeypatch.setattr("service.attention.READ", 2)
    async with running(configure(channels=mix(fresh=1), fresh_exposures=1, **OFTEN)) as service:
        await service.items(
            item("a", 1),
            item("b", 2),
            *(item(f"p{n}", 0, domain="shop") for n in range(20)),
            *(item(f"ahead{n}", -1) for n in range(3)),
        )
        await service.events({"item_id": "a", "type": "impression"})
        await until_found(service, "b", "a")


async def test_what_is_liked_lately_comes_first(configure: Configure) -> None:
    """By positives of all users, each worth half after a half-life; impressions are none."""
    settings = configure(channels=mix(popular=1), popular_half_life_s=3600, **OFTEN)
    async with running(settings) as service:
        await service.items(item("once", 9), item("twice", 9), item("then", 9), item("seen", 9))
        before = format_time(time.time() - 2 * 3600)
        await service.events(
            {"item_id": "once"},
            {"item_id": "twice"},
            {"item_id": "twice", "user_id": "u2", "type": "finish"},
            *({"item_id": "then", "user_id": f"u{n}", "timestamp": before} for n in range(3)),
            *({"item_id": "seen", "user_id": f"u{n}", "type": "impression"} for n in range(9)),
        )
        await until_found(service, "twice", "once", "then", k=3)
        expected = [("twice", "popular"), ("once", "popular"), ("then", "popular")]
        assert await told(service, user_id="x", k=3) == expected
        assert await scores(service, user_id="x", k=3) == pytest.approx([2, 1, 0.75], abs=0.01)
        assert (await told(service, user_id="x", k=4))[3] == ("seen", "fresh")


async def test_an_event_counts_once_and_only_what_can_be_recommended(
    configure: Configure, redis: Any
) -> None:
    """Not a repeated event id, not an item of another domain, not one that nobody posted."""
    async with running(configure()) as service:
        await service.items(item("a", 1), item("shop", 1, domain="shop"))
        for _ in range(2):
            await service.events({"event_id": "e1", "item_id": "a", "type": "impression"})
        await service.events(
            {"event_id": "e2", "item_id": "a"},
            {"event_id": "e2", "item_id": "a"},
            {"item_id": "shop"},
            {"item_id": "shop", "type": "impression"},
            {"item_id": "unknown", "tags": ["wok"]},
        )
        assert redis.hgetall("couple:{items}:seen") == {"a": "1"}
        ((name, at),) = redis.zrange("couple:{items}:popular", 0, -1, withscores=True)
        assert name == "a"
        assert at == pytest.approx(time.time(), abs=60)


CHANNELS = ("author", "fresh", "popular")


@pytest.mark.parametrize("channel", CHANNELS)
async def test_every_term_holds_for_every_channel(
    configure: Configure, channel: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Live, of a target domain, matching, not seen, not excluded; and expiry to the moment."""
    async with running(configure(channels=mix(**{channel: 1}), **OFTEN)) as service:
        clock = service.app.state.parts.clock
        end = round(clock.now() + 3600, 3)
        english = {"author_id": "x", "attributes": {"language": "en"}}
        posted = [
            item("good", 5, **english),
            item("german", 1, **english | {"attributes": {"language": "de"}}),
            item("shop", 1, **english, domain="shop"),
            item("ahead", -1, **english),
            item("over", 1, **english, expires_at=EVERY),
            item("ending", 1, **english, expires_at=format_time(end)),
            item("gone", 1, **english),
            item("excluded", 1, **english),
            item("clicked", 1, **english),
        ]
        await service.items(*posted)
        await service.events(
            *({"user_id": "u2", "item_id": one["item_id"]} for one in posted),
            {"item_id": "clicked"},
        )
        await service.delete("/items/gone")
        asked = {"filters": {"language": ["en"]}, "exclude_item_ids": ["excluded"]}

        async def counted() -> bool:
            return set(await told(service, **asked)) == {("good", channel), ("ending", channel)}

        await until(counted)
        monkeypatch.setattr(clock, "now", lambda: end)
        assert await told(service, **asked) == [("good", channel)]
        everything = await told(service, exclude_seen=False)
        assert {name for name, _ in everything} == {"good", "german", "excluded", "clicked"}


async def test_a_mix_interleaves_its_channels(configure: Configure) -> None:
    """Each place by its quota, each channel by falling score, no item twice."""
    async with running(configure(channels=mix(model=0.5, fresh=0.5))) as service:
        await service.items(
            *(item(f"m{n}", 10 + n, tags=["wok"]) for n in range(4)),
            *(item(f"f{n}", n) for n in range(4)),
        )
        answer = await service.recommend(k=8, history=[{"tags": ["wok"]}])
        found = [(c["item_id"][0], c["channel"]) for c in answer["candidates"]]
        assert found == [("m", "model"), ("f", "fresh")] * 4
        for channel in ("model", "fresh"):
            fell = [c["score"] for c in answer["candidates"] if c["channel"] == channel]
            assert fell == sorted(fell, reverse=True)
        explained = await service.recommend(k=8, history=[{"tags": ["wok"]}], explain=True)
        for one, same in zip(explained["candidates"], answer["candidates"], strict=True):
            assert bool(one.pop("reasons")["tags"]) == (one["channel"] == "model")
            assert one == same | {"score": pytest.approx(same["score"], abs=1e-3)}


async def test_a_batch_is_mixed_like_single_requests(configure: Configure) -> None:
    async with running(configure(channels=mix(author=0.5, fresh=0.5))) as service:
        await service.items(*(item(f"v{n}", n, author_id=f"a{n % 2}") for n in range(6)))
        asked = [
            {"user_id": f"u{n}", "k": 4, "history": [{"tags": ["wok"], "author_id": f"a{n}"}]}
            for n in range(2)
        ]
        batch = await service.post("/recommend/batch", json={"requests": asked})
        for one, result in zip(asked, batch.json()["results"], strict=True):
            names = [(c["item_id"], c["channel"]) for c in result["candidates"]]
            assert names == await told(service, **one)
            assert {channel for _, channel in names} == {"author", "fresh"}
