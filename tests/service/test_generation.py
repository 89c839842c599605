"""A generation that nobody holds any more is gone at once, with its index."""

import asyncio
import gc
from pathlib import Path
from weakref import ref

import pytest

from bundle import open_bundle
from service.generation import Generation, Look
from service.model import Known, Model
from service.terms import Terms
from tests.service import tiny

pytestmark = pytest.mark.anyio


async def test_a_generation_that_was_let_go_of_leaves_without_a_collection(tmp_path: Path) -> None:
    """One would come late where few objects are made, and an index is most of the memory."""
    generation = Generation.of(Model.of(open_bundle(tiny.write_bundle(tmp_path))))
    look = Look(Known([[1]], []), 3, Terms(0.0, (), {}, ()))
    (seen,) = await generation.looks([look])
    assert seen.nearest == []  # it was really asked
    await asyncio.sleep(0)
    held = ref(generation)
    gc.disable()
    try:
        del generation
        assert held() is None
    finally:
        gc.enable()
