"""Any scorer is judged on the same cases; the towers are fed what the service would feed them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from bundle import Vocabulary
from trainer.checkpoint import open_checkpoint
from trainer.config import Config
from trainer.data import Numbers, Sequences, read
from trainer.errors import CheckpointError
from trainer.evaluation import Trial, chance, couple_scorer, evaluate, judge, trial
from trainer.metrics import Scores
from trainer.ppmi import mixed_vectors, tag_vectors
from trainer.tfidf import TfIdf


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


def test_couple_scores_are_cosines(checkpoint: Path, held: Trial) -> None:
    """Also for a history of unknown tags only."""
    found = open_checkpoint(checkpoint)
    scorer = couple_scorer(found.network, found.vocabulary, held.dataset, found.config)
    scores = scorer([held.split.cases[0].history, np.zeros(0, np.int64)], held.split.pool)
    assert scores.shape == (2, len(held.split.pool))
    assert np.abs(scores).max() <= 1 + 1e-5


def test_other_data_cannot_be_judged(checkpoint: Path, tmp_path: Path) -> None:
    """Its items would be scored by tags it never saw."""
    from tests.golden.make import write_data

    write_data(tmp_path / "other", users=100)
    with pytest.raises(CheckpointError, match="other data"):
        evaluate(checkpoint, tmp_path / "other")


def test_tfidf_prefers_the_rare_tag_that_is_shared() -> None:
    """And scores an item without tags zero."""
    items = Vocabulary(["common", "rare"])
    model = TfIdf([items.ids(t) for t in (["common", "rare"], ["common"], ["rare"], ["common"])])
    scores = model([np.array([0]), np.zeros(0, np.int64)], np.array([1, 2]))
    assert 0 < scores[0, 0] < scores[0, 1] <= 1
    assert not scores[1].any()


def test_tags_of_one_taste_start_close_together() -> None:
    """PPMI vectors: tags that follow each other agree, others do not; padding is zero."""
    rng = np.random.default_rng(0)
    rows = [rng.integers(0, 4, 6) + 4 * (u % 2) for u in range(200)]
    vectors = tag_vectors(Sequences.of(rows), [[i + 1] for i in range(8)], 8, 4)
    unit = vectors[1:] / np.linalg.norm(vectors[1:], axis=1, keepdims=True)
    agree = unit @ unit.T
    assert agree[:4, :4].min() > agree[:4, 4:].max() + 0.5
    assert not vectors[0].any()
    assert (vectors**2).sum() == pytest.approx(8, rel=1e-3)


def test_mixed_vectors_keep_what_ppmi_blurs() -> None:
    """Two tags of one taste stay apart where no item has both."""
    rng = np.random.default_rng(0)
    rows = Sequences.of([rng.integers(0, 4, 6) + 4 * (u % 2) for u in range(200)])
    tags = [[i + 1] for i in range(8)]
    plain, mixed = tag_vectors(rows, tags, 8, 4), mixed_vectors(rows, tags, 8, 12, lsa=1.0)
    assert mixed.shape == (9, 12)
    cosines = [
        float(v[1] @ v[2] / np.linalg.norm(v[1]) / np.linalg.norm(v[2])) for v in (plain, mixed)
    ]
    assert cosines[1] < cosines[0] - 0.2
    assert not mixed[0].any()


def test_nothing_seen_together_gives_zeros() -> None:
    """Rather than an error of the decomposition."""
    assert not tag_vectors(Sequences.of([[0], []]), [[], []], 3, 2).any()
