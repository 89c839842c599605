"""The exact index: every search is a brute-force scan, right for as long as a scan is fast enough.

A scan of 100,000 vectors of 64 dimensions takes about a millisecond per interest; far beyond that
an approximate engine belongs behind the same methods.
"""

import threading
from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from index import arguments
from index.arguments import Times, Vectors
from index.attributes import Attributes, Profiles
from index.rows import Columns, RowNumbers, Rows, lengths_of
from index.scan import Query, Scan


class ItemIndex:
    """Item vectors by string id, each with the times between which it is live and attributes.

    Safe to use from any thread. One lock serves searches and changes alike: faiss crashes when they
    overlap (faiss#367), and no reader may see half a change. A call that raises changes nothing.
    Times are seconds since the epoch on the caller's clock; nothing here reads a clock.

    Shapes: n items of a call, B queries, I interests of a query, D dimensions.
    """

    def __init__(self, dim: int) -> None:
        """An empty index of vectors with `dim` = D dimensions; raise WrongShape below 1."""
        arguments.check_dim(dim)
        self.dim = dim
        self._lock = threading.Lock()
        self._rows = Rows(dim)
        self._profiles = Profiles()

    def __len__(self) -> int:
        """How many items are stored, live or not."""
        with self._lock:
            return len(self._rows)

    def __contains__(self, item_id: str) -> bool:
        """Whether an item is stored, live or not."""
        with self._lock:
            return bool(len(self._rows.find([item_id])))

    def ids(self) -> set[str]:
        """Ids of all stored items, live or not."""
        with self._lock:
            return set(self._rows.ids)

    def is_live(self, item_id: str, now: float) -> bool:
        """Whether an item is stored and published_at <= now < expires_at; raise InvalidTime."""
        arguments.check_now(now)
        with self._lock:
            found = self._rows.columns.take(self._rows.find([item_id]))
            return bool(found.live(now).any())

    def upsert(
        self,
        ids: Sequence[str],
        vectors: Vectors,
        *,
        expires_at: Times | None = None,
        published_at: Times | None = None,
        attributes: Sequence[Attributes] | None = None,
    ) -> None:
        """Store items with vectors [n, D]; one that is stored already is replaced in whole.

        `expires_at` and `published_at` hold a time or None for each item, `attributes` a mapping
        of string → string or strings; without them an item is always live and has none.

        Raises:
            WrongShape: the vectors are not [n, D], or another argument has not n entries.
            NotFinite: a vector holds NaN or infinity; the message names its row and id.
            ZeroVector: a vector is zero; the message names its row and id.
            DuplicateId: an id stands twice in this call.
            InvalidTime: a time is NaN.
        """
        checked = arguments.check_vectors(ids, vectors, self.dim)
        published = arguments.check_times(len(ids), published_at, missing=-np.inf)
        expires = arguments.check_times(len(ids), expires_at, missing=np.inf)
        profiles = arguments.check_attributes(len(ids), attributes)
        with self._lock:
            # Acquired before the old ones are released: a profile that stays keeps its number.
            numbers = np.array([self._profiles.acquire(one) for one in profiles], dtype=np.intp)
            self._release(self._rows.find(ids))
            self._rows.put(ids, Columns(checked, lengths_of(checked), published, expires, numbers))

    def remove(self, ids: Collection[str]) -> int:
        """Drop items and return how many were stored; unknown ids are fine."""
        with self._lock:
            rows = self._rows.find(ids)
            self._drop(rows)
            return len(rows)

    def expire(self, now: float) -> list[str]:
        """Drop all items with expires_at <= now and return their ids, sorted; raise InvalidTime."""
        arguments.check_now(now)
        with self._lock:
            rows = np.flatnonzero(self._rows.columns.expires <= now)
            expired = sorted(self._rows.ids[row] for row in rows)
            self._drop(rows)
            return expired

    def search(
        self,
        queries: Vectors,
        k: int,
        *,
        now: float | None = None,
        exclude: Sequence[Collection[str]] = (),
        filters: Attributes | None = None,
    ) -> tuple[list[list[str]], list[list[float]]]:
        """The best k items for each of queries [B, I, D]: ids and scores, one list each per query.

        An item's score is its best inner product over the I interests. Highest first, equal scores
        by id; k items whenever that many are eligible, else all of those. Eligible is what is

        - live at `now` (None: times do not count),
        - not in this query's collection of `exclude`, which holds one per query or is empty,
        - a match for `filters`: for every key, any of the values given.

        Raises:
            WrongShape: the queries are not [B, I, D] with I ≥ 1, or `exclude` is not B collections.
            NotFinite: a query holds NaN or infinity; the message names it.
            InvalidK: k is less than 1.
            InvalidTime: `now` is NaN.
        """
        checked = arguments.check_queries(queries, self.dim)
        excluded = arguments.check_exclude(len(checked), exclude)
        arguments.check_k(k)
        arguments.check_now(now)
        with self._lock:
            eligible = self._eligible(now, filters)
            found = [self._best(*one, k, eligible) for one in zip(checked, excluded, strict=True)]
        return [ids for ids, _ in found], [scores for _, scores in found]

    def _drop(self, rows: RowNumbers) -> None:
        self._release(rows)
        self._rows.drop(rows)

    def _release(self, rows: RowNumbers) -> None:
        for number in self._rows.columns.profiles[rows].tolist():
            self._profiles.release(number)

    def _eligible(self, now: float | None, filters: Attributes | None) -> NDArray[np.bool_]:
        """A mask [n] of the rows that any query of a call may find."""
        columns = self._rows.columns
        mask = np.ones(len(self._rows), dtype=bool) if now is None else columns.live(now)
        if filters:
            mask &= self._profiles.matching(filters)[columns.profiles]
        return mask

    def _best(
        self, query: Query, excluded: Collection[str], k: int, eligible: NDArray[np.bool_]
    ) -> tuple[list[str], list[float]]:
        mask = eligible.copy()
        mask[self._rows.find(excluded)] = False
        rows, scores = Scan(self._rows.columns, mask).best(query, k)
        ids = [self._rows.ids[row] for row in rows]
        ranked = sorted(zip((-scores).tolist(), ids, strict=True))[:k]
        return [id_ for _, id_ in ranked], [-score for score, _ in ranked]
