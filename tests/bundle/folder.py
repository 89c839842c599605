"""A small valid bundle written by hand, so that each test can break one thing of it.

The graphs are opaque bytes here: the reader checks them, only a runtime opens them.
"""

from pathlib import Path
from typing import Any

import numpy as np

from bundle import Manifest, Probe, Vocabulary
from bundle import manifest as m
from bundle.arrays import Ids
from bundle.probe import Vectors

VOCABULARY = Vocabulary(["night market", "street food", "wok"])


class MeanTowers:
    """Both towers as the mean of one-hot tags, L2-normalised: D = 3, I = 1, norm 1."""

    def user(self, tags: Ids) -> Vectors:
        flat = self._mean(tags.reshape(len(tags), -1))
        flat[~flat.any(axis=1)] = (1, 0, 0)
        return flat[:, None]

    def item(self, tags: Ids) -> Vectors:
        return self._mean(tags)

    def _mean(self, tags: Ids) -> Vectors:
        sums = np.stack([(tags == number).sum(axis=1) for number in (1, 2, 3)], axis=1)
        lengths = np.linalg.norm(sums, axis=1, keepdims=True)
        mean: Vectors = (sums / np.maximum(lengths, 1)).astype(np.float32)
        return mean


def probe() -> Probe:
    users = np.array([[[0, 0]], [[1, 2]]])
    items = np.array([[0, 0], [3, 0]])
    towers = MeanTowers()
    return Probe(users, towers.user(users), items, towers.item(items))


def write(folder: Path, **changes: Any) -> Manifest:
    """Write the bundle; `changes` replace fields of its manifest."""
    files = {
        m.TAGS: VOCABULARY.encode(),
        m.USER_TOWER: b"user graph",
        m.ITEM_TOWER: b"item graph",
        m.PROBE: probe().encode(),
        m.CARD: b"# A model\n",
    }
    digests = {name: m.digest(data) for name, data in files.items()}
    manifest = Manifest(
        model="couple",
        version=m.version_of(m.Towers(), digests, 1.0),
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
    ).model_copy(update=changes)
    folder.mkdir(parents=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    (folder / m.NAME).write_bytes(m.encode(manifest))
    return manifest
