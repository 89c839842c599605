"""Which row each id has, in many small dictionaries.

A dictionary that is full copies itself, which at a million ids stops everything for a tenth of a
second; a part of it takes a millisecond or two.
"""

from collections.abc import Iterable, Sequence
from itertools import chain

PARTS = 64  # a power of two
_LAST = PARTS - 1


class Numbering:
    """Row numbers by id."""

    def __init__(self, ids: Sequence[str] = ()) -> None:
        """Distinct ids as rows 0, 1, …"""
        self._parts: list[dict[str, int]] = [{} for _ in range(PARTS)]
        for row, item_id in enumerate(ids):
            self._parts[hash(item_id) & _LAST][item_id] = row
        self._count = len(ids)

    def __len__(self) -> int:
        return self._count

    def __contains__(self, item_id: str) -> bool:
        return item_id in self._parts[hash(item_id) & _LAST]

    def __iter__(self) -> "chain[str]":
        return chain.from_iterable(self._parts)

    def get(self, item_id: str) -> int | None:
        """The row of an id, if it has one."""
        return self._parts[hash(item_id) & _LAST].get(item_id)

    def find(self, ids: Iterable[str]) -> list[int | None]:
        """The row of each id, in order; None where it has none."""
        parts = self._parts
        return [parts[hash(item_id) & _LAST].get(item_id) for item_id in ids]

    def add(self, item_id: str, row: int) -> None:
        """Number an id that has no row."""
        self._parts[hash(item_id) & _LAST][item_id] = row
        self._count += 1

    def remove(self, item_id: str) -> None:
        """Forget an id that has a row."""
        del self._parts[hash(item_id) & _LAST][item_id]
        self._count -= 1
