"""Open a bundle: every byte checked against the manifest before any of it is used."""

import zipfile
from dataclasses import dataclass
from pathlib import Path

from bundle import manifest as m
from bundle.errors import BundleCorrupted, BundleMissing, BundleRefused
from bundle.manifest import Manifest
from bundle.probe import Probe
from bundle.tags import Vocabulary


@dataclass(frozen=True)
class Bundle:
    """A verified bundle in memory; the graphs are still bytes: no runtime is needed to open it."""

    path: Path
    manifest: Manifest
    vocabulary: Vocabulary
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
    if set(manifest.files) != set(m.FILES):
        raise BundleRefused(f"{folder}: the manifest must list exactly {', '.join(m.FILES)}")
    files = {name: _checked(folder, name, sha) for name, sha in manifest.files.items()}
    vocabulary = _vocabulary(folder, files[m.TAGS])
    _check_contract(folder, manifest, vocabulary)
    return Bundle(
        path=folder,
        manifest=manifest,
        vocabulary=vocabulary,
        user_tower=files[m.USER_TOWER],
        item_tower=files[m.ITEM_TOWER],
        probe=_probe(folder, files[m.PROBE]),
    )


def _manifest_bytes(folder: Path) -> bytes:
    try:
        return (folder / m.NAME).read_bytes()
    except FileNotFoundError as error:
        what = f"has no {m.NAME}" if folder.is_dir() else "does not exist"
        raise BundleMissing(f"{folder} {what}: name a folder that `couple export` wrote") from error
    except OSError as error:
        raise BundleMissing(f"{folder} cannot be read: {error.strerror}") from error


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


def _vocabulary(folder: Path, data: bytes) -> Vocabulary:
    try:
        return Vocabulary.decode(data)
    except ValueError as error:
        raise BundleRefused(f"{folder / m.TAGS}: {error}") from error


def _probe(folder: Path, data: bytes) -> Probe:
    try:
        return Probe.decode(data)
    except (ValueError, KeyError, OSError, zipfile.BadZipFile) as error:
        raise BundleRefused(f"{folder / m.PROBE} does not hold the probe's four arrays") from error


def _check_contract(folder: Path, manifest: Manifest, vocabulary: Vocabulary) -> None:
    if manifest.towers != m.Towers():
        raise BundleRefused(
            f"{folder}: its towers have inputs or outputs this version does not know"
        )
    if manifest.vocabulary_size != len(vocabulary):
        raise BundleRefused(f"{folder}: the manifest's vocabulary_size is not that of {m.TAGS}")
    if manifest.vocabulary_sha256 != manifest.files[m.TAGS]:
        raise BundleRefused(f"{folder}: the manifest's vocabulary_sha256 is not that of {m.TAGS}")
    if manifest.version != m.version_of(manifest.towers, manifest.files, manifest.norm):
        raise BundleRefused(f"{folder}: its version is not the hash of what it holds")
