"""Several checkpoints side by side: seeds become one row, strangers are refused."""

from pathlib import Path

import pytest

from tests.golden.data import write_data
from tests.trainer.conftest import SMALL
from trainer.comparison import Comparison, compare_checkpoints
from trainer.config import Config
from trainer.errors import CheckpointError, ConfigError
from trainer.evaluation import evaluate
from trainer.train import train

FAST = (*SMALL, "epochs=0.2")


@pytest.fixture(scope="module")
def made(data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Two seeds of one model, another configuration, another model, another split."""
    runs = {
        "seed0": (), "seed1": ("seed=1", "threads=2"), "sharp": ("temperature=0.1",),
        "mean": ("model=youtube",), "elsewhere": ("split_seed=3",), "whole": ("split=none",),
    }  # fmt: skip
    folder = tmp_path_factory.mktemp("runs")
    for name, settings in runs.items():
        config = Config.with_overrides([*FAST, *settings])
        train(data, folder / name, config, progress=False)
    return {name: folder / name for name in runs}


@pytest.fixture(scope="module")
def found(made: dict[str, Path], data: Path) -> Comparison:
    """Four checkpoints of three models."""
    paths = [made[name] for name in ("seed0", "seed1", "sharp", "mean")]
    return compare_checkpoints(paths, data)


def test_seeds_of_one_configuration_are_one_model(found: Comparison) -> None:
    """A second configuration is named after its folder; the untrained ones follow."""
    seeds = {name: len(ranks) for name, ranks in found.ranks.items()}
    models = {"couple": 2, "couple:sharp": 1, "youtube": 1}
    assert seeds == {**models, "tfidf": 1, "popularity": 1, "icf": 1, "chance": 1}
    assert found.given == tuple(models)
    assert found.deviations().keys() == {"couple"}


def test_a_row_is_the_mean_of_its_seeds(
    found: Comparison, made: dict[str, Path], data: Path
) -> None:
    """Of what each gives when it is judged alone."""
    alone = [evaluate(made[name], data)[0]["couple"]["all"] for name in ("seed0", "seed1")]
    ndcg = [metrics["NDCG@10"] for metrics in alone]
    assert found.means()["couple"]["all"]["NDCG@10"] == pytest.approx(sum(ndcg) / 2)
    spread = abs(ndcg[0] - ndcg[1]) / 2**0.5
    assert found.deviations()["couple"]["all"]["NDCG@10"] == pytest.approx(spread)


def test_every_given_model_is_set_against_another(found: Comparison) -> None:
    """In every kind of user, not against itself; the difference is that of the rows."""
    tests = found.against("icf")
    assert tuple(tests) == found.given
    assert found.against("youtube").keys() == {"couple", "couple:sharp"}
    means = found.means()
    for group, metrics in tests["couple"].items():
        gap = means["couple"][group]["HR@10"] - means["icf"][group]["HR@10"]
        assert metrics["HR@10"].difference == pytest.approx(gap)


def test_an_unknown_model_to_beat_is_an_error(found: Comparison) -> None:
    """The message lists those that were judged."""
    with pytest.raises(ConfigError, match="couple, couple:sharp, youtube, tfidf"):
        found.against("oracle")


def test_the_full_pool_is_harder(found: Comparison, made: dict[str, Path], data: Path) -> None:
    """The same cases; chance has more to choose among."""
    full = compare_checkpoints([made["seed0"]], data, full_pool=True)
    assert full.trial.split.fingerprint == found.trial.split.fingerprint
    both = (c.means()["chance"]["all"]["Recall@10"] for c in (full, found))
    assert next(both) < next(both)


def test_what_cannot_be_compared_is_refused(made: dict[str, Path], data: Path) -> None:
    """One seed twice, which would shrink the deviation, and another split."""
    with pytest.raises(CheckpointError, match="one model with one seed"):
        compare_checkpoints([made["seed0"], made["seed0"]], data)
    with pytest.raises(CheckpointError, match="different splits"):
        compare_checkpoints([made["seed0"], made["elsewhere"]], data)


def test_other_data_is_refused(made: dict[str, Path], tmp_path: Path) -> None:
    """What a checkpoint was trained on says what it is judged on."""
    write_data(tmp_path / "other", users=100)
    with pytest.raises(CheckpointError, match="other data"):
        compare_checkpoints([made["seed0"]], tmp_path / "other")


def test_nothing_held_out_is_nothing_judged(made: dict[str, Path], data: Path) -> None:
    """A production model has no figures, and that is no error."""
    nothing = compare_checkpoints([made["whole"]], data)
    assert not nothing.ranks
    assert nothing.means() == {}
