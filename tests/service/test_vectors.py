"""What a model's shelf takes in: what can be recommended, by vectors that are sound."""

from pathlib import Path

import numpy as np
import pytest

from bundle import open_bundle
from bundle.arrays import Ids
from bundle.probe import Vectors
from index import ItemIndex
from service.catalogue import Stored
from service.item import Item
from service.model import Model
from service.vectors import VectorShelf
from tests.service import tiny


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


def item(item_id: str, *tags: str, domain: str = "live") -> Item:
    return Item(item_id, list(tags), domain)


def put(shelf: VectorShelf, *items: Item) -> None:
    shelf.put({one.item_id: Stored(one, 1) for one in items})


def test_it_holds_what_can_be_recommended(model: Model) -> None:
    """Of a target domain, with a known tag; an item that no longer is leaves."""
    shelf = VectorShelf(model)
    put(shelf, item("a", "wok"), item("b", "wok"), item("c", "zither"))
    put(shelf, item("b", "wok", domain="shop"), item("d", "cats"))
    assert shelf.index.ids() == {"a", "d"}
    shelf.put({"a": None, "d": Stored(item("d", "zither"), 1), "e": None})
    assert shelf.index.ids() == set()


def test_a_large_one_has_lists_once_it_is_settled(model: Model) -> None:
    """Until then a search looks at everything."""
    dim = model.manifest.dim
    shelf = VectorShelf(model, ItemIndex(dim, exact_up_to=1000))
    vectors = np.random.default_rng(0).standard_normal((4000, dim)).astype(np.float32)
    shelf.index.upsert([f"v{n}" for n in range(4000)], vectors)
    assert shelf.index.stats().lists == 1
    shelf.settle()
    assert shelf.index.stats().lists > 1


def test_vectors_that_are_not_sound_are_left_out_alone(model: Model) -> None:
    """NaN and zero are not indexed, nor is what they replace; their neighbours are."""
    shelf = VectorShelf(Model(model.manifest, model.vocabulary, Broken(model)))
    put(shelf, item("a", "wok"), item("b", "wok"), item("c", "wok"))
    put(shelf, item("a", "cats"), item("b", "dogs"), item("d", "noodles"))
    assert shelf.index.ids() == {"c", "d"}


def test_an_item_that_the_tower_fails_on_costs_no_other(tmp_path: Path) -> None:
    """Its tag is past the table, which onnxruntime refuses: whatever came with it is there."""
    short = tiny.item_tower(tiny.table()[: len(tiny.TAGS) - 1])
    model = Model.of(open_bundle(tiny.write_bundle(tmp_path, item=short)))
    shelf = VectorShelf(model)
    put(shelf, item("a", "wok"), item("b", "goals"), item("c", "dogs"))
    put(shelf, item("c", "goals"))
    assert shelf.index.ids() == {"a"}
    assert model.failures == {"item": 2}
