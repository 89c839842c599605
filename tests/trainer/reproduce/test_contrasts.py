"""Rows are compared user by user, over the seeds that both have."""

import io
from pathlib import Path

import numpy as np
import pytest

from tests.trainer.reproduce.making import BY_NAME, line
from trainer.checkpoint import open_checkpoint
from trainer.data import read
from trainer.evaluation import trial
from trainer.reproduce.contrasts import Standings, contrasts_of
from trainer.reproduce.results import Line
from trainer.reproduce.shares import shares_of
from trainer.sequences import Numbers

USERS = 40
GROUPS = {"all": np.ones(USERS, dtype=np.bool_), "cold": np.arange(USERS) < 10}


def write_alone(runs: Path, key: str, ranks: list[int]) -> None:
    """Ranks of a network without factors, as a finished run leaves them."""
    out = io.BytesIO()
    found: Numbers = np.array(ranks)
    np.savez_compressed(out, allow_pickle=False, sampled=found, full=found)
    (runs / f"{key}.npz").write_bytes(out.getvalue())


def row(name: str, *keys: str) -> Line:
    return line(BY_NAME[name], 0.3).model_copy(update={"keys": keys})


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A hits everybody, b the first half, c everybody in one seed and nobody in the other."""
    write_alone(tmp_path, "a", [0] * USERS)
    write_alone(tmp_path, "b", [0] * 20 + [50] * 20)
    write_alone(tmp_path, "never", [500] * USERS)
    return tmp_path


def test_the_difference_is_the_mean_over_users(runs: Path) -> None:
    """a less b: half of all users; among the cold, who are the first ten, none."""
    mine, theirs = row("table4/alone/couple", "a"), row("table4/alone/dssm", "b")
    standings = Standings(runs, GROUPS)
    found = {(c.group, c.metric): c for c in contrasts_of((mine, True), (theirs, True), standings)}
    everybody = found["all", "HR@10"]
    assert everybody.difference == 0.5
    assert 0.3 < everybody.low < 0.5 < everybody.high < 0.7
    assert everybody.sign == 1
    assert found["cold", "HR@10"].difference == 0
    assert found["all", "Recall@100"].difference == 0
    assert (everybody.row, everybody.against) == (mine.name, theirs.name)


def test_seeds_are_those_that_both_have(runs: Path) -> None:
    """Of two seeds against three the first two; a model without seeds stands against all."""
    standings = Standings(runs, GROUPS)
    two = row("table4/alone/couple", "a", "never")
    three = row("table4/alone/dssm", "a", "never", "never")
    one = row("table4/icf", "a")
    level = contrasts_of((two, True), (three, True), standings)[0]
    assert (level.difference, level.seeds, level.sign) == (0, 2, 0)
    single = contrasts_of((two, True), (one, True), standings)[0]
    assert (single.difference, single.seeds, single.sign) == (-0.5, 2, -1)


def test_a_network_without_factors_stands_alone_as_it_is(checkpoint: Path) -> None:
    """Calibration may find that factors bring nothing; the row is still compared."""
    line_ = row("table4/alone/couple", checkpoint.name)
    standings = Standings(checkpoint.parent, GROUPS)
    (alone,), (whole,) = standings.of(line_, alone=True), standings.of(line_)
    assert alone.sampled.tolist() == whole.sampled.tolist()


def test_shares_are_points_of_either_group(data: Path, checkpoint: Path) -> None:
    """Their value is the metric of the checkpoint itself, inside its interval."""
    found = open_checkpoint(checkpoint)
    metrics = found.metrics["couple"]
    held = trial(read(data), found.config)
    standings = Standings(checkpoint.parent, held.groups)
    points = shares_of(row("figure4/default/0.5", checkpoint.name), standings)
    assert {(p.group, p.metric) for p in points} == {
        (group, metric) for group in ("warm", "cold") for metric in ("HR@10", "NDCG@10")
    }
    for point in points:
        assert point.share == 0.5
        assert point.value == pytest.approx(metrics[point.group][point.metric])
        assert point.low <= point.value <= point.high
