"""The index kept by Milvus, for a catalogue that no single machine holds.

Nothing imports this file unless Milvus is chosen: it needs the extra `milvus`.
"""

import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from pymilvus import DataType, MilvusClient

from index import arguments, expressions
from index.arguments import Times, Vectors
from index.attributes import Attributes, Wanted, wanted_of
from index.errors import InvalidK, WrongShape
from index.hits import Hits, Ranked, cut, ranked
from index.milvus_calls import asking, parts

DEEPEST = 16_384  # items that Milvus answers one query with, at most
SPARE = 16  # items asked for beyond k, to see where equal scores around the last place end
DEEPER = 8  # times as many, where they were not
BATCH = 1000  # ids of one call to Milvus; whole items fewer where their vectors are long
BYTES = 16 * 2**20  # of vectors in one call: Milvus refuses calls of 64 MB
LONGEST = 65_535  # bytes of a text in Milvus
MOST = 4096  # labels of an item
SECONDS = 30.0  # that a call may take, trying again included, unless somebody is in a hurry


class MilvusIndex:
    """Item vectors by string id in one Milvus collection, with the promises of `ItemIndex`.

    Every call sees all that was written before it, by whichever process: the collection is strongly
    consistent. Calls may come from any thread, and write one at a time; let one process write.
    Scores are computed by Milvus, in float32, from vectors rounded to half floats.

    Where it promises less than `ItemIndex`:

    - recall is what the collection's structure gives. FLAT scans everything and is exact;
    - a query reaches 16,384 items: a larger k is refused where more are eligible, and of more
      items than that with equal scores at the last place it is Milvus that picks;
    - a call that Milvus fails raises EngineFailed and may have changed part of what it was to
      change. To repeat it mends that.

    Shapes: n items of a call, B queries, I interests of a query, D dimensions.
    """

    def __init__(
        self,
        uri: str,
        collection: str,
        dim: int,
        *,
        token: str = "",
        structure: Mapping[str, object] | None = None,
        seconds: float | None = None,
    ) -> None:
        """The collection of that name, made where it does not exist.

        `uri` is a server (http://host:19530) or a path that ends in .db: Milvus Lite, in this
        process. `structure` is Milvus' index of the vectors where the collection is to be made:
        `index_type` and `params`, by default AUTOINDEX. `seconds` is what a call may take.

        Raises:
            WrongShape: `dim` is not 2 to 32,768, or not that of the collection's vectors.
            EngineFailed: Milvus cannot be reached, or refuses.
        """
        arguments.check_dim(dim)
        if not 2 <= dim <= 32_768:
            raise WrongShape(f"Milvus keeps vectors of 2 to 32,768 dimensions, not {dim}")
        self.dim = dim
        self.collection = collection
        self._seconds = seconds or SECONDS
        self._writing = threading.Lock()
        with asking("open the collection"):
            self._client: Any = MilvusClient(uri, token=token, timeout=self._seconds)
            if not self._client.has_collection(collection, timeout=self._seconds):
                self._make(structure or {"index_type": "AUTOINDEX"})
            self._check()

    def _make(self, structure: Mapping[str, object]) -> None:
        schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field("id", DataType.VARCHAR, is_primary=True, max_length=LONGEST)
        schema.add_field("vector", DataType.FLOAT_VECTOR, dim=self.dim)
        schema.add_field("published", DataType.DOUBLE)
        schema.add_field("expires", DataType.DOUBLE)
        texts = {"element_type": DataType.VARCHAR, "max_capacity": MOST, "max_length": LONGEST}
        schema.add_field("attributes", DataType.ARRAY, **texts)
        indexes = MilvusClient.prepare_index_params()
        indexes.add_index("vector", metric_type="IP", **structure)
        # Strong: a search waits for all that was written before it, whoever wrote it.
        self._client.create_collection(
            self.collection, schema=schema, consistency_level="Strong", timeout=self._seconds
        )
        self._client.create_index(self.collection, indexes, sync=False, timeout=self._seconds)

    def _check(self) -> None:
        described = self._client.describe_collection(self.collection, timeout=self._seconds)
        kept = {one["name"]: one["params"].get("dim") for one in described["fields"]}.get("vector")
        if kept != self.dim:
            raise WrongShape(
                f"{self.collection!r} in Milvus keeps vectors of {kept} dimensions, not {self.dim}"
            )
        self._client.load_collection(self.collection, timeout=self._seconds)

    def close(self) -> None:
        """Let go of the connection; the collection stays."""
        self._client.close()

    def drop(self) -> None:
        """Delete the collection with all that it holds; raise EngineFailed."""
        with asking("drop the collection"):
            self._client.drop_collection(self.collection, timeout=self._seconds)

    def __len__(self) -> int:
        """How many items are stored, live or not."""
        with asking("count"):
            # Without a condition, which would have Milvus look at every id.
            stored = int(self._query("", ["count(*)"])[0]["count(*)"])
        return stored - (self.noted() is not None)

    def __contains__(self, item_id: str) -> bool:
        """Whether an item is stored, live or not."""
        with asking("look an id up"):
            return bool(self._query(expressions.among([item_id])))

    def ids(self) -> set[str]:
        """Ids of all stored items, live or not: a walk through the whole collection."""
        with asking("list ids"):
            return set(self._walk(expressions.ITEMS))

    def pages(self) -> Iterator[list[str]]:
        """The same, some at a time; what is written meanwhile may be among them or not."""
        with asking("list ids"):
            yield from parts(self._walk(expressions.ITEMS), BATCH)

    def note(self, text: str) -> None:
        """Keep a text beside the items, in place of the one before; raise EngineFailed.

        Whoever reads it sees all that was written to the collection before it.
        """
        row = {
            "id": expressions.NOTE,
            "vector": [1.0] * self.dim,
            "published": expressions.FURTHEST,
            "expires": expressions.FURTHEST,
            "attributes": [expressions.spelled(text)],
        }
        with asking("keep a note"):
            self._client.upsert(self.collection, [row], timeout=self._seconds)

    def noted(self) -> str | None:
        """The text, None where there is none; raise EngineFailed."""
        with asking("read the note"):
            rows = self._query(f'id == "{expressions.NOTE}"', ["attributes"])
        return expressions.read(rows[0]["attributes"][0]) if rows else None

    def is_live(self, item_id: str, now: float) -> bool:
        """Whether an item is stored and published_at <= now < expires_at; raise InvalidTime."""
        arguments.check_now(now)
        asked = f"{expressions.among([item_id])} and {expressions.live(now)}"
        with asking("look an id up"):
            return bool(self._query(asked))

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

        As `ItemIndex.upsert`, which names the arguments and what is raised; and EngineFailed.
        """
        checked = arguments.check_vectors(ids, vectors, self.dim)
        published = arguments.check_times(len(ids), published_at, missing=-np.inf).tolist()
        expires = arguments.check_times(len(ids), expires_at, missing=np.inf).tolist()
        profiles = arguments.check_attributes(len(ids), attributes)
        rows = (
            {
                "id": expressions.spelled(id_),
                "vector": vector,
                "published": expressions.within(start),
                "expires": expressions.within(end),
                "attributes": expressions.labels(profile),
            }
            for id_, vector, start, end, profile in zip(
                ids, checked, published, expires, profiles, strict=True
            )
        )
        with self._writing, asking("store items"):
            for part in parts(rows, min(BATCH, max(1, BYTES // (4 * self.dim)))):
                self._client.upsert(self.collection, part, timeout=self._seconds)

    def remove(self, ids: Collection[str]) -> int:
        """Drop items and return how many were stored; unknown ids are fine; raise EngineFailed."""
        gone = 0
        with self._writing, asking("remove items"):
            for part in parts(set(ids), BATCH):
                asked = expressions.among(part)
                gone += len(self._query(asked))
                self._client.delete(self.collection, filter=asked, timeout=self._seconds)
        return gone

    def expire(self, now: float) -> set[str]:
        """Drop all items with expires_at <= now and return their ids.

        Raises InvalidTime and EngineFailed.
        """
        arguments.check_now(now)
        asked = expressions.expired(now)
        with self._writing, asking("expire items"):
            gone = set(self._walk(asked))
            for part in parts(gone, BATCH):
                # Once more: another process may have given an item more time since.
                still = f"{expressions.among(part)} and {asked}"
                self._client.delete(self.collection, filter=still, timeout=self._seconds)
        return gone

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

        As `ItemIndex.search`, which names the arguments and what is raised. Each query is a call to
        Milvus, and another one where equal scores reach beyond the items that it answered with.

        Raises:
            InvalidK: also where k is above 16,384 and more items than that are eligible.
            EngineFailed: Milvus cannot be reached, or refuses.
        """
        checked = arguments.check_queries(queries, self.dim)
        excluded = arguments.check_exclude(len(checked), exclude)
        arguments.check_k(k)
        arguments.check_now(now)
        wanted = wanted_of(filters or {})
        with asking("search"):
            every = [
                self._search(query, k, now, barred, wanted)
                for query, barred in zip(checked, excluded, strict=True)
            ]
        return [ids for ids, _ in every], [scores for _, scores in every]

    def _search(
        self, query: Vectors, k: int, now: float | None, barred: Collection[str], wanted: Wanted
    ) -> Ranked:
        if not all(wanted):
            return [], []  # a key of which no value will do
        asked = expressions.eligible(now, barred, wanted)
        interests = np.unique(query, axis=0)
        depth = min(k + SPARE, DEEPEST)
        hits = self._hits(interests, depth, asked)
        while depth < DEEPEST and cut(hits, depth, k):
            depth = min(depth * DEEPER, DEEPEST)
            hits = self._hits(interests, depth, asked)
        if k > DEEPEST and any(len(one) == DEEPEST for one in hits):
            raise InvalidK(f"Milvus finds 16,384 items at most, and more are eligible: not {k}")
        return ranked(hits, k)

    def _hits(self, interests: Vectors, depth: int, asked: str) -> Hits:
        found: Hits = self._client.search(
            self.collection,
            data=list(interests),
            limit=depth,
            filter=asked,
            output_fields=["id"],
            timeout=self._seconds,
        )
        return found

    def _query(self, asked: str, fields: Sequence[str] = ("id",)) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self._client.query(
            self.collection, filter=asked, output_fields=list(fields), timeout=self._seconds
        )
        return rows

    def _walk(self, asked: str) -> Iterator[str]:
        pages = self._client.query_iterator(
            self.collection,
            batch_size=BATCH,
            filter=asked,
            output_fields=["id"],
            timeout=self._seconds,
        )
        while page := pages.next():
            yield from (expressions.read(row["id"]) for row in page)
        pages.close()
