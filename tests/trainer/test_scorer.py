"""A network scores what the service would score: the same arrays, the best of its user vectors."""

from pathlib import Path

import numpy as np
import pytest
import torch

from bundle import ItemIds, Vocabulary
from tests.trainer.conftest import SMALL
from trainer.checkpoint import Checkpoint, open_checkpoint
from trainer.config import Config
from trainer.data import Dataset, read
from trainer.scorer import CHUNK, TowersScorer
from trainer.sequences import Numbers
from trainer.towers import TwoTowers


@pytest.fixture(scope="module")
def dataset(data: Path) -> Dataset:
    return read(data)


@pytest.fixture(scope="module")
def found(checkpoint: Path) -> Checkpoint:
    return open_checkpoint(checkpoint)


@pytest.fixture(scope="module")
def scorer(found: Checkpoint, dataset: Dataset) -> TowersScorer:
    return TowersScorer(found.network, found.vocabulary, found.item_ids, dataset)


def histories(dataset: Dataset) -> list[Numbers]:
    return [dataset.sequences[user] for user in range(40)]


def test_a_score_is_the_inner_product_of_what_is_served(
    scorer: TowersScorer, dataset: Dataset
) -> None:
    """float32 [B, C], and never beyond 1: both vectors have length 1."""
    candidates = np.arange(25)
    users, items = scorer.users(histories(dataset)), scorer.items(candidates)
    scores = scorer(histories(dataset), candidates)
    assert scores.shape == (40, 25)
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores, (users[:, 0] @ items.T).numpy(), atol=1e-6)
    assert np.abs(scores).max() <= 1.00001


def test_of_several_interests_the_best_counts(dataset: Dataset) -> None:
    """The search a service makes: best inner product over I."""
    torch.manual_seed(0)
    config = Config.with_overrides([*SMALL, "model=comirec", "interests=3"])
    vocabulary = Vocabulary(sorted({tag for tags in dataset.tags for tag in tags}))
    network = TwoTowers(len(vocabulary), len(dataset.domains), config).eval()
    scorer = TowersScorer(network, vocabulary, ItemIds(), dataset)
    users, items = scorer.users(histories(dataset)), scorer.items(np.arange(25))
    assert users.shape[1] == 3
    expected = np.einsum("bid,cd->bic", users, items).max(1)
    np.testing.assert_allclose(scorer(histories(dataset), np.arange(25)), expected, atol=1e-6)


def test_a_user_is_what_their_tags_and_item_ids_say(
    scorer: TowersScorer, found: Checkpoint, dataset: Dataset
) -> None:
    """By hand through both inputs of the user tower."""
    history = dataset.sequences[3]
    tags = [found.vocabulary.ids(dataset.tags[i])[: found.config.max_tags] for i in history]
    array = torch.zeros(1, len(tags), found.config.max_tags, dtype=torch.int64)
    for place, row in enumerate(tags):
        array[0, place, : len(row)] = torch.tensor(row)
    ids = found.item_ids.ids(dataset.item_ids[i] for i in history)
    assert any(ids)
    array = array[:, -found.config.max_items :]
    with torch.no_grad():
        expected = found.network.user(array, torch.tensor([ids]))
    torch.testing.assert_close(scorer.users([history]), expected)
    assert not torch.allclose(scorer.users([history]), found.network.user(array))


def test_only_the_newest_items_count(found: Checkpoint, dataset: Dataset) -> None:
    """L of them by their tags, M of them by id; what is older changes nothing."""
    short = found.config.model_copy(update={"max_items": 3, "max_history": 4})
    network = found.network
    network.config = short
    scorer = TowersScorer(network, found.vocabulary, found.item_ids, dataset)
    long = np.unique(np.concatenate(histories(dataset)))[:9]
    torch.testing.assert_close(scorer.users([long]), scorer.users([long[-4:]]))
    assert not torch.allclose(scorer.users([long]), scorer.users([long[-3:]]))


def test_chunks_do_not_show(scorer: TowersScorer, dataset: Dataset) -> None:
    """More histories than fit in one go, of different lengths; and none at all."""
    many = (histories(dataset) * (CHUNK // 40 + 1))[: CHUNK + 3]
    torch.testing.assert_close(scorer.users(many)[CHUNK:], scorer.users(many[CHUNK:]))
    assert scorer.users([]).shape == (0, 1, 16)
    assert scorer.items(np.zeros(0, dtype=np.int64)).shape == (0, 16)


def test_an_item_without_a_known_tag_scores_zero(found: Checkpoint, dataset: Dataset) -> None:
    """And is left out of a history by its tags, though it may be known by id."""
    network, known = found.network, Vocabulary(["nobody's tag"])
    scorer = TowersScorer(network, known, ItemIds(), dataset)
    assert not scorer(histories(dataset), np.arange(9)).any()
    nobody = scorer.users([np.zeros(0, dtype=np.int64)])
    torch.testing.assert_close(scorer.users(histories(dataset)[:1]), nobody)
