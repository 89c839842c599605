"""What a rehearsal takes place in: a catalogue, users with a past, and how well each would like it.

A service is told the items and the histories. The tastes it is never told: it sees of them what
users click, as it would in life.

Shapes: U users, V items.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Affinities = NDArray[np.float32]
Numbers = NDArray[np.int64]
Probabilities = NDArray[np.float64]

FLOOR, SLOPE = 0.02, 0.3  # of the chance of a click, over an affinity from 0 to 1
PATIENCE = 0.95  # each place of an answer is clicked so much less than the one before


@dataclass(frozen=True)
class World:
    """Items as POST /items takes them, each user's past as POST /events does."""

    items: Sequence[Mapping[str, Any]]
    users: Sequence[str]
    pasts: Sequence[Sequence[Mapping[str, Any]]]  # of each user, oldest first
    affinities: Affinities  # [U, V], 0 to 1

    def liking(self, user: int, item_ids: Iterable[str]) -> Affinities:
        """How well a user would like these [k]; not at all what is not of this world."""
        numbers = map(self._numbers.get, item_ids)
        own = self.affinities[user]
        return np.array([0 if n is None else own[n] for n in numbers], dtype=np.float32)

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {item["item_id"]: number for number, item in enumerate(self.items)}


def click_chances(affinities: Affinities, lift: float = 0.0) -> Probabilities:
    """Chance that each item of answers [..., k] is clicked; `lift` is relative, and planted.

    Raises:
        ValueError: the lift is so large that a chance would pass 1.
    """
    if (FLOOR + SLOPE) * (1 + lift) > 1:
        raise ValueError("a chance of more than 1")
    places = np.arange(affinities.shape[-1])
    chances: Probabilities = (FLOOR + SLOPE * affinities) * PATIENCE**places * (1 + lift)
    return chances
