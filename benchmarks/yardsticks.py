"""What the index is measured against: exact truth, bare faiss, hnswlib and a scan of the matches.

Frozen: what the index does better than these must not show here. All of them search the vectors as
fp16 codes give them back, one query at a time on one thread, and answer row numbers instead of ids.

Shapes: n items, M matching rows, Q queries, D dimensions, k results.
"""

import hashlib
import os
from collections.abc import Callable, Sequence
from itertools import starmap
from pathlib import Path
from typing import Any

import faiss
import hnswlib
import numpy as np
from numpy.typing import NDArray

from benchmarks.catalogue import Vectors

K = 100
SLACK = 1e-6  # of a score, between vectors of length 1: what float32 sums differ by
TRAINED_ON = 64  # vectors per list; more changed neither recall nor speed
LINKS, BUILD_WIDTH, WIDEST = 16, 100, 2048  # hnswlib's M, ef_construction and the largest ef tried

Rows = NDArray[np.int64]
Search = Callable[[Vectors], Rows]


class Truth:
    """What an exact search of the same vectors finds, as scores: ties and twins count alike."""

    def __init__(self, matrix: Vectors, queries: Vectors, rows: Rows | None = None) -> None:
        """Of queries [Q, D] over matrix [n, D], or over M of its rows."""
        searched = matrix if rows is None else matrix[rows]
        self.matrix, self.queries = matrix, queries
        self.wanted = min(K, len(searched))
        best, _ = faiss.knn(queries, searched, self.wanted, faiss.METRIC_INNER_PRODUCT)
        self.least: Vectors = best[:, -1] - SLACK

    def recall(self, found: Sequence[Rows]) -> float:
        """The mean share of the k best that each query's row numbers reach by score."""
        triples = zip(self.queries, self.least.tolist(), found, strict=True)
        return float(np.mean(list(starmap(self._share, triples))))

    def recall_of(self, search: Search) -> float:
        """The same of what a search answers, one query at a time."""
        return self.recall([search(query) for query in self.queries])

    def _share(self, query: Vectors, least: float, rows: Rows) -> float:
        distinct = np.unique(rows[rows >= 0])
        good = int((self.matrix[distinct] @ query >= least).sum())
        return min(good, self.wanted) / self.wanted


def smallest(most: int, recall_at: Callable[[int], float], target: float) -> int:
    """The smallest effort from 1 to `most` whose recall reaches the target; `most` if none does."""
    least = enough = 1
    while enough < most and recall_at(enough) < target:  # small efforts first: they are quick
        least, enough = enough + 1, min(2 * enough, most)
    while least < enough:
        middle = (least + enough) // 2
        if recall_at(middle) >= target:
            enough = middle
        else:
            least = middle + 1
    return enough


class BareIvf:
    """faiss's IVF over fp16 codes and nothing else: no ids, no expiry, no changes."""

    def __init__(self, matrix: Vectors, lists: int) -> None:
        """Trained on a sample of matrix [n, D], on all cores; searches use one."""
        self.lists = lists
        count, dim = matrix.shape
        made: Any = faiss.index_factory(dim, f"IVF{lists},SQfp16", faiss.METRIC_INNER_PRODUCT)
        made.by_residual = False  # codes of the vectors themselves: scored as the truth is
        sample = np.random.default_rng(0).choice(count, min(count, TRAINED_ON * lists), False)
        faiss.omp_set_num_threads(os.cpu_count() or 1)
        made.train(matrix[sample])
        made.add(matrix)
        faiss.omp_set_num_threads(1)
        self._index = made

    def searching(self, probes: int, matching: NDArray[np.bool_] | None = None) -> Search:
        """Search that many lists, of the rows in a mask [n] if there is one."""
        settings: dict[str, Any] = {"nprobe": probes}
        if matching is not None:
            bits = np.packbits(matching, bitorder="little")
            # The selector holds a pointer into `bits`, which the closure keeps alive.
            settings["sel"] = faiss.IDSelectorBitmap(len(bits), faiss.swig_ptr(bits))
        parameters = faiss.SearchParametersIVF(**settings)

        def search(query: Vectors) -> Rows:
            assert matching is None or bits.size
            rows: Rows = self._index.search(query[None], K, params=parameters)[1][0]
            return rows

        return search

    def tuned(
        self, truth: Truth, target: float, matching: NDArray[np.bool_] | None = None
    ) -> tuple[int, Search]:
        """The fewest lists that reach the recall, and the search of them."""
        probes = smallest(
            self.lists,
            lambda probes: truth.recall_of(self.searching(probes, matching)),
            target,
        )
        return probes, self.searching(probes, matching)


class Hnsw:
    """hnswlib on the same vectors as float32, which is what it stores."""

    def __init__(self, matrix: Vectors, folder: Path) -> None:
        """Built on all cores, which takes minutes at a million, so it is kept in a folder."""
        self._index = hnswlib.Index("ip", matrix.shape[1])
        kept = folder / _name(matrix)
        if kept.exists():
            self._index.load_index(str(kept), max_elements=len(matrix))
        else:
            self._index.init_index(len(matrix), BUILD_WIDTH, LINKS)
            self._index.add_items(matrix, np.arange(len(matrix)), os.cpu_count() or 1)
            partial = kept.with_suffix(f".{os.getpid()}")
            self._index.save_index(str(partial))
            partial.rename(kept)
        self._index.set_num_threads(1)

    def search(self, query: Vectors) -> Rows:
        """The rows of the k best, as far as the graph leads to them."""
        rows: Rows = self._index.knn_query(query, K)[0][0].astype(np.int64)
        return rows

    def tune(self, truth: Truth, target: float) -> int:
        """Set the smallest ef that reaches the recall, and return it."""

        def recall_at(width: int) -> float:
            self._index.set_ef(width)
            return truth.recall_of(self.search)

        width = K + smallest(WIDEST - K, lambda more: recall_at(K + more), target)
        self._index.set_ef(width)
        return width


def _name(matrix: Vectors) -> str:
    """What the file with the graph of these vectors is called."""
    digest = hashlib.sha256(matrix.data).hexdigest()[:16]
    return f"hnsw-{LINKS}-{BUILD_WIDTH}-{digest}.bin"


def scanning(matrix: Vectors, rows: Rows) -> Search:
    """An exact scan of M rows that are known already, of a resident matrix [n, D]."""
    count = min(K, len(rows))

    def search(query: Vectors) -> Rows:
        scores = matrix[rows] @ query
        best = np.argpartition(scores, -count)[-count:]
        ranked: Rows = rows[best[np.argsort(-scores[best])]]
        return ranked

    return search
