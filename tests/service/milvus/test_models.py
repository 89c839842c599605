"""Models come, answer and go on Milvus as they do on faiss: the same tests, and what is its own.

Left out by name is what is about snapshots and who builds them, and what counts items at once.
"""

# ruff: noqa: F403, F405
from typing import Any

from index.collections import Collections
from service.milvus.engine import alias
from service.milvus.shelf import collection
from tests.service.conftest import Configure
from tests.service.modelling import load
from tests.service.running import ok, running, until
from tests.service.test_models import *

OTHERWISE = (
    "test_a_builder_that_is_killed_is_started_again",
    "test_a_model_that_the_log_no_longer_leads_on_is_brought_up_again",
    "test_a_restart_goes_on_from_the_snapshots",
    "test_the_life_of_a_model",
)
for name in OTHERWISE:
    del globals()[name]


async def test_the_alias_follows_what_answers_and_a_model_nobody_holds_leaves_no_collection(
    configure: Configure, given: dict[str, Any], versions: dict[str, str], redis: Any
) -> None:
    a, b = versions["a"], versions["b"]
    settings = configure(**given, milvus_lease_ms=200)
    async with running(settings) as client:
        await client.items(ITEM)
        assert await load(client, "b") == b
        store = redis.hget("couple:{items}:store", "id")
        milvus = Collections(settings.milvus_uri.get_secret_value())
        assert milvus.names() == {collection(store, a), collection(store, b)}

        async def stands_for(version: str) -> bool:
            return milvus.aliases(collection(store, version)) == [alias(store)]

        await until(lambda: stands_for(a))
        ok(await client.post(f"/models/{b}/activate"))
        await until(lambda: stands_for(b))
        ok(await client.post("/models/rollback"))
        await until(lambda: stands_for(a))
        ok(await client.delete(f"/models/{b}"))

        async def dropped() -> bool:
            return milvus.names() == {collection(store, a)}

        await until(dropped, 30)
        assert await client.found() == ["v1"]
