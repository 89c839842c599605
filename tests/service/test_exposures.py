"""Every recommendation reaches the event stream, or is counted as missing from it."""

import asyncio
import logging
import signal
from typing import Any

import pytest
from redis import Redis

from service import exposures
from service.exposure import FIRST, Placed, Shown
from service.settings import Settings
from tests.service.conftest import Configure
from tests.service.defining import arms
from tests.service.exposing import exposed, until_exposed
from tests.service.own_store import Store
from tests.service.running import Client, ok, running, until
from tests.service.trying import defined

pytestmark = pytest.mark.anyio

DATED = {"tags": ["wok"], "published_at": "2026-11-01T00:00:00Z"}


async def test_it_says_what_the_answer_said(service: Client, redis: Any) -> None:
    """Request, user, arm, bucket, versions, the first candidates with channel and age."""
    await defined(service, arms=arms(0.5, 0.5))
    undated = [{"item_id": f"w{n}", "tags": ["wok"]} for n in range(30)]
    await service.items(DATED, *undated)
    answer = await service.recommend("u1", k=40)
    (found,) = await until_exposed(redis, 1)
    assert (found.request_id, found.user_id) == (answer["request_id"], "u1")
    assert (found.version, found.sequence) == (answer["model"]["version"], answer["sequence"])
    (drawn,) = answer["experiments"]
    assert found.experiments == (Placed("e", drawn["arm"], drawn["bucket"], forced=False),)
    assert len(answer["candidates"]) == 31
    published = {"v0": 1793491200.0}
    assert found.candidates == tuple(
        Shown(one["item_id"], one["channel"], published.get(one["item_id"]))
        for one in answer["candidates"][:FIRST]
    )
    assert found.time == pytest.approx(service.app.state.parts.clock.now(), abs=60)


async def test_each_of_a_batch_is_noted(service: Client, redis: Any) -> None:
    """Under the id of their call, with a forced arm said to be forced."""
    await defined(service, arms=arms(0.5, 0.5))
    requests = [{"user_id": f"u{n}"} for n in range(3)]
    headers = {"X-Couple-Arm": "e=b", "X-Request-Id": "mine"}
    body = {"requests": requests}
    ok(await service.post("/recommend/batch", json=body, headers=headers))
    found = await until_exposed(redis, 3)
    assert [(one.request_id, one.user_id) for one in found] == [("mine", f"u{n}") for n in range(3)]
    assert {(one.experiments[0].arm, one.experiments[0].forced) for one in found} == {("b", True)}


def kept(client: Client) -> dict[str, int]:
    return dict(client.app.state.parts.metrics.exposures)


async def test_an_end_writes_what_waits(
    configure: Configure, redis: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long the pause between two looks is."""
    monkeypatch.setattr(exposures, "PAUSE_S", 600.0)
    async with running(configure()) as client:
        await asyncio.gather(*(client.recommend(f"u{n}") for n in range(250)))
        assert len(exposed(redis)) == 0
    assert {one.user_id for one in exposed(redis)} == {f"u{n}" for n in range(250)}
    assert kept(client) == {"kept": 250, "dropped": 0}


@pytest.fixture
def away(configure: Configure, store: Store) -> Settings:
    """Settings for a store that the test may take away, and a buffer of five."""
    quick = {"redis_timeout_ms": 200, "redis_read_timeout_ms": 50}
    return configure(redis_url=store.url, exposure_buffer=5, **quick)


async def test_what_redis_does_not_take_waits_and_what_is_too_much_is_told(
    away: Settings,
    store: Store,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Answers go on; the oldest notes are written later, the rest is counted and logged."""
    monkeypatch.setattr(exposures, "PAUSE_S", 0.02)
    async with running(away) as client:
        with Redis.from_url(store.url, decode_responses=True) as outside:
            await client.recommend("u0")
            await until_exposed(outside, 1)
        store.send(signal.SIGSTOP)
        for n in range(1, 9):
            answer = await client.recommend(f"u{n}")
            assert "redis_unavailable" in answer["degraded"]
        assert kept(client) == {"kept": 1, "dropped": 3}
        await until(lambda: _logged(caplog))
        store.send(signal.SIGCONT)
        await until(lambda: _kept(client, 6))
        with Redis.from_url(store.url, decode_responses=True) as outside:
            users = list(dict.fromkeys(one.user_id for one in exposed(outside)))
        assert users == [f"u{n}" for n in range(6)]
    missing = [one for one in caplog.messages if "missing from the event stream" in one]
    assert sum(int(one.split()[0]) for one in missing) == 3


async def _logged(caplog: pytest.LogCaptureFixture) -> bool:
    return "missing from the event stream" in caplog.text


async def _kept(client: Client, count: int) -> bool:
    return kept(client)["kept"] == count


async def test_an_end_without_redis_tells_what_is_lost(
    away: Settings,
    store: Store,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It does not wait for ever."""
    monkeypatch.setattr(exposures, "PATIENCE_S", 0.1)
    caplog.set_level(logging.WARNING)
    async with running(away) as client:
        store.send(signal.SIGSTOP)
        for n in range(4):
            await client.recommend(f"u{n}")
    assert kept(client)["dropped"] == 4
    assert "4 recommendations are missing from the event stream" in caplog.text


async def test_nothing_of_the_erased_follows_their_erasure(
    configure: Configure, redis: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What waited in any worker is dropped before the erasure is in the stream."""
    monkeypatch.setattr(exposures, "PAUSE_S", 600.0)
    async with running(configure()) as one, running(configure()) as two:
        for client in (one, two):
            await client.recommend("u1")
            await client.recommend("u2")
        ok(await one.delete("/users/u1"))
        await until(lambda: _waits(two, 1))
    assert [found.user_id for found in exposed(redis)] == ["u2", "u2"]
    assert redis.xrange("couple:events")[0][1]["kind"] == "erasure"


async def _waits(client: Client, count: int) -> bool:
    return len(client.app.state.parts.exposures) == count


async def test_it_can_be_switched_off(configure: Configure, redis: Any) -> None:
    """Then nothing is noted, and nothing is missing."""
    async with running(configure(exposure_buffer=0)) as client:
        await client.recommend("u1")
    assert exposed(redis) == []
    assert kept(client) == {"kept": 0, "dropped": 0}
