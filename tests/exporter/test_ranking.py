"""A bundle ranks as the trained network does, for every model that has one."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from bundle import Bundle, open_bundle, pad_histories, pad_item_ids, pad_items
from bundle.probe import Vectors
from service.towers import OnnxTowers
from tests.exporter.conftest import Made
from trainer.checkpoint import open_checkpoint
from trainer.data import Dataset, read
from trainer.scorer import TowersScorer
from trainer.sequences import Numbers
from trainer.split import split
from trainer.towers import NETWORKS

CLOSE = 1e-5  # scores nearer than this may change places


def served(bundle: Bundle, dataset: Dataset, histories: Sequence[Numbers]) -> Vectors:
    """Scores of every item for some histories, from tags and ids as a caller would send them."""
    limits, towers = bundle.manifest, OnnxTowers(bundle)
    tags = [bundle.vocabulary.ids(names) for names in dataset.tags]
    known = bundle.item_ids.ids(dataset.item_ids)
    users = towers.user(
        pad_histories([[tags[i] for i in h] for h in histories], limits.max_items, limits.max_tags),
        pad_item_ids([[known[i] for i in h] for h in histories], limits.max_history),
    )
    scores: Vectors = (users @ towers.item(pad_items(tags, limits.max_tags)).T).max(axis=1)
    return scores


@pytest.mark.parametrize("model", NETWORKS)
def test_a_bundle_ranks_as_its_network(
    data: Path, trained: Made, exported: Made, model: str
) -> None:
    """All items for every training user, warm and cold ones, and for nobody in particular."""
    found, bundle = open_checkpoint(trained(model)), open_bundle(exported(model))
    dataset = read(data, found.about.target_domain)
    train = split(dataset, found.config).train
    histories = [np.zeros(0, dtype=np.int64), *(train[user] for user in range(len(train)))]
    scorer = TowersScorer(found.network, found.vocabulary, found.item_ids, dataset)
    expected = scorer(histories, np.arange(len(dataset.item_ids)))
    got = served(bundle, dataset, histories)
    np.testing.assert_allclose(got, expected, atol=CLOSE)
    in_order = np.take_along_axis(expected, np.argsort(-got, axis=1, kind="stable"), axis=1)
    assert np.diff(in_order, axis=1).max() <= CLOSE
    assert expected.std(axis=1).min() > 100 * CLOSE, "else any order would do"


@pytest.mark.parametrize("model", NETWORKS)
def test_the_manifest_says_what_the_model_is(exported: Made, model: str) -> None:
    """Its own name, the length of a joined vector, and how many vectors a user has."""
    bundle = open_bundle(exported(model))
    manifest = bundle.manifest
    assert (manifest.model, manifest.dim) == (model, 16)
    assert manifest.interests == (4 if model == "comirec" else 1)
    assert (manifest.max_history, manifest.catalogue_size) == (50, len(bundle.item_ids))
    assert manifest.parity_error <= CLOSE
