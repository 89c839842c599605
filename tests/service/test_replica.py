"""A replica's own rules, without a store: what a gap is, what counts, who is waited for."""

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from service.catalogue import Entry, Stored
from service.item import Item
from service.replica import LogGap, Replica
from service.sequence import LogSequence

pytestmark = pytest.mark.anyio

STORE = "0123456789abcdef"


class Tags:
    """The simplest shelf: item id → tags."""

    def __init__(self) -> None:
        self.tags: dict[str, list[str]] = {}

    def put(self, items: Mapping[str, Stored | None]) -> None:
        for item_id, stored in items.items():
            if stored is None:
                self.tags.pop(item_id, None)
            else:
                self.tags[item_id] = stored.item.tags

    def settle(self) -> None:
        """Nothing to do."""


def at(position: int) -> LogSequence:
    return LogSequence(STORE, (position, 0))


def entries(start: int, *items: Item | str) -> Sequence[Entry]:
    """One entry an item; a string is a deletion."""
    return [
        Entry(
            position=(start + n, 0),
            prev=(start + n - 1, 0),
            item_id=item if isinstance(item, str) else item.item_id,
            stored=None if isinstance(item, str) else Stored(item, 1),
        )
        for n, item in enumerate(items, start=1)
    ]


def item(item_id: str, *tags: str, domain: str = "live") -> Item:
    return Item(item_id, list(tags), domain)


def standing(position: int) -> Replica[Tags]:
    replica = Replica(Tags)
    replica.take(Tags(), at(position))
    return replica


def test_the_last_entry_of_an_item_counts() -> None:
    """However often it changes within one batch."""
    replica = standing(0)
    replica.apply(entries(0, item("a", "wok"), item("b", "wok"), "a", item("c", "wok"), "c"))
    assert replica.shelf.tags == {"b": ["wok"]}
    replica.apply(entries(5, item("c", "cats"), "b"))
    assert replica.shelf.tags == {"c": ["cats"]}
    assert replica.sequence == at(7)


@pytest.mark.parametrize("start", [0, 4, 6])
def test_a_gap_changes_nothing(start: int) -> None:
    """Entries that do not continue at its position, before it or after it."""
    replica = standing(5)
    with pytest.raises(LogGap):
        replica.apply(entries(start, item("a", "wok")))
    assert (replica.shelf.tags, replica.sequence) == ({}, at(5))


def test_before_the_first_synchronisation_everything_is_a_gap() -> None:
    replica = Replica(Tags)
    with pytest.raises(LogGap):
        replica.apply(entries(0, item("a", "wok")))


async def test_it_is_waited_for_until_it_has_come_so_far() -> None:
    """All who wait are woken, each when its own place is reached; another store never is."""
    replica = standing(0)
    waiting = [asyncio.create_task(replica.reach(at(n), 5.0)) for n in (0, 1, 2)]
    other = asyncio.create_task(replica.reach(LogSequence("f" * 16, (0, 0)), 0.05))
    await asyncio.sleep(0)
    for expected, position in (([True, False, False], 0), ([True, True, False], 1)):
        if position:
            replica.apply(entries(position - 1, item("a", "wok")))
        await asyncio.sleep(0.01)
        assert [task.done() for task in waiting] == expected
    replica.apply(entries(1, item("b", "wok")))
    assert await asyncio.gather(*waiting) == [True, True, True]
    assert await other is False
    assert await replica.reach(at(9), 0.01) is False
