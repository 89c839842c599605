"""The index is kept up beside traffic, in a thread of its own."""

import asyncio
import logging
from pathlib import Path

import numpy as np
import pytest

from bundle import open_bundle
from service import upkeep
from service.item import Item
from service.model import Model
from service.replica import Replica, Shelf
from service.sequence import LogSequence

pytestmark = pytest.mark.anyio

LARGE = 50_001  # one more than the index scans outright


@pytest.fixture
def replica(bundle_folder: Path) -> Replica:
    return Replica(Model.of(open_bundle(bundle_folder)), now=lambda: 0.0)


async def test_a_catalogue_that_has_grown_gets_lists_while_it_answers(
    replica: Replica, bundle_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The event loop goes on meanwhile, answers keep their length, and the log says it."""
    model = Model.of(open_bundle(bundle_folder))
    shelf = Shelf(model)
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((LARGE, model.manifest.dim)).astype(np.float32)
    shelf.index.upsert([f"v{number}" for number in range(LARGE)], vectors)
    replica.take(shelf, LogSequence("0123456789abcdef", (1, 0)))
    user = rng.standard_normal((1, 1, model.manifest.dim)).astype(np.float32)
    with caplog.at_level(logging.INFO):
        task = asyncio.create_task(upkeep.run(replica, interval_ms=1))
        answers = 0
        while "rebuilt the index" not in caplog.text:
            assert len(replica.search(user, 10, (), {})) == 10
            answers += 1
            await asyncio.sleep(0.001)
        task.cancel()
    assert answers > 10
    assert len(replica.search(user, 10, (), {})) == 10
    assert shelf.index.stats().lists > 1


async def test_a_small_catalogue_is_left_as_it_is(bundle_folder: Path, replica: Replica) -> None:
    shelf = Shelf(Model.of(open_bundle(bundle_folder)))
    shelf.put({"v1": Item("v1", ["cats"], domain="micro-video")})
    replica.take(shelf, LogSequence("0123456789abcdef", (1, 0)))
    found = await upkeep.maintain(replica)
    assert (found.items, found.lists, found.recall, found.rebuilds) == (1, 1, 1.0, 0)
