"""A small valid bundle written by hand, so that each test can break one thing of it.

The graphs are opaque bytes here: the reader checks them, only a runtime opens them.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from bundle import ItemIds, Manifest, Probe, Vocabulary
from bundle import manifest as m
from bundle.arrays import Ids
from bundle.probe import Vectors

Files = Mapping[str, bytes]

ITEM_IDS = ItemIds(["p1", "視頻 2"])
HISTORY = np.array([[0, 0], [1, 2]])
VOCABULARY = Vocabulary(["night market", "street food", "wok"])


class MeanTowers:
    """Both towers as the mean of one-hot tags, L2-normalised: D = 3, I = 1, norm 1.

    An item id counts as the tag of the same number.
    """

    def user(self, tags: Ids, items: Ids | None = None) -> Vectors:
        columns = tags.reshape(len(tags), -1)
        flat = self._mean(columns if items is None else np.hstack([columns, items]))
        flat[~flat.any(axis=1)] = (1, 0, 0)
        return flat[:, None]

    def item(self, tags: Ids) -> Vectors:
        return self._mean(tags)

    def _mean(self, tags: Ids) -> Vectors:
        sums = np.stack([(tags == number).sum(axis=1) for number in (1, 2, 3)], axis=1)
        lengths = np.linalg.norm(sums, axis=1, keepdims=True)
        mean: Vectors = (sums / np.maximum(lengths, 1)).astype(np.float32)
        return mean


def probe(history: Ids | None = None) -> Probe:
    """Two users, two items; `history` [2, M] of item ids where the bundle has any."""
    users = np.array([[[0, 0]], [[1, 2]]])
    items = np.array([[0, 0], [3, 0]])
    towers = MeanTowers()
    return Probe(users, towers.user(users, history), items, towers.item(items), history)


def write(folder: Path, given: Files | None = None, /, **changes: Any) -> Manifest:
    """Write a bundle that reads tags alone.

    `given` replaces files as a faulty exporter would, digests and version with them; `changes`
    replace fields of the manifest afterwards.
    """
    return _write(folder, {m.PROBE: probe().encode(), **(given or {})}, {}, changes)


def write_with_items(folder: Path, given: Files | None = None, /, **changes: Any) -> Manifest:
    """The same with a user tower that reads item ids too, two of a history."""
    files = {m.ITEMS: ITEM_IDS.encode(), m.PROBE: probe(HISTORY).encode(), **(given or {})}
    facts = {"towers": m.BY_TAGS_AND_ITEMS, "max_history": 2, "catalogue_size": len(ITEM_IDS)}
    return _write(folder, files, facts, changes)


def _write(folder: Path, given: Files, facts: dict[str, Any], changes: dict[str, Any]) -> Manifest:
    files = {
        m.TAGS: VOCABULARY.encode(),
        m.USER_TOWER: b"user graph",
        m.ITEM_TOWER: b"item graph",
        m.CARD: b"# A model\n",
        **given,
    }
    digests = {name: m.digest(data) for name, data in files.items()}
    towers, max_history = facts.get("towers", m.BY_TAGS), facts.get("max_history", 0)
    manifest = Manifest(
        model="couple",
        version=m.version_of(towers, digests, 1.0, max_history),
        dim=3,
        max_items=8,
        max_tags=2,
        interests=1,
        norm=1.0,
        target_domains=("micro-video",),
        vocabulary_size=3,
        vocabulary_sha256=digests[m.TAGS],
        data_fingerprint="by hand",
        metrics={},
        parity_error=0.0,
        files=digests,
        **facts,
    ).model_copy(update=changes)
    folder.mkdir(parents=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    (folder / m.NAME).write_bytes(m.encode(manifest))
    return manifest
