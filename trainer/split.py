"""Which items are cold, and what training and the judged users are left with (paper §4.1.2).

A cold item is one that training never sees. A judged user is one whose last item of the target
domain is cold: it is the truth to find, and the history ends before it. From a random half of the
judged users every target item is taken, here and in training: they are the cold users, together
with those who had none.
"""

import hashlib
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from trainer.config import Config
from trainer.data import Dataset
from trainer.errors import DataError
from trainer.sequences import Flags, Numbers, Sequences, digits

MIN_HISTORY = 2
COLD_SHARE = 0.15
VALIDATION_SHARE = 0.10


@dataclass(frozen=True)
class Case:
    """One judged user."""

    user: int
    history: Numbers  # oldest first, no cold item in it
    positive: int  # a cold item of the target domain
    cold: bool  # no target item in the history


@dataclass(frozen=True)
class Split:
    """Training sequences, the cold pool and the judged users."""

    train: Sequences  # row u is still user u; a row may be empty
    whole: Sequences  # before anything was held out
    pool: Numbers  # the cold items, ascending
    cases: tuple[Case, ...]

    @property
    def fingerprint(self) -> str:
        """Of what training sees and what is judged."""
        found = hashlib.sha256()
        for numbers in (self.train.items, self.train.starts):
            for digit in digits(numbers):
                found.update(digit)
        for case in self.cases:
            row = np.array([case.user, case.positive, *case.history], dtype=np.int64)
            found.update(row.tobytes())
        return found.hexdigest()


def split(dataset: Dataset, config: Config) -> Split:
    """Hold out what the configuration says; the same answer for the same data and seed.

    With `validation`, users and items are held out of the training data a second time, in the same
    way, so that a choice never sees the test. What `source_share` leaves out is missing from the
    training sequences alone: who is judged, and on which history, stays the same.

    Raises:
        DataError: nobody is left to judge or nothing to learn from.
    """
    kind = dataset.description.split if config.split == "auto" else config.split
    found = hold_out(dataset.sequences, dataset.is_target, kind, config.split_seed)
    if config.validation:
        seed = config.split_seed + 1
        found = hold_out(found.train, dataset.is_target, kind, seed, VALIDATION_SHARE)
    found = thin(found, dataset.is_target, config.source_share, config.split_seed)
    if not len(found.train.items):
        raise DataError("the split leaves nothing to learn from: use --split none or more data")
    if kind != "none" and not found.cases:
        raise DataError("the split leaves no user to judge: use --split none or more data")
    return found


def hold_out(
    whole: Sequences,
    is_target: Flags,
    kind: Literal["paper", "cold", "none"],
    seed: int,
    share: float = COLD_SHARE,
) -> Split:
    """Choose the cold items, then cut every user's sequence. `is_target` is [V]."""
    rng = np.random.default_rng(seed)
    last = _last_targets(whole, is_target)
    users = np.flatnonzero(last >= 0)
    is_cold = np.zeros(len(is_target), dtype=np.bool_)
    is_cold[_cold_items(whole, is_target, last[users], kind, share, rng)] = True
    judged = users[is_cold[whole.items[last[users]]]]
    stripped = set(rng.permutation(judged)[: len(judged) // 2].tolist())
    stays = ~whole.of_items(is_cold)
    cases = []
    for user in judged.tolist():
        start, truth, end = whole.starts[user], last[user], whole.starts[user + 1]
        before = whole.items[start:truth].astype(np.int64)
        kept = stays[start:truth] & ~(is_target[before] & (user in stripped))
        if kept.sum() >= MIN_HISTORY:
            stays[start:truth], stays[truth:end] = kept, False
            cold = not is_target[before[kept]].any()
            cases.append(Case(user, before[kept], int(whole.items[truth]), cold))
    return Split(whole.where(stays), whole, np.flatnonzero(is_cold), tuple(cases))


def thin(held: Split, is_target: Flags, share: float, seed: int) -> Split:
    """Leave a share of training's source events (§4.5); a smaller share is part of a larger one.

    `is_target` is [V]; histories of judged users stay whole.
    """
    if share == 1:
        return held
    luck = np.random.default_rng([seed, 3]).random(len(held.train.items))
    stays = held.train.of_items(is_target) | (luck < share)
    return replace(held, train=held.train.where(stays))


def _last_targets(whole: Sequences, is_target: Flags) -> Numbers:
    """Which event is every user's last with a target item, -1 for none: [U]."""
    targets = np.append(np.flatnonzero(whole.of_items(is_target)), -1)  # place -1 for none
    last: Numbers = targets[np.searchsorted(targets[:-1], whole.starts[1:]) - 1]
    return np.where(last >= whole.starts[:-1], last, -1)


def _cold_items(
    whole: Sequences,
    is_target: Flags,
    last: Numbers,
    kind: Literal["paper", "cold", "none"],
    share: float,
    rng: np.random.Generator,
) -> Numbers:
    if kind == "none":
        return np.zeros(0, dtype=np.int64)
    if kind == "paper":
        return np.unique(whole.items[last]).astype(np.int64)
    met = whole.met()
    met = met[is_target[met]]
    return rng.choice(met, size=min(len(met), max(1, round(share * len(met)))), replace=False)
