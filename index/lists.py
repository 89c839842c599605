"""The inverted file: vectors as half floats, each in one of C lists (`index.partition`).

One faiss structure serves every size. With one list each search scans everything and is exact;
with more it scans the `probes` lists that promise most to the query. A direct map says where each
row lies, so that one can be replaced or dropped in microseconds. It is faiss's array of 8 bytes a
row, a quarter of its hash table; as that can only move rows from list to list, they come and go
through one list more, the limbo, which no search probes. Vectors are stored themselves, not what
is left of them beside their centroid: equal vectors then score equally to the last bit, wherever
they lie.

Nothing here is locked, and faiss crashes when a search overlaps a change (faiss#367): the owner
sees to it. Shapes: R rows, D dimensions, C lists, I interests of one query.
"""

from itertools import pairwise
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from index.contents import Codes
from index.partition import Nearest as Nearest
from index.partition import Numbers, Partition

Vectors = NDArray[np.float32]
Found = tuple[NDArray[np.float32], Numbers]  # scores and what has them, best first

NOTHING = -1  # faiss's number where fewer were found than asked for
SCANNED_AT_ONCE = 40_000  # vectors: less than half a millisecond
# faiss's type stubs lack much of what follows.
ARRAY = faiss.DirectMap.Array  # type: ignore[attr-defined]
SPARE = 0.1  # of a list: as many items as come beyond those that go, in most lists
PAIR = 32  # bits: faiss packs (list, place) into one number


class Lists:
    """R stored vectors by row number."""

    def __init__(self, partition: Partition) -> None:
        """All empty."""
        count, dim = partition.count, partition.dim
        self.partition = partition
        self._index: Any = faiss.IndexIVFScalarQuantizer(
            faiss.IndexFlatIP(dim), dim, count, faiss.ScalarQuantizer.QT_fp16,
            faiss.METRIC_INNER_PRODUCT, False,  # faiss takes it by place
        )  # fmt: skip
        self._index.is_trained = True
        self._limbo = count
        self._inverted: Any = faiss.ArrayInvertedLists(count + 1, 2 * dim)
        self._index.nlist = count + 1  # as many as there must be; the partition names `count`
        self._index.replace_invlists(self._inverted)
        self._map: Any = self._index.direct_map
        self._map.type = ARRAY
        self._pairs = np.empty(0, dtype=np.int64)  # the map's own memory: (list, place) by row
        self._made: dict[int, Any] = {}  # search parameters by probes

    @classmethod
    def exact(cls, dim: int) -> "Lists":
        """One list: every search scans everything."""
        return cls(Partition.whole(dim))

    @classmethod
    def filled(
        cls, partition: Partition, lists: NDArray[np.int32], rows: Numbers, codes: Codes
    ) -> "Lists":
        """R rows at once, where `lists` [R] says: with SPARE room, 2.35 bytes a dimension.

        A full list doubles its memory as soon as one item more comes.
        """
        made = cls(partition)
        order = np.argsort(lists, kind="stable")
        bounds = np.searchsorted(lists[order], np.arange(partition.count + 1)).tolist()
        made._make_room(int(rows.max(initial=-1)) + 1)
        for number, (start, end) in enumerate(pairwise(bounds)):
            if start < end:
                mine = order[start:end]
                made._reserve(number, len(mine))
                made._append(rows[mine], codes[mine], number)
        return made

    def __len__(self) -> int:
        return int(self._index.ntotal)

    @property
    def dim(self) -> int:
        """D."""
        return self.partition.dim

    @property
    def count(self) -> int:
        """C."""
        return self.partition.count

    @property
    def sizes(self) -> Numbers:
        """[C] how many vectors lie in each list."""
        sizes = (self.size(number) for number in range(self.count))
        return np.fromiter(sizes, dtype=np.int64, count=self.count)

    def assign(self, vectors: Vectors) -> Numbers:
        """The list of each of R vectors. Reads the partition alone: safe beside anything."""
        return self.partition.assign(vectors)

    def put(self, rows: Numbers, vectors: Vectors, lists: Numbers) -> None:
        """Store R distinct rows, new or not, in the lists that `assign` gave."""
        self._make_room(int(rows.max(initial=-1)) + 1)
        codes = vectors.astype(np.float16)
        new = rows[self._pairs[rows] == NOTHING]
        self._append(new, codes[: len(new)], self._limbo)  # any code: it is replaced
        self._move(rows, codes, lists)

    def remove(self, rows: Numbers) -> None:
        """Drop those of R distinct rows that are here."""
        rows = rows[rows < len(self._pairs)]
        here = rows[self._pairs[rows] != NOTHING]
        codes = np.empty((len(here), self.dim), dtype=np.float16)  # of no meaning
        self._move(here, codes, np.full(len(here), self._limbo, dtype=np.int64))
        self._inverted.resize(self._limbo, 0)
        self._pairs[here] = NOTHING
        self._index.ntotal -= len(here)

    def _make_room(self, rows: int) -> None:
        """Extend the map to as many rows; its memory doubles when it is full."""
        held = len(self._pairs)
        if rows > held:
            self._map.array.resize(rows)
            self._pairs = faiss.rev_swig_ptr(self._map.array.data(), rows)
            self._pairs[held:] = NOTHING

    def _reserve(self, number: int, size: int) -> None:
        """Make room for `size` items and some more in an empty list: faiss keeps what it took."""
        self._inverted.resize(number, size + int(SPARE * size))
        self._inverted.resize(number, 0)

    def _append(self, rows: Numbers, codes: Codes, number: int) -> None:
        """Store R rows that are not here at the end of one list."""
        start = self.size(number)
        self._inverted.add_entries(
            number, len(rows), faiss.swig_ptr(rows), faiss.swig_ptr(codes.view(np.uint8))
        )
        self._pairs[rows] = (number << PAIR) + np.arange(start, start + len(rows))
        self._index.ntotal += len(rows)

    def _move(self, rows: Numbers, codes: Codes, lists: Numbers) -> None:
        """Take R rows that are here out of their lists, and put codes under them at others' end."""
        self._map.update_codes(
            self._inverted, len(rows), faiss.swig_ptr(rows), faiss.swig_ptr(lists),
            faiss.swig_ptr(codes.view(np.uint8)),
        )  # fmt: skip

    def search(self, query: Vectors, fetch: int, probes: int, mask: "Mask | None" = None) -> Found:
        """Scores and rows [I, fetch] for each vector of a query [I, D], of marked rows alone.

        Best first, then NOTHING where the `probes` nearest lists hold no more.
        """
        return self.search_in(self.nearest(query, probes), query, fetch, mask)

    def nearest(self, query: Vectors, probes: int) -> Nearest:
        """The `probes` lists that promise most to each vector of a query [I, D], in order."""
        return self.partition.nearest(query, probes)

    def search_in(
        self, nearest: Nearest, query: Vectors, fetch: int, mask: "Mask | None" = None
    ) -> Found:
        """The same as `search`, in lists that `nearest` gave."""
        nearness, numbers = nearest
        count, probes = numbers.shape
        scores = np.empty((count, fetch), dtype=np.float32)
        rows = np.empty((count, fetch), dtype=np.int64)
        self._index.search_preassigned_c(
            count, faiss.swig_ptr(query), fetch, faiss.swig_ptr(numbers), faiss.swig_ptr(nearness),
            faiss.swig_ptr(scores), faiss.swig_ptr(rows),
            False,  # rows, not pairs
            self._parameters(probes) if mask is None else _parameters(probes, mask.selector),
        )  # fmt: skip
        return scores, rows

    def late(self, rows: Numbers, nearest: Nearest) -> float:
        """Share of R rows found in these lists that lie in the last quarter of them."""
        _, numbers = nearest
        near = np.zeros(self.count, dtype=bool)
        near[numbers[:, : early(numbers.shape[1])]] = True
        return 1 - np.count_nonzero(near[self.homes(rows)]) / max(1, len(rows))

    def homes(self, rows: Numbers) -> Numbers:
        """The list that each of some rows lies in; of NOTHING, any number."""
        return self._pairs[rows] >> PAIR

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
        _, order = self.nearest(query[None], self.count)
        places = np.empty(self.count, dtype=np.int64)
        places[order[0]] = np.arange(self.count)
        return places

    def vectors(self, rows: Numbers) -> Vectors:
        """The vectors [R, D] of rows that are here."""
        if not len(rows):
            return np.empty((0, self.dim), dtype=np.float32)
        found: Vectors = self._index.reconstruct_batch(rows)
        return found

    def size(self, number: int) -> int:
        """How many vectors lie in one list."""
        return int(self._inverted.list_size(number))

    def content(self, number: int, start: int, end: int) -> tuple[Numbers, Codes]:
        """Copies of a list's rows [R] and codes [R, D], from place `start` to `end` at most."""
        size = self.size(number)
        end = min(end, size)
        if start >= end:
            return np.empty(0, dtype=np.int64), np.empty((0, self.dim), dtype=np.float16)
        inverted, width = self._inverted, 2 * self.dim
        rows = faiss.rev_swig_ptr(inverted.get_ids(number), size)[start:end]
        codes = faiss.rev_swig_ptr(inverted.get_codes(number), size * width)
        part = codes[start * width : end * width].copy()
        return rows.copy(), part.view(np.float16).reshape(-1, self.dim)


