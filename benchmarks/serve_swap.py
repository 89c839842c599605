"""The rows of `benchmarks/serve.py` about a new model: how soon it answers, and at whose cost.

The catalogue is embedded anew beside traffic, from the call that names the bundle to the first
answer that is the new model's. Its towers are the old ones' under another name, so that both cost
the same; to the service they are a model that it has never seen.
"""

import asyncio
import os
import shutil
import time
from collections.abc import Iterator
from itertools import count, cycle
from pathlib import Path

import onnx

from benchmarks.index_table import Row, time_of
from benchmarks.serve_contenders import ALL_CORES, KEY, SHIPPED
from benchmarks.serve_ingest import BUSY_FACTOR, BUSY_S
from benchmarks.serve_load import Outcome, arrive, saturate
from benchmarks.serve_rows import WARM_S, Race, bounded, run
from bundle import manifest, open_bundle
from loadtest.address import Address
from loadtest.arrivals import at_random
from loadtest.swap import swap

AGAIN = "again"  # the folder of the second bundle
WITHIN_S = 60.0
WINDOW_S = 2.0  # of traffic; the last one may end so much after the swap


def copied(bundle: Path, folder: Path) -> Path:
    """A bundle and, beside the copy that is returned, the same towers as another version."""
    given = folder / "given"
    shutil.copytree(bundle, given)
    shutil.copytree(bundle, folder / AGAIN)
    facts = open_bundle(bundle).manifest
    tower = folder / AGAIN / manifest.ITEM_TOWER
    graph = onnx.load(tower)
    graph.graph.name += "-again"
    tower.write_bytes(graph.SerializeToString())
    files = {**facts.files, manifest.ITEM_TOWER: manifest.digest(tower.read_bytes())}
    version = manifest.version_of(facts.towers, files, facts.norm, facts.max_history)
    made = facts.model_copy(update={"files": files, "version": version})
    (folder / AGAIN / manifest.NAME).write_bytes(manifest.encode(made))
    return given


def rows(race: Race) -> Iterator[Row]:
    """Once: the new model answers from then on."""
    beside = race.options.beside
    quiet = race.arriving(SHIPPED.name, beside, 0).percentile(99)
    asked, seconds = _swapped(race)
    yield Row(
        f"a new model over {race.options.items:,} items, {beside} recommendations/s beside",
        time_of(seconds),
        target=f"≤ {WITHIN_S:g} s",
        met=seconds <= WITHIN_S,
    )
    name = f"p99 of {beside}/s beside that (yardstick: alone)"
    yield bounded(name, asked.percentile(99), quiet, BUSY_FACTOR, BUSY_S)


def _swapped(race: Race) -> tuple[Outcome, float]:
    """What became of traffic meanwhile, and how many seconds it took."""
    requests = race.asked(SHIPPED.name)
    # What it starts may use any core, as it would without a race.
    os.sched_setaffinity(race.contenders[SHIPPED.name].pid, ALL_CORES)
    with race.contenders[SHIPPED.name].turn() as port:
        run(saturate(port, requests, WARM_S))
        asked, seconds = run(_swapping(port, requests, race.options.beside))
    race.outcomes.append(asked)
    return asked, seconds


async def _swapping(port: int, requests: list[bytes], rate: int) -> tuple[Outcome, float]:
    asked, began = Outcome(), time.perf_counter()
    address = Address("127.0.0.1", port, key=KEY)
    ended: list[float] = []
    swapping = asyncio.create_task(swap(address, AGAIN, lambda _: None))
    swapping.add_done_callback(lambda _: ended.append(time.perf_counter() - began))
    for window in count():
        await arrive(port, cycle(requests), at_random(rate, WINDOW_S, window), asked)
        if swapping.done():
            break
    await swapping
    return asked, ended[0]
