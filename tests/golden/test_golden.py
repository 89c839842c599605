"""The committed bundles keep loading, read as people would, and today's can be made again."""

from pathlib import Path

import numpy as np
import pytest

from bundle import Bundle, open_bundle, pad_histories, pad_item_ids, pad_items, replay
from bundle.arrays import Ids
from service.towers import OnnxTowers
from tests.golden.data import ITEMS_PER_TASTE
from tests.golden.make import make
from tests.golden.tastes import TASTES

TAGS_ALONE = Path(__file__).parent / "bundle"  # of the first exporter; never made again
TODAYS = Path(__file__).parent / "bundle_items"
GOLDEN = (TAGS_ALONE, TODAYS)


@pytest.fixture(scope="module")
def todays() -> Bundle:
    """As the service opens it."""
    return open_bundle(TODAYS)


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.name)
def test_a_golden_bundle_replays(path: Path) -> None:
    """With today's reader and runner, within the contract's tolerance."""
    bundle = open_bundle(path)
    assert replay(bundle.probe, bundle.manifest, OnnxTowers(bundle)) < 1e-4
    assert sum(file.stat().st_size for file in path.iterdir()) < 100_000


def best_taste(bundle: Bundle, tags: Ids, items: Ids | None = None) -> str:
    """Whose videos score highest for a history."""
    ids, towers = bundle.vocabulary.ids, OnnxTowers(bundle)
    videos = towers.item(pad_items([ids(names.split(",")) for _, names in TASTES.values()], 6))
    scores = videos @ towers.user(tags, items)[0, 0]
    return list(TASTES)[int(scores.argmax())]


def products(bundle: Bundle, taste: str) -> Ids:
    """The history of who buys what only this taste's products are tagged with."""
    names = [tag for tag in TASTES[taste][0].split(",") if tag not in TASTES[taste][1]]
    return pad_histories([[bundle.vocabulary.ids([tag]) for tag in names]], 8, 6)


@pytest.mark.parametrize("taste", TASTES)
@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.name)
def test_who_buys_a_taste_is_shown_its_videos(path: Path, taste: str) -> None:
    """Also where products and videos share no tag."""
    bundle = open_bundle(path)
    assert best_taste(bundle, products(bundle, taste)) == taste


@pytest.mark.parametrize("taste", TASTES)
def test_products_are_remembered_without_their_tags(todays: Bundle, taste: str) -> None:
    """By their ids alone; an unknown one among them changes nothing."""
    names = [f"product-{taste}-{number:02}" for number in range(0, ITEMS_PER_TASTE, 4)]
    items = pad_item_ids([todays.item_ids.ids([*names[:3], "unknown", *names[3:]])], 50)
    assert items.astype(bool).sum() > 5
    assert best_taste(todays, np.zeros((1, 1, 1), dtype=np.int64), items) == taste


def test_todays_golden_bundle_can_be_made_again(todays: Bundle, tmp_path: Path) -> None:
    """The script, today's trainer and exporter give its tags, its data and what it recommends.

    Not its vectors: the SVD they start from has a free sign for every direction, which rounding
    on another processor, or beside other work, decides otherwise.
    """
    make(tmp_path / "again")
    again = open_bundle(tmp_path / "again")
    assert again.vocabulary.tags == todays.vocabulary.tags
    assert set(again.item_ids.encode().split()) == set(todays.item_ids.encode().split())
    assert again.manifest.towers == todays.manifest.towers
    assert again.manifest.dim == todays.manifest.dim
    assert again.manifest.data_fingerprint == todays.manifest.data_fingerprint
    assert [best_taste(again, products(again, taste)) for taste in TASTES] == list(TASTES)
