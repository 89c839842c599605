"""What the floor and the obvious implementation are made of: a bare tower and bare faiss.

Frozen: onnxruntime and faiss as they come, so that what the service does better does not show here.

Shapes: n items, U users, L items of a history, N tags, D dimensions.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import onnxruntime as ort

from benchmarks.catalogue import Vectors
from benchmarks.yardsticks import TRAINED_ON, K, Truth, smallest
from bundle import Bundle, open_bundle

TARGET = 0.99  # recall@K by score
LISTS = (1024, 2048, 4096)
FEWEST_A_LIST = 39  # items per list below which faiss warns of a poor training
INDEX, IDS, BUNDLE = "index.faiss", "ids.txt", "bundle.txt"
TIMED = 200  # users that candidates for the index are timed on


@dataclass(frozen=True)
class Bare:
    """A bundle's user tower and an index over the catalogue it has embedded."""

    bundle: Bundle
    tower: ort.InferenceSession
    index: Any  # of row numbers; its probes are set
    ids: list[str]  # by row number

    @classmethod
    def load(cls, bundle: Path, folder: Path) -> "Bare":
        """Open a bundle with one interest, and what `save_index` wrote."""
        faiss.omp_set_num_threads(1)
        opened = open_bundle(bundle)
        assert opened.manifest.interests == 1
        index = faiss.read_index(str(folder / INDEX))
        ids = (folder / IDS).read_text().splitlines()
        return cls(opened, session(opened.user_tower), index, ids)


def session(graph: bytes) -> ort.InferenceSession:
    """A graph on one thread."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def save_index(folder: Path, ids: Sequence[str], truth: Truth) -> str:
    """Write the fastest index that reaches the recall on the truth's users, and say what it is."""
    made = [_built(truth, lists) for lists in _lists(len(ids))]
    index = min(made, key=lambda one: _seconds(one, truth.queries[:TIMED]))
    faiss.write_index(index, str(folder / INDEX))
    (folder / IDS).write_text("".join(f"{id_}\n" for id_ in ids))
    return f"IVF{index.nlist},SQfp16, nprobe {index.nprobe}, recall {_recall(index, truth):.4f}"


def _lists(items: int) -> list[int]:
    fit = [lists for lists in LISTS if lists * FEWEST_A_LIST <= items]
    return fit or [max(1, items // FEWEST_A_LIST)]


def _built(truth: Truth, lists: int) -> Any:
    """Trained on a sample, and set to the fewest probes that reach the recall."""
    count, dim = truth.matrix.shape
    index: Any = faiss.index_factory(dim, f"IVF{lists},SQfp16", faiss.METRIC_INNER_PRODUCT)
    index.by_residual = False  # codes of the vectors themselves: scored as the truth is
    sample = np.random.default_rng(0).choice(count, min(count, TRAINED_ON * lists), False)
    index.train(truth.matrix[sample])
    index.add(truth.matrix)

    def recall_at(probes: int) -> float:
        index.nprobe = probes
        return _recall(index, truth)

    index.nprobe = smallest(lists, recall_at, TARGET)
    return index


def _recall(index: Any, truth: Truth) -> float:
    return truth.recall(list(index.search(truth.queries, K)[1]))


def _seconds(index: Any, users: Vectors) -> float:
    """How long it takes for users [U, D], one at a time."""
    faiss.omp_set_num_threads(1)
    began = time.perf_counter()
    for user in users:
        index.search(user[None], K)
    return time.perf_counter() - began
