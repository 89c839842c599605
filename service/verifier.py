"""Whether a bundle may be served, found out where it can do no harm.

A bundle is code: a graph may run for ever or fill the memory. So a process of its own opens it,
with a limit on memory and on time, and answers with what it is or why not.
"""

import asyncio
import resource
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bundle import Bundle, BundleRefused, open_bundle
from bundle.operators import check_operators
from service import child
from service.errors import ModelRefused
from service.model import Model

MIB = 2**20
TAGS_AT_ONCE = 1024


class Verified(NamedTuple):
    """What a sound bundle is."""

    name: str
    version: str


class Limits(NamedTuple):
    """What a bundle may take to prove that it is sound."""

    seconds: float
    memory_mb: int
    niceness: int


async def verify(folder: Path, bundles: Path, limits: Limits) -> Verified:
    """Open a bundle that lies below `bundles`, check its operators, replay its probe.

    Raises:
        ModelRefused: it cannot be served; the message says why.
    """
    try:
        async with asyncio.timeout(limits.seconds):
            arguments = (folder, bundles, limits.memory_mb)
            return await child.run(inspect, *arguments, niceness=limits.niceness)
    except TimeoutError as error:
        raise ModelRefused(
            f"verifying it took more than {limits.seconds:g} s (COUPLE_VERIFY_TIMEOUT_S)"
        ) from error
    except (child.ChildRefused, child.ChildLost) as error:
        raise ModelRefused(str(error)) from error
    except child.ChildDied as error:
        raise ModelRefused(
            f"verifying it failed, {error}: perhaps it takes more than {limits.memory_mb} MiB "
            "(COUPLE_VERIFY_MEMORY_MB)"
        ) from error


def inspect(folder: Path, bundles: Path, memory_mb: int) -> Verified:
    """What runs in the child: `examine`, within a limit on memory; raise BundleError."""
    _limit(memory_mb)
    try:
        return examine(folder, bundles)
    except MemoryError as error:
        raise BundleRefused(
            f"it takes more than {memory_mb} MiB of memory (COUPLE_VERIFY_MEMORY_MB)"
        ) from error


def examine(folder: Path, bundles: Path) -> Verified:
    """Open a bundle and use it as much as its contract allows; raise BundleError."""
    bundle = _opened(folder, bundles)
    _exercise(Model.of(bundle))
    return Verified(bundle.manifest.model, bundle.manifest.version)


def _limit(memory_mb: int) -> None:
    """On memory beyond what this process has already; where the system does not say, on none."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        taken = int(statm.read_text().split()[5]) * resource.getpagesize()
        most = taken + memory_mb * MIB
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))


def _opened(folder: Path, bundles: Path) -> Bundle:
    root = bundles.resolve()
    for path in folder.iterdir() if folder.is_dir() else ():
        if not path.resolve().is_relative_to(root):
            raise BundleRefused(f"{path.name} is a link that leads out of COUPLE_BUNDLES")
    bundle = open_bundle(folder)
    check_operators("user", bundle.user_tower)
    check_operators("item", bundle.item_tower)
    return bundle


def _exercise(model: Model) -> None:
    """What a probe of a few rows leaves open: every tag, and arrays as large as they may be."""
    limits, last = model.manifest, len(model.vocabulary)
    for start in range(1, last + 1, TAGS_AT_ONCE):
        tags = range(start, min(start + TAGS_AT_ONCE, last + 1))
        if not np.isfinite(model.embed_items([[tag] for tag in tags])).all():
            raise BundleRefused("the item tower gives a tag a vector that is not finite")
    full = np.full((2, limits.max_items, limits.max_tags), last, dtype=np.int64)
    users, items = model.towers.user(full), model.towers.item(full[:, 0])
    if users.shape != (2, limits.interests, limits.dim) or items.shape != (2, limits.dim):
        raise BundleRefused("a tower gives arrays of full size vectors of another shape")
