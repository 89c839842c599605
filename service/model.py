"""A bundle that answers: towers that replayed their probe, tags in both directions, item ids."""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

import numpy as np

from bundle import (
    Bundle,
    BundleRefused,
    ItemIds,
    Vocabulary,
    normalise,
    pad_histories,
    pad_item_ids,
    pad_items,
    replay,
)
from bundle.manifest import Manifest
from bundle.probe import Towers, Vectors
from service.event import Watched
from service.item import Item
from service.towers import OnnxTowers

TITLE = 300  # characters of a title that are looked into for tags: what follows is a description

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Known:
    """What a model knows of a history, oldest item first; false when that is nothing."""

    tags: list[list[int]]  # tag ids of the newest L items with a known tag
    items: list[int]  # of the newest M items each id, 0 for an unknown one; none where M is 0

    def __bool__(self) -> bool:
        return bool(self.tags) or any(self.items)


class Reading(NamedTuple):
    """What a model makes of an item's tags, each told once, as it was written."""

    known: list[str]
    unknown: list[str]
    stand_ins: list[str]  # known tags in place of new ones; none where a tag is known
    ids: list[int]  # of what the item is recommended by: its known tags, or those that stand in


@dataclass(frozen=True)
class Model:
    """Everything a request needs of a bundle."""

    manifest: Manifest
    vocabulary: Vocabulary
    towers: Towers
    item_ids: ItemIds = field(default_factory=ItemIds)
    graph_bytes: int = 0
    failures: Counter[str] = field(default_factory=Counter, compare=False)  # by tower

    @classmethod
    def of(cls, bundle: Bundle) -> "Model":
        """Load the towers and replay the probe; raise BundleRefused when either fails."""
        towers = OnnxTowers(bundle)
        replay(bundle.probe, bundle.manifest, towers)
        graph_bytes = len(bundle.user_tower) + len(bundle.item_tower)
        return cls(bundle.manifest, bundle.vocabulary, towers, bundle.item_ids, graph_bytes)

    def tags(self, tags: Sequence[str], title: str | None) -> Sequence[str]:
        """The given tags; those found in the title when none are given."""
        return tags if tags or not title else self.vocabulary.find(title[:TITLE])

    def reading(self, item: Item) -> Reading:
        """Everything there is to say of an item's tags; a long title takes a while to look into."""
        tags, known, unknown = self.tags(item.tags, item.title), dict[int, str](), dict[str, str]()
        for tag in tags:
            if number := self.vocabulary.id(tag):
                known.setdefault(number, tag)
            else:
                unknown.setdefault(normalise(tag), tag)
        stand_ins = [] if known else self.vocabulary.stand_ins(tags)
        ids = list(known) or self.vocabulary.ids(stand_ins)
        return Reading(list(known.values()), list(unknown.values()), stand_ins, ids)

    def ids(self, tags: Sequence[str], title: str | None) -> list[int]:
        """Ids of the known tags."""
        return self.vocabulary.ids(self.tags(tags, title))

    def read(self, item: Item) -> list[int]:
        """`Reading.ids` alone, which most need and which takes half the time."""
        tags = self.tags(item.tags, item.title)
        return self.vocabulary.ids(tags) or self.vocabulary.ids(self.vocabulary.stand_ins(tags))

    def retrievable(self, item: Item) -> bool:
        """Whether the model can recommend it: of a target domain, with a tag that it can read."""
        return self.offers(item) and bool(self.read(item))

    def offers(self, item: Item) -> bool:
        """Whether it recommends items of such a domain at all."""
        return item.domain in self.manifest.target_domains

    def embed_items(self, items: Sequence[Sequence[int]]) -> Vectors:
        """Tag ids of B items → [B, D]."""
        return self.towers.item(pad_items(items, self.manifest.max_tags))

    def item_vectors(self, items: Sequence[Sequence[int]]) -> Vectors:
        """The same, NaN for each that the tower fails on, so that it costs the others nothing."""
        try:
            return self.embed_items(items)
        except BundleRefused as error:
            if len(items) > 1:
                return np.concatenate([self.item_vectors([one]) for one in items])
            self._note("item", error)
            return np.full((1, self.manifest.dim), np.nan, dtype=np.float32)

    def known(self, history: Sequence[Watched]) -> Known:
        """A history, oldest item first, as this model's numbers."""
        limits = self.manifest
        newest = history[-limits.max_history :] if limits.max_history else ()
        tags = (ids for item in reversed(history) if (ids := self.ids(item.tags, item.title)))
        return Known(
            tags=list(islice(tags, limits.max_items))[::-1],
            items=self.item_ids.ids([item.item_id for item in newest]),
        )

    def user_vectors(self, known: Sequence[Known]) -> Vectors:
        """`embed_users`, with NaN for each that the tower fails on likewise."""
        try:
            return self.embed_users(known)
        except BundleRefused as error:
            if len(known) > 1:
                return np.concatenate([self.user_vectors([one]) for one in known])
            self._note("user", error)
            shape = 1, self.manifest.interests, self.manifest.dim
            return np.full(shape, np.nan, dtype=np.float32)

    def _note(self, tower: str, error: BundleRefused) -> None:
        self.failures[tower] += 1
        if self.failures[tower] == 1:  # once is enough: `degraded` says when it goes on
            log.error("model %s fails, and goes on without: %s", self.manifest.version, error)

    def embed_users(self, known: Sequence[Known]) -> Vectors:
        """Histories of B users → [B, I, D]; in company a user's vector changes by rounding only."""
        limits = self.manifest
        tags = pad_histories([one.tags for one in known], limits.max_items, limits.max_tags)
        if not limits.max_history:
            return self.towers.user(tags)
        items = pad_item_ids([one.items for one in known], limits.max_history)
        return self.towers.user(tags, items)
