"""Negatives that look like the positive: its neighbours before training, some ranks away.

Items of a batch are mostly of another kind than the positive, and telling them apart teaches
little. The neighbours of all items are found once, V² inner products: for catalogues of some ten
thousand items. Shapes: B batch, V items training sees, R ranks that are drawn from, D dim.
"""

import numpy as np
import torch
from torch import Tensor

from trainer.config import Config
from trainer.sequences import Numbers

STREAM = 4  # of random numbers, apart from those of the batches
CHUNK = 512


class HardNegatives:
    """Draws neighbours of positives, each draw a pure function of (seed, step)."""

    def __init__(self, items: Numbers, vectors_VD: Tensor, config: Config) -> None:
        """Take the numbers of the items [V], ascending, and their vectors of length 1."""
        self._items = torch.from_numpy(items)
        self._seed, self._each = config.seed, config.hard_negatives
        most = min(config.hard_farthest, len(items) - 1)
        # An item is its own nearest, rank 0; where there are too few others, the last is taken.
        nearest = min(config.hard_nearest, most)
        self._ranks_VR = torch.cat(
            [
                (some @ vectors_VD.T).topk(most + 1).indices[:, nearest:]
                for some in torch.split(vectors_VD, CHUNK)
            ]
        )

    def draw(self, positive_B: Tensor, step: int) -> Tensor:
        """Item numbers [B] → those of their hard negatives [B x hard_negatives]."""
        ranks_VR = self._ranks_VR
        rng = np.random.default_rng([self._seed, STREAM, step])
        shape = (len(positive_B), self._each)
        drawn = torch.from_numpy(rng.integers(0, ranks_VR.shape[1], shape))
        row_B = torch.searchsorted(self._items, positive_B)
        return self._items[ranks_VR[row_B].gather(1, drawn)].flatten()
