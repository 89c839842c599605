"""/metrics: what was counted stays counted, what is no longer so is no longer told."""

import asyncio
import re
from pathlib import Path

import httpx
import pytest

from service.families import FAMILIES, Family
from service.metrics import REASONS
from tests.service.conftest import Configure
from tests.service.running import Client, ok, refused, running

pytestmark = pytest.mark.anyio

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"
EVENT = {"user_id": "u1", "item_id": "p1", "type": "click", "tags": ["wok"]}
ROW = re.compile(r"^\| `(couple_\w+)` \| (\w+) \| (.*) \| (.*) \|$", re.MULTILINE)


def figures(response: httpx.Response) -> dict[str, float]:
    """Value by the name of the figure."""
    assert response.status_code == 200, response.text
    lines = [line for line in response.text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


async def read(service: Client) -> dict[str, float]:
    return figures(await service.get("/metrics"))


async def test_requests_are_counted_by_route_and_status(service: Client) -> None:
    """By the pattern of the route, never by a path; what is refused too."""
    await service.items({"tags": ["wok"]})
    await service.get("/users/alice/history")
    await service.get("/items/alice")
    await service.get("/alice")
    await service.post("/recommend", json={"user_id": "alice", "k": 0})
    await service.request("BREW", "/recommend")
    text = (await service.get("/metrics")).text
    assert "alice" not in text
    found = await read(service)
    for method, route, status in (
        ("POST", "/items", 200),
        ("GET", "/users/{user_id}/history", 200),
        ("GET", "/items/{item_id}", 404),
        ("GET", "-", 404),
        ("POST", "/recommend", 422),
        ("other", "/recommend", 405),
    ):
        labels = f'{{method="{method}",route="{route}",status="{status}"}}'
        assert found[f"couple_requests_total{labels}"] == 1, labels
    assert found['couple_request_seconds_count{route="/items"}'] == 1
    assert 'couple_request_seconds_count{route="/items/{item_id}"}' not in found


async def test_a_recommendation_is_counted_with_what_it_lacks(service: Client) -> None:
    """Candidates by channel, those asked for, each reason of `degraded`, each stage."""
    await service.items({"tags": ["wok"]}, {"tags": ["zither"]})
    await service.recommend(k=5)
    await service.events({"item_id": "v0"})
    await service.recommend(k=3, exclude_seen=False)
    found = await read(service)
    assert found["couple_recommendations_total"] == 2
    assert found["couple_candidates_asked_total"] == 8
    brought = [found[f'couple_candidates_total{{channel="{name}"}}'] for name in ("model", "fresh")]
    assert sum(brought) == 4
    reasons = {name: found[f'couple_degraded_total{{reason="{name}"}}'] for name in REASONS}
    assert (reasons["short"], reasons["no_history"], reasons["stale_index"]) == (2, 1, 0)
    for stage in ("histories", "tower", "channels"):
        assert found[f'couple_stage_seconds_count{{stage="{stage}"}}'] == 2
        assert found[f'couple_stage_seconds_sum{{stage="{stage}"}}'] > 0


async def test_what_is_posted_is_counted_by_what_the_model_makes_of_it(service: Client) -> None:
    """The drift alarm: tags and items that the active model knows, and does not."""
    await service.items({"tags": ["wok", "zither"]}, {"tags": ["theremin"]})
    found = await read(service)
    tags = [found[f'couple_tags_posted_total{{known="{known}"}}'] for known in ("yes", "no")]
    items = [found[f'couple_items_posted_total{{retrievable="{can}"}}'] for can in ("yes", "no")]
    assert (tags, items) == ([1, 2], [1, 1])


async def test_events_are_counted_by_what_became_of_them(service: Client) -> None:
    """And impressions by how long their item had been published."""
    await service.items(
        {"tags": ["wok"], "published_at": "2026-11-20T00:00:00Z"},
        {"tags": ["wok"], "published_at": "2026-01-01T00:00:00Z"},
        {"tags": ["wok"]},
    )
    seen = {"type": "impression", "timestamp": "2026-11-24T00:00:00Z"}
    await service.events(
        *({**seen, "item_id": f"v{n}"} for n in (0, 0, 1, 2)),
        {"item_id": "v0", "event_id": "once"},
        {"item_id": "v0", "event_id": "once"},
        {"item_id": "nothing"},
    )
    found = await read(service)
    outcomes = {
        outcome: found[f'couple_events_total{{outcome="{outcome}"}}']
        for outcome in ("accepted", "duplicate", "rejected")
    }
    assert outcomes == {"accepted": 5, "duplicate": 1, "rejected": 1}
    shown = {
        age: found[f'couple_impressions_total{{item="{age}"}}']
        for age in ("cold", "old", "undated")
    }
    assert shown == {"cold": 2, "old": 1, "undated": 1}


async def test_what_is_so_of_a_worker_is_told(service: Client) -> None:
    """Ready, how far behind the log, the catalogue, its models and their indexes."""
    await service.items({"tags": ["wok"]}, {"tags": ["zither"]})
    (model,) = ok(await service.get("/models"))["models"]
    found = await read(service)
    version = f'worker="0",version="{model["version"]}"'
    assert found['couple_ready{worker="0"}'] == found['couple_redis_up{worker="0"}'] == 1
    assert 0 <= found['couple_log_lag_seconds{worker="0"}'] < 10
    assert found['couple_catalogue_items{worker="0"}'] == 2
    assert found[f"couple_index_items{{{version}}}"] == 1
    assert found[f"couple_index_recall{{{version}}}"] == 1
    assert found[f"couple_generation_bytes{{{version}}}"] == model["bytes"]
    named = f'worker="0",name="{model["name"]}",version="{model["version"]}",state="active"'
    assert found[f"couple_generation_info{{{named}}}"] == 1
    assert found['couple_worker_resident_bytes{worker="0"}'] > 1e7
    assert found['couple_worker_cpu_seconds{worker="0"}'] > 0


async def test_who_is_turned_away_is_counted(configure: Configure) -> None:
    """As shed, and as a 429 of its route."""
    async with running(configure(ingest_in_flight=1)) as service:
        posts = (service.post("/events", json={"events": [EVENT]}) for _ in range(30))
        statuses = [answer.status_code for answer in await asyncio.gather(*posts)]
        found = await read(service)
    shed = statuses.count(429)
    assert shed > 0
    assert found['couple_requests_shed_total{kind="ingestion"}'] == shed
    labels = 'method="POST",route="-",status="429"'
    assert found[f"couple_requests_total{{{labels}}}"] == shed


async def test_it_can_be_switched_off(configure: Configure) -> None:
    """Then nothing is counted on the way of a request, and nothing is written."""
    settings = configure(metrics=False)
    async with running(settings) as service:
        refused(await service.get("/metrics"), 404)
        await service.recommend()
        assert "/metrics" not in ok(await service.get("/openapi.json"))["paths"]
    assert not (settings.state / "metrics").exists()


async def test_a_state_folder_that_cannot_be_written_is_named(configure: Configure) -> None:
    """503, and everything else goes on."""
    settings = configure()
    settings.state.write_text("a file where a folder should be")
    async with running(settings) as service:
        assert "COUPLE_STATE" in refused(await service.get("/metrics"), 503)["detail"]
        await service.recommend()


async def test_the_page_lists_every_figure(service: Client) -> None:
    """Name, kind, labels and meaning as they are exported; and each is exported."""
    told = [
        (one.name, one.kind, ", ".join(f"`{label}`" for label in one.labels), one.meaning)
        for one in FAMILIES
    ]
    assert ROW.findall(PAGE.read_text()) == told
    await service.recommend()
    text = (await service.get("/metrics")).text
    for name, kind, _, meaning in told:
        assert f"# HELP {name} {meaning}\n# TYPE {name} {kind}\n{name}" in text


async def test_labels_are_escaped() -> None:
    """A model's name is free text; the line must stay one."""
    name = Family("a", "gauge", "", ("b",)).series(('x"\\\n',))
    assert name == 'a{b="x\\"\\\\\\n"}'


async def test_buckets_hold_all_below_them(service: Client) -> None:
    """As Prometheus has them: rising, the last one the count."""
    await service.recommend()
    found = await read(service)
    start = 'couple_request_seconds_bucket{route="/recommend",le='
    buckets = [value for name, value in found.items() if name.startswith(start)]
    assert buckets == sorted(buckets)
    assert buckets[-1] == found['couple_request_seconds_count{route="/recommend"}'] == 1
