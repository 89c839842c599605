"""Any scorer is judged on the same cases; the towers are fed what the service would feed them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from tests.golden.data import write_data
from trainer.checkpoint import open_checkpoint
from trainer.config import Config
from trainer.data import read
from trainer.errors import CheckpointError
from trainer.evaluation import (
    Trial,
    chance,
    evaluate,
    judge,
    metrics_of,
    ranks_of,
    scorer_of,
    trial,
)
from trainer.metrics import Scores, per_user
from trainer.sequences import Numbers


@pytest.fixture(scope="module")
def held(data: Path) -> Trial:
    """What the checkpoint was judged on."""
    return trial(read(data), Config())


def test_a_scorer_that_knows_the_truth_is_perfect(held: Trial) -> None:
    """All metrics are 1, in every group."""
    truth = {case.history.tobytes(): case.positive for case in held.split.cases}

    def oracle(histories: Sequence[Numbers], candidates: Numbers) -> Scores:
        wanted = np.array([truth[h.tobytes()] for h in histories])
        found: Scores = (candidates == wanted[:, None]).astype(np.float32)
        return found

    for group in judge(held, oracle).values():
        assert {v for k, v in group.items() if k != "users"} == {1.0}


def test_chance_finds_one_in_so_many(held: Trial) -> None:
    """HR@10 of chance is ten over the number of candidates."""
    expected = np.mean([10 / (len(n) + 1) for n in held.negatives])
    assert judge(held, chance)["all"]["HR@10"] == pytest.approx(expected, abs=0.12)


def test_the_groups_add_up(held: Trial) -> None:
    """Every judged user is warm or cold."""
    found = judge(held, chance)
    assert found["warm"]["users"] + found["cold"]["users"] == found["all"]["users"]


def test_a_checkpoint_scores_by_cosine(checkpoint: Path, held: Trial) -> None:
    """Also for an empty history."""
    scorer = scorer_of(open_checkpoint(checkpoint), held.dataset)
    scores = scorer([held.split.cases[0].history, np.zeros(0, np.int64)], held.split.pool)
    assert scores.shape == (2, len(held.split.pool))
    assert np.abs(scores).max() <= 1 + 1e-5


def test_other_data_cannot_be_judged(checkpoint: Path, tmp_path: Path) -> None:
    """Its items would be scored by tags it never saw."""
    write_data(tmp_path / "other", users=100)
    with pytest.raises(CheckpointError, match="other data"):
        evaluate(checkpoint, tmp_path / "other")


def test_the_cold_pool_is_the_default(held: Trial) -> None:
    """Nobody chooses among items that training has seen."""
    assert held.pool is held.split.pool
    assert not np.isin(np.concatenate(held.negatives), held.split.train.items).any()


def test_the_full_pool_is_every_target_item_that_somebody_met(data: Path, held: Trial) -> None:
    """The negatives are target items, warm ones too, that the user never met; cases stay."""
    full = trial(read(data), Config(), full_pool=True)
    assert full.split.fingerprint == held.split.fingerprint
    assert set(held.pool.tolist()) < set(full.pool.tolist())
    assert full.dataset.is_target[full.pool].all()
    assert np.isin(np.concatenate(full.negatives), full.split.train.items).any()
    for case, drawn in zip(full.split.cases, full.negatives, strict=True):
        assert len(set(drawn.tolist())) == len(drawn) <= 100
        assert not np.isin(drawn, full.split.whole[case.user]).any()
    assert judge(full, chance)["all"]["Recall@10"] < judge(held, chance)["all"]["Recall@10"]


def test_metrics_are_means_over_the_users_ranks(held: Trial) -> None:
    """So that ranks that were stored give the metrics, and their intervals, again."""
    ranks = ranks_of(held, chance)
    assert ranks.sampled.shape == ranks.full.shape == (len(held.split.cases),)
    found = metrics_of(held, ranks)
    assert found == judge(held, chance)
    cold = per_user(ranks)["NDCG@10"][held.groups["cold"]]
    assert found["cold"]["NDCG@10"] == pytest.approx(cold.mean())


def test_training_is_judged_on_what_the_validation_has_left(data: Path) -> None:
    """A choice made on validation cannot know the items of the test."""
    choosing = trial(read(data), Config(validation=True), full_pool=True)
    test = trial(read(data), Config())
    assert not np.isin(choosing.pool, test.pool).any()
    assert not np.isin(choosing.training_items, choosing.split.pool).any()
