"""The index is kept up beside traffic, in a thread of its own."""

import asyncio
import logging
from pathlib import Path

import numpy as np
import pytest

from bundle import open_bundle
from service import upkeep
from service.catalogue import Stored
from service.generation import Generation
from service.item import Item
from service.model import Model
from service.terms import Terms

pytestmark = pytest.mark.anyio

LARGE = 50_001  # one more than the index scans outright
TERMS = Terms(0.0, (), {}, ())


@pytest.fixture
def generation(bundle_folder: Path) -> Generation:
    return Generation.of(Model.of(open_bundle(bundle_folder)))


async def test_a_catalogue_that_has_grown_gets_lists_while_it_answers(
    generation: Generation, caplog: pytest.LogCaptureFixture
) -> None:
    """The event loop goes on meanwhile, answers keep their length, and the log says it."""
    dim, index = generation.model.manifest.dim, generation.replica.shelf.index
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((LARGE, dim)).astype(np.float32)
    index.upsert([f"v{number}" for number in range(LARGE)], vectors)
    user = rng.standard_normal((1, 1, dim)).astype(np.float32)
    with caplog.at_level(logging.INFO):
        task = asyncio.create_task(upkeep.run(lambda: [generation], interval_ms=1))
        answers = 0
        while "rebuilt the index" not in caplog.text:
            assert len(generation.search(user, 10, TERMS)) == 10
            answers += 1
            await asyncio.sleep(0.001)
        task.cancel()
    assert answers > 10
    assert len(generation.search(user, 10, TERMS)) == 10
    assert index.stats().lists > 1


async def test_a_small_catalogue_is_left_as_it_is(generation: Generation) -> None:
    generation.replica.shelf.put({"v1": Stored(Item("v1", ["cats"], domain="micro-video"), 1)})
    found = await upkeep.maintain(generation.replica.shelf.index)
    assert (found.items, found.lists, found.recall, found.rebuilds) == (1, 1, 1.0, 0)
