"""The service on Milvus does what it does on faiss."""

import pytest

from tests.service.running import Client

pytestmark = pytest.mark.anyio


async def test_items_are_found_as_soon_as_they_are_acknowledged(service: Client) -> None:
    for number in range(5):
        posted = await service.items({"item_id": f"n{number}", "tags": ["wok"]})
        assert posted["applied"]
        found = await service.recommend(history=[{"tags": ["wok"]}], k=10)
        assert len(found["candidates"]) == number + 1
        assert found["degraded"] == ["short"]
