"""The inverted file: vectors as half floats, in lists by their nearest centroid.

One faiss structure serves every size. With one list each search scans everything and is exact;
with more it scans the `probes` lists nearest to the query. A direct map finds a row in its list, so
that one can be replaced or dropped in microseconds. Vectors are stored themselves, not what is left
of them beside their centroid: equal vectors then score equally to the last bit, wherever they lie.

Nothing here is locked, and faiss crashes when a search overlaps a change (faiss#367): the owner
sees to it. Shapes: R rows, D dimensions, C lists, I interests of one query.
"""

from itertools import pairwise
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from index.contents import Codes

Vectors = NDArray[np.float32]
Numbers = NDArray[np.int64]
Found = tuple[NDArray[np.float32], Numbers]  # scores and what has them, best first

NOTHING = -1  # faiss's number where fewer were found than asked for
SCANNED_AT_ONCE = 40_000  # vectors: less than half a millisecond
# faiss's type stubs lack much of what follows.
HASHED = faiss.DirectMap.Hashtable  # type: ignore[attr-defined]
UNMAPPED = faiss.DirectMap.NoMap  # type: ignore[attr-defined]
PAIR = 32  # bits: faiss packs (list, place) into one number


class Lists:
    """R stored vectors by row number."""

    def __init__(self, centroids: Vectors) -> None:
        """Empty lists around centroids [C, D]."""
        count, dim = centroids.shape
        self.centroids = np.ascontiguousarray(centroids)
        self._quantizer = faiss.IndexFlatIP(dim)
        self._quantizer.add(self.centroids)
        self._index: Any = faiss.IndexIVFScalarQuantizer(
            self._quantizer, dim, count, faiss.ScalarQuantizer.QT_fp16,
            faiss.METRIC_INNER_PRODUCT, False,  # faiss takes it by place
        )  # fmt: skip
        self._index.is_trained = True
        self._index.set_direct_map_type(HASHED)
        self._dim = dim
        self._made: dict[int, Any] = {}  # search parameters by probes

    @classmethod
    def exact(cls, dim: int) -> "Lists":
        """One list: every search scans everything."""
        return cls(np.zeros((1, dim), dtype=np.float32))

    @classmethod
    def filled(
        cls, centroids: Vectors, lists: NDArray[np.int32], rows: Numbers, codes: Codes
    ) -> "Lists":
        """R rows at once, where `lists` [R] says, without spare room: 2.1 bytes a dimension."""
        made = cls(centroids)
        order = np.argsort(lists, kind="stable")
        bounds = np.searchsorted(lists[order], np.arange(len(centroids) + 1)).tolist()
        index = made._index
        index.set_direct_map_type(UNMAPPED)
        for number, (start, end) in enumerate(pairwise(bounds)):
            if start < end:
                mine = order[start:end]
                ids, packed = rows[mine], codes[mine].view(np.uint8).reshape(-1)
                index.invlists.add_entries(
                    number, end - start, faiss.swig_ptr(ids), faiss.swig_ptr(packed)
                )
        index.ntotal = len(rows)
        index.set_direct_map_type(HASHED)
        return made

    def __len__(self) -> int:
        return int(self._index.ntotal)

    @property
    def count(self) -> int:
        """C."""
        return len(self.centroids)

    @property
    def sizes(self) -> Numbers:
        """[C] how many vectors lie in each list."""
        sizes = (self.size(number) for number in range(self.count))
        return np.fromiter(sizes, dtype=np.int64, count=self.count)

    def assign(self, vectors: Vectors) -> Numbers:
        """The list of each of R vectors. Reads centroids alone: safe beside anything."""
        if self.count == 1:
            return np.zeros(len(vectors), dtype=np.int64)
        _, lists = self._quantizer.search(vectors, 1)
        return np.ascontiguousarray(lists[:, 0])

    def add(self, rows: Numbers, vectors: Vectors, lists: Numbers) -> None:
        """Store R rows that are not here, in the lists that `assign` gave."""
        self._index.add_core(
            len(rows), faiss.swig_ptr(vectors), faiss.swig_ptr(rows), faiss.swig_ptr(lists)
        )

    def remove(self, rows: Numbers) -> None:
        """Drop those of R rows that are here."""
        if len(rows):
            self._index.remove_ids(faiss.IDSelectorArray(len(rows), faiss.swig_ptr(rows)))

    def search(self, query: Vectors, fetch: int, probes: int, mask: "Mask | None" = None) -> Found:
        """Scores and rows [I, fetch] for each vector of a query [I, D], of marked rows alone.

        Best first, then NOTHING where the `probes` nearest lists hold no more.
        """
        scores = np.empty((len(query), fetch), dtype=np.float32)
        rows = np.empty((len(query), fetch), dtype=np.int64)
        self._index.search_c(
            len(query), faiss.swig_ptr(query), fetch, faiss.swig_ptr(scores), faiss.swig_ptr(rows),
            self._parameters(probes) if mask is None else _parameters(probes, mask.selector),
        )  # fmt: skip
        return scores, rows

    def _parameters(self, probes: int) -> Any:
        """Those of unmasked searches, which take microseconds to make, are kept."""
        if probes not in self._made:
            self._made[probes] = _parameters(probes)
        return self._made[probes]

    def scan(self, query: Vectors, fetch: int, start: int, end: int) -> Found:
        """The `fetch` best scores for one vector [D] in the lists [start, end), and their lists."""
        scores = np.empty(fetch, dtype=np.float32)
        pairs = np.empty(fetch, dtype=np.int64)
        lists = np.arange(start, end, dtype=np.int64)
        nearness = np.zeros(len(lists), dtype=np.float32)
        self._index.search_preassigned_c(
            1, faiss.swig_ptr(query), fetch, faiss.swig_ptr(lists), faiss.swig_ptr(nearness),
            faiss.swig_ptr(scores), faiss.swig_ptr(pairs),
            True,  # pairs instead of rows
            _parameters(len(lists)),
        )  # fmt: skip
        found = pairs != NOTHING
        return scores[found], pairs[found] >> PAIR

    def slices(self) -> list[tuple[int, int]]:
        """Ranges of lists, each as long as half a millisecond of scanning allows."""
        total = np.cumsum(self.sizes)
        turns = np.flatnonzero(np.diff(total // SCANNED_AT_ONCE)) + 1
        bounds = [0, *turns.tolist(), self.count]
        return list(pairwise(bounds))

    def nearness(self, query: Vectors) -> Numbers:
        """[C] place of each list in the order in which one vector [D] probes them, from 0."""
        _, order = self._quantizer.search(query[None], self.count)
        places = np.empty(self.count, dtype=np.int64)
        places[order[0]] = np.arange(self.count)
        return places

    def vectors(self, rows: Numbers) -> Vectors:
        """The vectors [R, D] of rows that are here."""
        if not len(rows):
            return np.empty((0, self._dim), dtype=np.float32)
        found: Vectors = self._index.reconstruct_batch(rows)
        return found

    def size(self, number: int) -> int:
        """How many vectors lie in one list."""
        return int(self._index.invlists.list_size(number))

    def content(self, number: int, start: int, end: int) -> tuple[Numbers, Codes]:
        """Copies of a list's rows [R] and codes [R, D], from place `start` to `end` at most."""
        size = self.size(number)
        end = min(end, size)
        if start >= end:
            return np.empty(0, dtype=np.int64), np.empty((0, self._dim), dtype=np.float16)
        inverted, width = self._index.invlists, 2 * self._dim
        rows = faiss.rev_swig_ptr(inverted.get_ids(number), size)[start:end]
        codes = faiss.rev_swig_ptr(inverted.get_codes(number), size * width)
        part = codes[start * width : end * width].copy()
        return rows.copy(), part.view(np.float16).reshape(-1, self._dim)


def _parameters(probes: int, selector: Any = None) -> Any:
    return faiss.SearchParametersIVF(nprobe=probes, sel=selector)  # type: ignore[call-arg]


class Mask:
    """Rows as bits, in the form that faiss tests."""

    def __init__(self, marked: NDArray[np.bool_]) -> None:
        self._bits = np.packbits(marked, bitorder="little")  # faiss keeps the address alone
        self.selector = faiss.IDSelectorBitmap(len(self._bits), faiss.swig_ptr(self._bits))
