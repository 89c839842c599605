"""What Milvus found, as the ranking that an index promises."""

from typing import Any

from index import expressions

Hits = list[list[dict[str, Any]]]  # pymilvus: one list an interest, best first
Ranked = tuple[list[str], list[float]]


def cut(hits: Hits, depth: int, k: int) -> bool:
    """Whether an item that was not among the `depth` best may score as much as the k-th."""
    _, scores = ranked(hits, k)
    return any(len(one) == depth and one[-1]["distance"] >= scores[-1] for one in hits)


def ranked(hits: Hits, k: int) -> Ranked:
    """The k best of all interests' hits, an item by its best score; equal ones by id."""
    best: dict[str, float] = {}
    for hit in (hit for one in hits for hit in one):
        score = hit["distance"]
        best[hit["id"]] = max(score, best.get(hit["id"], score))
    named = ((expressions.read(id_), score) for id_, score in best.items())
    found = sorted(named, key=lambda pair: (-pair[1], pair[0]))[:k]
    return [id_ for id_, _ in found], [score for _, score in found]
