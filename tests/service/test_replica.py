"""A replica's own rules, without a store: what is indexed, what a gap is, who is waited for."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from bundle import open_bundle
from bundle.arrays import Ids
from bundle.probe import Vectors
from service.catalogue import Entry
from service.item import Item
from service.model import Model
from service.replica import LogGap, Replica, Shelf
from service.sequence import LogSequence

pytestmark = pytest.mark.anyio

STORE = "0123456789abcdef"


class Broken:
    """Towers that give NaN to cats and nothing at all to dogs."""

    def __init__(self, model: Model) -> None:
        self._towers = model.towers
        self._cats, self._dogs = model.vocabulary.ids(["cats", "dogs"])

    def user(self, tags: Ids, items: Ids | None = None) -> Vectors:
        return self._towers.user(tags, items)

    def item(self, tags: Ids) -> Vectors:
        vectors = self._towers.item(tags)
        vectors[(tags == self._cats).any(axis=1)] = np.nan
        vectors[(tags == self._dogs).any(axis=1)] = 0
        return vectors


@pytest.fixture
def model(bundle_folder: Path) -> Model:
    return Model.of(open_bundle(bundle_folder))


def at(position: int) -> LogSequence:
    return LogSequence(STORE, (position, 0))


def entries(start: int, *items: Item | str) -> Sequence[Entry]:
    """One entry an item; a string is a deletion."""
    return [
        Entry(
            position=(start + n, 0),
            prev=(start + n - 1, 0),
            item_id=item if isinstance(item, str) else item.item_id,
            item=None if isinstance(item, str) else item,
        )
        for n, item in enumerate(items, start=1)
    ]


def item(item_id: str, *tags: str, domain: str = "live") -> Item:
    return Item(item_id, list(tags), domain)


def standing(model: Model, position: int) -> Replica:
    replica = Replica(model, lambda: 0.0)
    replica.take(Shelf(model), at(position))
    return replica


def test_the_last_entry_of_an_item_counts(model: Model) -> None:
    """However often it changes within one batch."""
    replica = standing(model, 0)
    replica.apply(entries(0, item("a", "wok"), item("b", "wok"), "a", item("c", "wok"), "c"))
    assert ["a" in replica, "b" in replica, "c" in replica] == [False, True, False]
    replica.apply(entries(5, item("c", "cats"), item("b", "zither")))
    assert ["b" in replica, "c" in replica] == [False, True]
    assert replica.sequence == at(7)


@pytest.mark.parametrize("start", [0, 4, 6])
def test_a_gap_changes_nothing(model: Model, start: int) -> None:
    """Entries that do not continue at its position, before it or after it."""
    replica = standing(model, 5)
    with pytest.raises(LogGap):
        replica.apply(entries(start, item("a", "wok")))
    assert (len(replica), replica.sequence) == (0, at(5))


def test_before_the_first_synchronisation_everything_is_a_gap(model: Model) -> None:
    replica = Replica(model, lambda: 0.0)
    with pytest.raises(LogGap):
        replica.apply(entries(0, item("a", "wok")))


def test_vectors_that_are_not_sound_are_left_out_alone(model: Model) -> None:
    """NaN and zero are not indexed, nor is what they replace; their neighbours are."""
    broken = Model(model.manifest, model.vocabulary, Broken(model))
    replica = standing(broken, 0)
    replica.apply(entries(0, item("a", "wok"), item("b", "wok"), item("c", "wok")))
    replica.apply(entries(3, item("a", "cats"), item("b", "dogs"), item("d", "noodles")))
    assert [name in replica for name in "abcd"] == [False, False, True, True]


async def test_it_is_waited_for_until_it_has_come_so_far(model: Model) -> None:
    """All who wait are woken, each when its own place is reached; another store never is."""
    replica = standing(model, 0)
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
