"""A trained network as a scorer, on exactly the arrays the service would make.

Shapes: B histories, C candidates, V items of the data set.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from bundle import ItemIds, Vocabulary, pad_histories, pad_item_ids, pad_items
from trainer.data import Dataset
from trainer.sequences import Numbers
from trainer.towers import TwoTowers

CHUNK = 512


class TowersScorer:
    """Scores by the best inner product over a user's vectors: an `evaluation.Scorer`."""

    def __init__(
        self, network: TwoTowers, vocabulary: Vocabulary, item_ids: ItemIds, dataset: Dataset
    ) -> None:
        """Take a network ready for inference and what it calls tags and items."""
        self._network, self._config = network, network.config
        self._tags = [vocabulary.ids(tags) for tags in dataset.tags]
        self._numbers = item_ids.ids(dataset.item_ids)

    def __call__(self, histories: Sequence[Numbers], candidates: Numbers) -> NDArray[np.float32]:
        """Score C candidates for B histories of item numbers, oldest first: [B, C]."""
        users, items = self.users(histories), self.items(candidates)
        found = (users @ items.T).amax(1)
        return found.numpy()

    def users(self, histories: Sequence[Numbers]) -> torch.Tensor:
        """User vectors [B, I, D]."""
        config = self._config
        parts = [torch.empty(0, self._network.interests, self._network.dim)]
        for start in range(0, len(histories), CHUNK):
            rows = histories[start : start + CHUNK]
            tags = [[self._tags[i] for i in row] for row in rows]
            ids = [[self._numbers[i] for i in row] for row in rows]
            padded = pad_histories(tags, config.max_items, config.max_tags)
            known = pad_item_ids(ids, config.max_history)
            with torch.inference_mode():
                parts.append(self._network.user(torch.from_numpy(padded), torch.from_numpy(known)))
        return torch.cat(parts)

    def items(self, candidates: Numbers) -> torch.Tensor:
        """Item vectors [C, D]."""
        parts = [torch.empty(0, self._network.dim)]
        for start in range(0, len(candidates), CHUNK):
            rows = [self._tags[i] for i in candidates[start : start + CHUNK]]
            padded = torch.from_numpy(pad_items(rows, self._config.max_tags))
            with torch.inference_mode():
                parts.append(self._network.item(padded))
        return torch.cat(parts)