def early(probes: int) -> int:
    """How many of the lists probed are not among the last quarter."""
    return 1 + 3 * probes // 4


def _parameters(probes: int, selector: Any = None) -> Any:
    return faiss.SearchParametersIVF(nprobe=probes, sel=selector)  # type: ignore[call-arg]


class Mask:
    """Rows as bits, in the form that faiss tests."""

    def __init__(self, marked: NDArray[np.bool_]) -> None:
        self._hold(np.packbits(marked, bitorder="little"))

    def _hold(self, bits: NDArray[np.uint8]) -> None:
        self._bits = bits  # faiss keeps the address alone
        self.selector = faiss.IDSelectorBitmap(len(bits), faiss.swig_ptr(bits))

    def of(self, rows: Numbers) -> NDArray[np.bool_]:
        """[R] whether each is marked."""
        marks: NDArray[np.bool_] = (self._bits[rows >> 3] >> (rows & 7) & 1).astype(bool)
        return marks

    def mark(self, rows: Numbers, marks: NDArray[np.bool_]) -> None:
        """Set the marks of R distinct rows."""
        bits = (1 << (rows & 7)).astype(np.uint8)
        np.bitwise_or.at(self._bits, rows >> 3, bits)
        np.bitwise_xor.at(self._bits, rows[~marks] >> 3, bits[~marks])

    def widen(self, rows: int) -> None:
        """Room for as many rows; those that are new are not marked."""
        more = (rows + 7) // 8 - len(self._bits)
        if more > 0:
            self._hold(np.append(self._bits, np.zeros(more, dtype=np.uint8)))

    def marked(self, end: int) -> NDArray[np.bool_]:
        """The marks of rows 0 to `end`, as a copy."""
        return np.unpackbits(self._bits, count=end, bitorder="little").view(bool)
