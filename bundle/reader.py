"""Open a bundle: every byte checked against the manifest before any of it is used."""

import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from bundle import manifest as m
from bundle.arrays import Ids
from bundle.errors import BundleCorrupted, BundleMissing, BundleRefused
from bundle.items import ItemIds
from bundle.manifest import Manifest
from bundle.probe import Probe
from bundle.tags import Vocabulary

Lines = TypeVar("Lines", Vocabulary, ItemIds)


@dataclass(frozen=True)
class Bundle:
    """A verified bundle in memory; the graphs are still bytes: no runtime is needed to open it."""

    path: Path
    manifest: Manifest
    vocabulary: Vocabulary
    item_ids: ItemIds  # none where the user tower reads no item ids
    user_tower: bytes
    item_tower: bytes
    probe: Probe


def open_bundle(path: str | Path) -> Bundle:
    """Read a bundle whole and check every file against its sha256.

    Raises:
        BundleMissing: no folder, or no manifest in it.
        BundleCorrupted: a file is missing or not the one exported; the message names it.
        BundleRefused: intact, but against the contract of this version.
    """
    folder = Path(path)
    manifest = m.decode(_manifest_bytes(folder))
    names = m.files_of(manifest.towers)
    if set(manifest.files) != set(names):
        raise BundleRefused(f"{folder}: the manifest must list exactly {', '.join(names)}")
    files = {name: _checked(folder, name, sha) for name, sha in manifest.files.items()}
    bundle = Bundle(
        path=folder,
        manifest=manifest,
        vocabulary=_decoded(folder, files, m.TAGS, Vocabulary.decode),
        item_ids=_decoded(folder, files, m.ITEMS, ItemIds.decode)
        if m.ITEMS in files
        else ItemIds(),
        user_tower=files[m.USER_TOWER],
        item_tower=files[m.ITEM_TOWER],
        probe=_probe(folder, files[m.PROBE]),
    )
    _check_contract(bundle)
    _check_items(bundle)
    return bundle


def _manifest_bytes(folder: Path) -> bytes:
    try:
        return (folder / m.NAME).read_bytes()
    except FileNotFoundError as error:
        what = f"has no {m.NAME}" if folder.is_dir() else "does not exist"
        raise BundleMissing(f"{folder} {what}: name a folder that `couple export` wrote") from error
    except OSError as error:
        why = str(error.strerror).lower()
        raise BundleMissing(
            f"{folder} cannot be read ({why}): name a folder that `couple export` wrote"
        ) from error


def _checked(folder: Path, name: str, sha256: str) -> bytes:
    try:
        data = (folder / name).read_bytes()
    except OSError as error:
        raise BundleCorrupted(f"{folder / name} cannot be read: {error.strerror}") from error
    if m.digest(data) != sha256:
        raise BundleCorrupted(
            f"{folder / name} is damaged: its sha256 is not the manifest's; export or copy it again"
        )
    return data


def _decoded(
    folder: Path, files: dict[str, bytes], name: str, decode: Callable[[bytes], Lines]
) -> Lines:
    try:
        return decode(files[name])
    except ValueError as error:
        raise BundleRefused(f"{folder / name}: {error}") from error


def _probe(folder: Path, data: bytes) -> Probe:
    try:
        return Probe.decode(data)
    except (ValueError, KeyError, OSError, zipfile.BadZipFile) as error:
        raise BundleRefused(f"{folder / m.PROBE} does not hold the probe's arrays") from error


def _check_contract(bundle: Bundle) -> None:
    folder, manifest = bundle.path, bundle.manifest
    if manifest.towers not in (m.BY_TAGS, m.BY_TAGS_AND_ITEMS):
        raise BundleRefused(
            f"{folder}: its towers have inputs or outputs this version does not know"
        )
    if manifest.vocabulary_size != len(bundle.vocabulary):
        raise BundleRefused(f"{folder}: the manifest's vocabulary_size is not that of {m.TAGS}")
    if manifest.vocabulary_sha256 != manifest.files[m.TAGS]:
        raise BundleRefused(f"{folder}: the manifest's vocabulary_sha256 is not that of {m.TAGS}")
    version = m.version_of(manifest.towers, manifest.files, manifest.norm, manifest.max_history)
    if manifest.version != version:
        raise BundleRefused(f"{folder}: its version is not the hash of what it holds")


def _check_items(bundle: Bundle) -> None:
    """Manifest, `items.txt` and probe must agree on whether item ids are read, and which."""
    folder, manifest, read = bundle.path, bundle.manifest, bundle.manifest.towers.read_items
    if (manifest.max_history > 0) != read:
        raise BundleRefused(
            f"{folder}: the manifest's max_history must be above 0 where the user tower has the "
            "input items, and 0 elsewhere"
        )
    if manifest.catalogue_size != len(bundle.item_ids):
        raise BundleRefused(f"{folder}: the manifest's catalogue_size is not that of {m.ITEMS}")
    items = bundle.probe.user_items
    if (items is not None) != read:
        raise BundleRefused(
            f"{folder / m.PROBE} must hold user_items where the user tower has the input items, "
            "and only there"
        )
    if items is not None and not _fit(items, len(bundle.probe.user_tags), manifest):
        raise BundleRefused(
            f"{folder / m.PROBE}: user_items must be int64 [B, at most M], name the last id of "
            f"{m.ITEMS} and no later one"
        )


def _fit(items: Ids, users: int, manifest: Manifest) -> bool:
    """The last id is asked for so that the replay reaches the end of the graph's table."""
    return (
        items.dtype == np.int64
        and items.ndim == 2
        and len(items) == users
        and 1 <= items.shape[1] <= manifest.max_history
        and bool(items.min(initial=0) == 0)
        and bool(items.max(initial=0) == manifest.catalogue_size)
    )
