"""What the index holds in memory, as the system counts it, in a process that does nothing else.

python -m benchmarks.index_memory size|turnover ITEMS TURNOVERS    # used by the parent below
"""

import ctypes
import gc
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import faiss
import numpy as np

from benchmarks.catalogue import DIM, Items, World, id_of
from benchmarks.index_stage import BATCH, Options, settle, store
from benchmarks.index_table import Row
from index import ItemIndex
from index.lists import Lists

USERS = 200
WHOLE, CODES = 400, 2.4 * DIM  # bytes an item may take: altogether; its code and place in a list
CHANGES = 1000  # items of one batch of the turnover
POOL = 100_000  # vectors that the turnover draws from, each moved a little
MOVED = 0.05
GROWTH = 1.2
MAINTAINED = 100_000  # upserts between two rounds of maintenance


def size(options: Options) -> Iterator[Row]:
    """Bytes per item, of codes with lists and altogether."""
    found = _measured("size", options)
    resident = found["resident"] / options.items
    name = "bytes per item with id, expiry and two attributes"
    yield Row(name, f"{resident:.0f}", target=f"≤ {WHOLE}", met=resident <= WHOLE)
    codes, places = (found[part] / options.items for part in ("codes", "map"))
    ours, target = f"{codes:.0f} (where each lies: {places:.0f} more)", f"≤ {CODES:.0f} (2.4 D)"
    yield Row("bytes per item of codes and lists", ours, target=target, met=codes <= CODES)


def turnover(options: Options) -> Iterator[Row]:
    """Resident memory after every item was replaced by another many times."""
    found = _measured("turnover", options)
    ratio = found["after"] / found["before"]
    yield Row(
        f"resident memory after {options.turnovers} turnovers",
        f"{found['after'] / 1e6:.0f} MB, {found['items']:.0f} items",
        f"before {found['before'] / 1e6:.0f} MB",
        ratio,
        f"≤ {GROWTH:g} times",
        ratio <= GROWTH and found["items"] == options.items,
    )


def _measured(what: str, options: Options) -> dict[str, float]:
    """What a new process found."""
    command = [sys.executable, "-m", "benchmarks.index_memory", what]
    command += [str(options.items), str(options.turnovers)]
    root = Path(__file__).parent.parent
    out = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True, cwd=root)
    found: dict[str, float] = json.loads(out.stdout)
    return found


def resident() -> int:
    """Bytes of this process in memory, once what is free was given back."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _filled(world: World, rng: np.random.Generator, count: int) -> ItemIndex:
    """An index of items that nothing else holds."""
    index = ItemIndex(DIM)
    for first in range(0, count, BATCH):
        store(index, world.items(rng, first, min(BATCH, count - first)))
    settle(index, world.users(rng, USERS))
    return index


def _size(count: int) -> dict[str, float]:
    world, rng = World(), np.random.default_rng(8)
    _filled(world, rng, BATCH)  # whatever a first index brings in for good
    before = resident()
    index = _filled(world, rng, count)
    filled = resident()
    # No public door leads to the parts: they are taken away one by one.
    faiss.Int64Vector().swap(index._state.lists._map.array)
    unmapped = resident()
    index._state.lists = Lists.exact(DIM)
    parts = {"map": filled - unmapped, "codes": unmapped - resident()}
    return {"resident": filled - before, **parts}


def _turnover(count: int, turnovers: int) -> dict[str, float]:
    world, rng = World(), np.random.default_rng(9)
    pool = world.items(rng, 0, min(POOL, count))
    index = _filled(world, rng, count)
    before = resident()
    for first in range(count, count * (turnovers + 1), CHANGES):
        store(index, _moved(pool, rng, first, min(CHANGES, count * (turnovers + 1) - first)))
        index.remove([id_of(number) for number in range(first - count, first - count + CHANGES)])
        if first % MAINTAINED < CHANGES:
            index.maintain()
    return {"before": before, "after": resident(), "items": len(index)}


def _moved(pool: Items, rng: np.random.Generator, first: int, count: int) -> Items:
    """New items beside those of a pool, which cost less to make than others."""
    drawn = pool.part(rng.integers(0, len(pool), count), first)
    step = MOVED * rng.standard_normal((count, DIM), dtype=np.float32) / DIM**0.5
    return replace(drawn, vectors=drawn.vectors + step)


def main() -> None:
    what, count, turnovers = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    print(json.dumps(_size(count) if what == "size" else _turnover(count, turnovers)))


if __name__ == "__main__":
    main()
