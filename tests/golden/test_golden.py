"""The committed bundle keeps loading, reads as people would, and can be made again."""

from pathlib import Path

import pytest

from bundle import Bundle, open_bundle, pad_histories, pad_items, replay
from service.towers import OnnxTowers
from tests.golden.make import TASTES, make

GOLDEN = Path(__file__).parent / "bundle"


@pytest.fixture(scope="module")
def golden() -> Bundle:
    """As the service opens it."""
    return open_bundle(GOLDEN)


def test_the_golden_bundle_replays(golden: Bundle) -> None:
    """With today's reader and runner, within the contract's tolerance."""
    assert replay(golden.probe, golden.manifest, OnnxTowers(golden)) < 1e-4
    assert sum(path.stat().st_size for path in GOLDEN.iterdir()) < 100_000


def best_taste(bundle: Bundle, taste: str) -> str:
    """Whose videos score highest for a buyer of what only this taste's products are tagged with."""
    towers, ids = OnnxTowers(bundle), bundle.vocabulary.ids
    products = [tag for tag in TASTES[taste][0].split(",") if tag not in TASTES[taste][1]]
    history = pad_histories([[ids([tag]) for tag in products]], 8, 6)
    videos = towers.item(pad_items([ids(names.split(",")) for _, names in TASTES.values()], 6))
    scores = videos @ towers.user(history)[0, 0]
    return list(TASTES)[int(scores.argmax())]


@pytest.mark.parametrize("taste", TASTES)
def test_who_buys_a_taste_is_shown_its_videos(golden: Bundle, taste: str) -> None:
    """Also where products and videos share no tag."""
    assert best_taste(golden, taste) == taste


def test_the_golden_bundle_can_be_made_again(golden: Bundle, tmp_path: Path) -> None:
    """The script, today's trainer and exporter give its tags, its data and what it recommends.

    Not its vectors: the SVD they start from has a free sign for every direction, which rounding
    on another processor, or beside other work, decides otherwise.
    """
    make(tmp_path / "again")
    again = open_bundle(tmp_path / "again")
    assert again.vocabulary.tags == golden.vocabulary.tags
    assert again.manifest.towers == golden.manifest.towers
    assert again.manifest.data_fingerprint == golden.manifest.data_fingerprint
    assert [best_taste(again, taste) for taste in TASTES] == list(TASTES)
