"""Training sequences → batches of (history, next item), each a pure function of (seed, step).

Nothing of a random state needs saving: a run that was killed draws the same batches again.
Shapes: B batch, L items of a history, W items of the window, V items.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.config import Config
from trainer.sequences import Flags, Numbers, Sequences

NONE = -1


@dataclass(frozen=True)
class Batch:
    """Item numbers; -1 pads histories on the right, oldest item first."""

    history: Numbers  # [B, L]
    positive: Numbers  # [B]


class Examples:
    """All (history, positive) pairs of the training sequences."""

    def __init__(self, train: Sequences, is_target: Flags, config: Config) -> None:
        """Take the sequences training may see; `is_target` is [V]."""
        self._train, self._is_target, self._config = train, is_target, config
        targets = int(train.of_items(is_target).sum())
        sources, wanted = len(train.items) - targets, round(config.source_ratio * targets)
        # Without a target event (all may be cold) the source is all there is to learn from.
        self._sources = min(sources, wanted) if targets else sources
        self.per_epoch = targets + self._sources
        self.batch_size = min(config.batch, self.per_epoch)
        self.steps_per_epoch = self.per_epoch // self.batch_size
        self.steps = max(1, round(config.epochs * self.steps_per_epoch))
        self._order: tuple[int, NDArray[np.integer]] = (NONE, np.zeros(0, np.int64))

    def batch(self, step: int) -> Batch:
        """The examples of a step, counted from 0."""
        epoch, place = divmod(step, self.steps_per_epoch)
        at = self._epoch(epoch)[place * self.batch_size :][: self.batch_size].astype(np.int64)
        rng = np.random.default_rng([self._config.seed, 1, step])
        before = self._before(at)
        around = self._around(at, rng)
        mixed = np.where(rng.random((len(at), 1)) < self._config.shuffled, around, before)
        mixed[rng.random(len(at)) < self._config.empty] = NONE
        return Batch(mixed, self._at(at))

    def _epoch(self, epoch: int) -> NDArray[np.integer]:
        """All target events and a fresh draw of source events, in random order."""
        if self._order[0] != epoch:
            self._order = (NONE, np.zeros(0, np.int64))  # let go of the last one's first
            rng = np.random.default_rng([self._config.seed, 0, epoch])
            target = self._train.of_items(self._is_target)
            sources = rng.choice(_places(~target), size=self._sources, replace=False)
            order = np.concatenate([_places(target), sources])
            rng.shuffle(order)
            self._order = (epoch, order)
        return self._order[1]

    def _at(self, events: Numbers) -> Numbers:
        """Their items."""
        return self._train.items[events].astype(np.int64)

    def _before(self, at: Numbers) -> Numbers:
        """The L items before each event."""
        starts = self._train.starts[self._train.rows(at)]
        length = np.minimum(at - starts, self._config.max_items)
        place = np.arange(self._config.max_items)
        index = (at - length)[:, None] + place
        real = place < length[:, None]
        return np.where(real, self._at(np.where(real, index, 0)), NONE)

    def _around(self, at: Numbers, rng: np.random.Generator) -> Numbers:
        """One to L of the W items on both sides of each event, in order."""
        half, most = self._config.window // 2, self._config.max_items
        offsets = np.array([o for o in range(-half, half + 1) if o])
        index = at[:, None] + offsets
        row = self._train.rows(at)[:, None]
        inside = (index >= self._train.starts[row]) & (index < self._train.starts[row + 1])
        keys = np.where(inside, rng.random(index.shape), 2.0)
        rank = keys.argsort(axis=1).argsort(axis=1)
        wanted = rng.integers(1, most + 1, size=(len(at), 1))
        chosen = inside & (rank < wanted)
        left = np.argsort(~chosen, axis=1, kind="stable")[:, :most]
        taken = np.take_along_axis(chosen, left, axis=1)
        found = np.take_along_axis(np.where(chosen, index, 0), left, axis=1)
        out = np.full((len(at), most), NONE)
        out[:, : left.shape[1]] = np.where(taken, self._at(found), NONE)
        return out


def _places(flags: Flags) -> NDArray[np.integer]:
    """Where they are set, in no more bytes than it takes: four for up to 4 · 10⁹ events."""
    return np.flatnonzero(flags).astype(np.min_scalar_type(len(flags)))
