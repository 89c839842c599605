"""The whole way of an item through a service on Milvus, with a bundle that was trained."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from bundle import open_bundle
from index.milvus import MilvusIndex
from tests.golden.tastes import TASTES
from tests.service.milvus import lite
from tests.service.milvus.test_kills import names, version
from tests.service.process import Serving, serving
from tests.service.rotating import GOLDEN

VIDEOS = [
    {"item_id": f"{taste}-{number}", "tags": videos.split(",")[number : number + 3]}
    for taste, (_, videos) in TASTES.items()
    for number in range(3)
]


class Caller:
    """Whichever worker answers, it has to know what any other one acknowledged."""

    def __init__(self, service: Serving) -> None:
        self._url = service.url
        self._after: dict[str, str] = {}

    def post(self, path: str, body: dict[str, Any]) -> Any:
        answer = httpx.post(f"{self._url}{path}", json=body, headers=self._after, timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def items(self, *items: dict[str, Any]) -> None:
        self._after = {"X-Couple-After": self.post("/items", {"items": items})["sequence"]}

    def buys(self, user: str, taste: str) -> None:
        products = enumerate(TASTES[taste][0].split(","))
        facts = {"user_id": user, "domain": "product", "type": "purchase"}
        events = [{**facts, "item_id": f"{taste}-p{n}", "tags": [tag]} for n, tag in products]
        assert self.post("/events", {"events": events})["rejected"] == []

    def shown(self, user: str, k: int = 3) -> list[str]:
        """What the model found."""
        answer = self.post("/recommend", {"user_id": user, "k": k})
        assert "stale_index" not in answer["degraded"]
        return [one["item_id"] for one in answer["candidates"] if one["channel"] == "model"]


def test_items_are_shown_to_who_would_like_them_until_they_expire(
    redis: Any, variables: dict[str, str], tmp_path: Path
) -> None:
    """Items posted, events posted, each user shown what is like it, an item that expires gone."""
    quick = {"COUPLE_BUNDLE": str(GOLDEN), "COUPLE_SWEEP_INTERVAL_MS": "200"}
    with lite.shared(tmp_path / "milvus") as (uri, _):
        given = {**variables, **lite.variables(uri, tmp_path / "state"), **quick}
        with serving(2, **given) as service:
            caller = Caller(service)
            caller.items(*VIDEOS)
            for taste in TASTES:
                caller.buys(taste, taste)
            for taste in TASTES:
                assert caller.shown(taste)[0].startswith(taste)
            best = caller.shown("pets")[0]
            soon = datetime.now(UTC) + timedelta(seconds=1)
            (item,) = [one for one in VIDEOS if one["item_id"] == best]
            caller.items({**item, "expires_at": soon.isoformat()})
            service.until(lambda: best not in caller.shown("pets", 10))
            assert caller.shown("pets")[0].startswith("pets")
            name, _ = names(redis, version(service))
            index = MilvusIndex(uri, name, open_bundle(GOLDEN).manifest.dim)
            service.until(lambda: best not in index.ids())
            assert index.ids() == {one["item_id"] for one in VIDEOS} - {best}
