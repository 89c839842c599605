"""Why an item was recommended: which of its tags lie close to which tags of the user's history.

Judged by the item tower on single tags. Where an item has no known tag, those that stand in for its
own are told, and marked: the user's tag is then never the item's. It looks at an answer and never
changes it. What a bundle remembers of an item by its id alone is no tag, and is not told here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bundle.probe import Vectors
from service.event import Watched
from service.item import Item
from service.model import Model, Reading

MOST = 5  # pairs a candidate


@dataclass(frozen=True)
class Carried:
    """The known tags of a history, and the items that carried each."""

    tags: list[int]  # [U] ids
    items: list[list[str]]  # [U] item ids, oldest first


def carried(model: Model, history: Sequence[Watched]) -> Carried:
    """What the user tower saw of a history: its newest items with a known tag."""
    limits = model.manifest
    known = [(item.item_id, model.ids(item.tags, item.title)) for item in history]
    items: dict[int, list[str]] = {}
    for item_id, tags in [pair for pair in known if pair[1]][-limits.max_items :]:
        for tag in tags[: limits.max_tags]:
            items.setdefault(tag, []).extend([item_id] if item_id else [])
    return Carried(list(items), [list(dict.fromkeys(ids)) for ids in items.values()])


def explain(
    model: Model, history: Sequence[Watched], items: Mapping[str, Item]
) -> dict[str, list[dict[str, object]]]:
    """Item id → its tags with the user's tag nearest to each; the same tag first, then by score."""
    user = carried(model, history)
    readings = {item_id: model.reading(item) for item_id, item in items.items()}
    tags = {item_id: found.ids[: model.manifest.max_tags] for item_id, found in readings.items()}
    if not user.tags:
        return {item_id: [] for item_id in tags}
    candidate = sorted({tag for ids in tags.values() for tag in ids})
    pairs = _pairs(model, user, candidate)
    best = {item_id: _best([pairs[tag] for tag in ids]) for item_id, ids in tags.items()}
    return {item_id: _told(readings[item_id], found) for item_id, found in best.items()}


def _told(reading: Reading, pairs: list[dict[str, object]]) -> list[dict[str, object]]:
    """Say of tags that were not given that they only stand in for the item's own."""
    return [{**pair, "stand_in": True} for pair in pairs] if reading.stand_ins else pairs


def _pairs(model: Model, user: Carried, tags: list[int]) -> dict[int, dict[str, object]]:
    """Each tag with the user's tag nearest to it, itself if the user has it."""
    similarity = _vectors(model, tags) @ _vectors(model, user.tags).T  # [tags, U]
    same = np.array(tags)[:, None] == np.array(user.tags)
    nearest = np.where(same, np.inf, similarity).argmax(axis=1)
    names = model.vocabulary.tags
    return {
        tag: {
            "tag": names[tag - 1],
            "via": names[user.tags[near] - 1],
            "similarity": float(similarity[row, near]),
            "history": user.items[near],
        }
        for row, (tag, near) in enumerate(zip(tags, nearest, strict=True))
    }


def _vectors(model: Model, tags: Sequence[int]) -> Vectors:
    return np.nan_to_num(model.item_vectors([[tag] for tag in tags]))  # unlike all, if it fails


def _best(pairs: list[dict[str, object]]) -> list[dict[str, object]]:
    """The same tag first, then the most similar."""

    def rank(pair: dict[str, object]) -> tuple[bool, object]:
        return pair["tag"] == pair["via"], pair["similarity"]

    return sorted(pairs, key=rank, reverse=True)[:MOST]
