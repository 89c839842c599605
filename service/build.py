"""A model's index of the whole catalogue, made in a process of its own (`service.child`).

Page the catalogue, embed it, build the index's structure for those who asked lately, catch up with
the log, and save all that as a snapshot for the host's workers.
"""

import asyncio
from pathlib import Path

import faiss

from bundle import BundleRefused, open_bundle
from bundle.probe import Vectors
from service import askers, replay, store
from service.catalogue import Catalogue
from service.histories import Histories
from service.model import Model
from service.replica import Replica
from service.settings import Settings
from service.vectors import VectorShelf

PATIENCE_S = 10.0  # for one answer of Redis: nobody waits for this


def open_model(folder: Path, version: str) -> Model:
    """The bundle in a folder, which must be of this version.

    Raises:
        BundleError: it is missing, damaged, refused, or another one.
    """
    bundle = open_bundle(folder)
    if bundle.manifest.version != version:
        raise BundleRefused(
            f"{folder} holds version {bundle.manifest.version[:12]}, not {version[:12]}: "
            "put the bundle back that was loaded, or load this one"
        )
    return Model.of(bundle)


def build(settings: Settings, folder: Path, version: str, snapshots: Path) -> None:
    """Save a snapshot of the catalogue as the bundle in `folder` sees it.

    Raises:
        BundleError: see `open_model`.
        RedisError, SnapshotError: the store or the disk fails it.
    """
    faiss.omp_set_num_threads(1)
    asyncio.run(_build(settings, open_model(folder, version), snapshots))


async def _build(settings: Settings, model: Model, snapshots: Path) -> None:
    users = await _askers(settings, model)

    def shelf() -> VectorShelf:
        made = VectorShelf(model)
        made.index.search(users, 1)  # nothing is there yet: it takes note of who asks
        return made

    async with store.connect(settings, PATIENCE_S) as redis:
        catalogue = Catalogue(redis, settings.log_retention_s)
        replica = Replica(shelf)
        await replay.join(catalogue, replica)
    replica.shelf.index.save(
        snapshots, model=model.manifest.version, position=str(replica.sequence)
    )


async def _askers(settings: Settings, model: Model) -> Vectors:
    """Vectors [U, I, D] of users who asked lately, maybe none."""
    lengths = settings.history_length, settings.seen_length
    async with (
        store.connect(settings, PATIENCE_S) as redis,
        store.connect_histories(settings, PATIENCE_S) as histories,
    ):
        users = await askers.newest(redis)
        return await askers.vectors(model, Histories(histories, *lengths), users)
