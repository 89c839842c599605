"""The report over HTTP: what arms did so far, whatever events may look like, and the analysis."""

import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from service.catalogue import POPULAR, SEEN
from service.live import ANALYSES, COUNTS, users_key
from tests.service.conftest import Configure
from tests.service.defining import arms
from tests.service.exposing import until_exposed
from tests.service.running import Client, ok, refused, running
from tests.service.trying import defined

pytestmark = pytest.mark.anyio

HOUR = 3600.0


def at(hours: float) -> str:
    """So many hours from now, RFC 3339."""
    return (datetime.now(UTC) + timedelta(hours=hours)).isoformat(timespec="milliseconds")


@pytest.fixture
async def one(configure: Configure) -> AsyncIterator[Client]:
    """A service with an experiment of one arm, a new item and an old one."""
    async with running(configure()) as client:
        await defined(client, arms=arms(1.0))
        new, old = ({"tags": ["wok"], "published_at": at(hours)} for hours in (-1, -24 * 30))
        await client.items(new, old, {"tags": ["wok"]})
        yield client


async def report(client: Client) -> Any:
    """Figures of the one arm."""
    (arm,) = ok(await client.get("/experiments/e/report"))["arms"]
    return arm


def told(user_id: str = "u1", item_id: str = "v0", **more: Any) -> dict[str, Any]:
    return {"user_id": user_id, "item_id": item_id, "type": "impression", **more}


async def test_an_arm_starts_with_nothing(one: Client) -> None:
    nothing = {"users": 0, "impressions": 0, "clicks": 0, "cold_impressions": 0, "ctr": None}
    assert await report(one) == {"name": "a", **nothing}


async def test_it_counts_users_impressions_and_clicks(one: Client, redis: Any) -> None:
    """Users who got an answer; events that name a request; items within a week of publication."""
    for n in range(20):
        request = (await one.recommend(f"u{n}"))["request_id"]
        shown = [told(f"u{n}", item, request_id=request) for item in ("v0", "v1", "v2")]
        await one.events(*shown, told(f"u{n}", type="click", request_id=request))
    await until_exposed(redis, 20)
    assert await report(one) == {
        "name": "a",
        "users": 20,
        "impressions": 60,
        "clicks": 20,
        "cold_impressions": 20,
        "ctr": pytest.approx(1 / 3),
    }


async def test_what_names_no_request_counts_for_no_arm(one: Client, redis: Any) -> None:
    """It counts for its item all the same: `fresh` and `popular` want to know of it."""
    await one.events(told(), told(type="click"))
    arm = await report(one)
    assert (arm["impressions"], arm["clicks"]) == (0, 0)
    assert seen(redis) == 1


def seen(redis: Any) -> int:
    """Impressions of the new item, as `fresh` reads them."""
    return int(redis.hget(SEEN, "v0"))


async def test_a_request_nobody_knows_is_taken_and_left_to_the_report(
    one: Client, redis: Any
) -> None:
    """Its record may come later, or be long gone; the report joins the two, and counts the rest."""
    answer = await one.events(told(request_id="nobody"))
    assert (answer["accepted"], answer["rejected"]) == (1, [])
    assert (await report(one))["impressions"] == 1
    assert seen(redis) == 1


async def test_an_impression_with_an_id_counts_once(one: Client, redis: Any) -> None:
    """However often it is told, in one call or in several; without an id each one counts."""
    again = told(request_id="r", event_id="i1")
    assert (await one.events(again, again))["duplicates"] == 1
    assert (await one.events(again))["duplicates"] == 1
    assert (await report(one))["impressions"] == seen(redis) == 1
    await one.events(told(request_id="r"), told(request_id="r"))
    assert (await report(one))["impressions"] == seen(redis) == 3


@pytest.mark.parametrize("hours", [-24 * 400, -1, 1, 24 * 400])
async def test_a_wrong_clock_changes_no_figure(one: Client, redis: Any, hours: float) -> None:
    """Arms count by arrival, and popularity takes no time that is still to come."""
    skewed = {"request_id": "r", "timestamp": at(hours)}
    await one.events(told(**skewed), told(type="click", **skewed))
    arm = await report(one)
    assert (arm["impressions"], arm["clicks"], arm["cold_impressions"]) == (1, 1, 1)
    assert seen(redis) == 1
    assert redis.zscore(POPULAR, "v0") == pytest.approx(time.time() + min(hours, 0) * HOUR, abs=60)


async def test_what_was_forced_is_left_out(one: Client, redis: Any) -> None:
    """Its user, and the events that name it, however soon they come."""
    body, headers = {"user_id": "qa"}, {"X-Couple-Arm": "e=a"}
    forced = ok(await one.post("/recommend", json=body, headers=headers))["request_id"]
    await one.events(told("qa", request_id=forced), told("qa", type="click", request_id=forced))
    await until_exposed(redis, 1)
    arm = await report(one)
    assert (arm["users"], arm["impressions"], arm["clicks"]) == (0, 0, 0)


async def test_the_report_brings_the_last_analysis(one: Client, redis: Any) -> None:
    """As it was stored; none before there is one, and none where it is no JSON."""
    assert ok(await one.get("/experiments/e/report"))["analysis"] is None
    redis.hset(ANALYSES, "e", '{"name":"e","days":1.5}')
    assert ok(await one.get("/experiments/e/report"))["analysis"] == {"name": "e", "days": 1.5}
    redis.hset(ANALYSES, "e", "{")
    assert ok(await one.get("/experiments/e/report"))["analysis"] is None


async def test_an_experiment_that_ended_can_be_looked_at(one: Client) -> None:
    """Its figures stand still; a name that was never used is a 404."""
    await one.events(told(request_id="r"))
    ok(await one.delete("/experiments/e"))
    await one.events(told(request_id="r"))
    assert (await report(one))["impressions"] == 1
    refused(await one.get("/experiments/f/report"), 404)


async def test_one_that_is_forgotten_leaves_nothing(one: Client, redis: Any) -> None:
    """Counts, users and analysis: after many others have ended, another may take its name."""
    await one.recommend("u1")
    await until_exposed(redis, 1)
    await one.events(told(request_id="r"))
    redis.hset(ANALYSES, "e", "{}")
    live, experiments = one.app.state.parts.live, one.app.state.parts.generations.experiments
    assert redis.exists(COUNTS, users_key("e", "a")) == 2
    await live.forget(experiments.by_name["e"])
    assert redis.exists(COUNTS, users_key("e", "a"), ANALYSES) == 0
