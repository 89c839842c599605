"""The trained network in torch: what the towers of its bundle must say, to the fifth decimal.

Shapes: B batch, L items, N tags, M item ids, I interests, D length of a served vector.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch

from bundle import Probe, Towers
from bundle.arrays import Ids
from bundle.probe import Vectors
from trainer.checkpoint import Checkpoint

SIZES = (1, 2, 7, 64)  # B
LENGTHS = ((1, 1), (1, 50), (3, 7), (8, 3), (8, 50), (15, 20))  # L and M, up to the config's
PROBES = 8


class Histories(NamedTuple):
    """What a user tower reads."""

    tags: Ids  # [B, L, N]
    items: Ids | None  # [B, M], where it reads item ids


class Reference:
    """A checkpoint's network, asked at random, and what it answers."""

    def __init__(self, found: Checkpoint) -> None:
        """Take a checkpoint that holds a network."""
        self.found = found
        self.network = found.network
        self._tags, self._items = len(found.vocabulary), len(found.item_ids)

    def probe(self) -> Probe:
        """Histories as long as can be, the first of them empty, and what they give."""
        config = self.found.config
        given = self._draw(PROBES, config.max_items, config.max_history, np.random.default_rng(1))
        items = np.ascontiguousarray(given.tags[:, 0])
        user, item = self._answers(given, items)
        return Probe(
            user_tags=given.tags, user_items=given.items, user=user, item_tags=items, item=item
        )

    def gap(self, towers: Towers) -> float:
        """Largest distance of the towers' numbers over batch sizes and lengths; inf for a shape."""
        worst = 0.0
        for given in self._histories():
            items = np.ascontiguousarray(given.tags[:, 0])
            user, item = self._answers(given, items)
            got = towers.user(given.tags, given.items)
            worst = max(worst, _gap(got, user), _gap(towers.item(items), item))
        return worst

    def _histories(self) -> Iterator[Histories]:
        """An empty history as the service pads it, then many of all shapes."""
        config, rng = self.found.config, np.random.default_rng(0)
        nothing = np.zeros((1, 1), dtype=np.int64) if self._items else None
        yield Histories(np.zeros((1, 1, 1), dtype=np.int64), nothing)
        for B in SIZES:
            for L, M in LENGTHS:
                yield self._draw(B, min(L, config.max_items), min(M, config.max_history), rng)

    def _draw(self, B: int, L: int, M: int, rng: np.random.Generator) -> Histories:
        """Random histories; where B allows, one is empty and one has items but no known tag."""
        N = self.found.config.max_tags
        tags = rng.integers(1, self._tags + 1, size=(B, L, N))
        tags[np.arange(N) >= rng.integers(1, N + 1, size=(B, L, 1))] = 0
        tags[np.arange(L) >= rng.integers(1, L + 1, size=(B, 1))] = 0
        tags[-1, :, 0] = np.maximum(tags[-1, :, 0], 1)  # one is as long as can be
        items = rng.integers(0, self._items + 1, size=(B, M))  # with unknown ones among them
        items[np.arange(M) >= rng.integers(0, M + 1, size=(B, 1))] = 0
        items[-1, -1] = self._items  # so is its list of items, to the last known one
        if B > 1:
            tags[0], items[0] = 0, 0
        if B > 2:
            tags[1] = 0
        return Histories(tags, items if self._items else None)

    def _answers(self, given: Histories, items: Ids) -> tuple[Vectors, Vectors]:
        ids = None if given.items is None else torch.from_numpy(given.items)
        with torch.inference_mode():
            user = self.network.user(torch.from_numpy(given.tags), ids)
            return user.numpy(), self.network.item(torch.from_numpy(items)).numpy()


def _gap(got: Vectors, expected: Vectors) -> float:
    if got.shape != expected.shape:
        return float("inf")
    return float(np.abs(got - expected).max(initial=0.0))
