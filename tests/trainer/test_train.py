"""Training learns, survives a kill with the same weights, and refuses to mix runs."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from tests.trainer.conftest import SMALL
from tests.trainer.killing import kill_at
from trainer import checkpoint as files
from trainer.baselines import BASELINES
from trainer.checkpoint import open_checkpoint
from trainer.config import Config
from trainer.data import read
from trainer.errors import CheckpointError, DataError, TrainerError
from trainer.evaluation import evaluate, trial
from trainer.learner import Learner, learning_rate, temperature
from trainer.towers import NETWORKS
from trainer.train import fit, train, training_tags


def learner(data: Path, *settings: str) -> Learner:
    config = Config.with_overrides([*SMALL, *settings])
    held = trial(read(data), config)
    return Learner(held.dataset, held.split, training_tags(held, config), config)


@pytest.mark.parametrize("negatives", ["batch", "queue", "reencoded"])
def test_the_loss_falls(data: Path, negatives: str) -> None:
    """With each kind of negatives."""
    found = learner(data, f"negatives={negatives}", "epochs=4", "queue_batches=4")
    losses = [found.step(step) for step in range(found.examples.steps)]
    settled = losses[4:]  # the queue fills during the first steps, which makes them easy
    third = len(settled) // 3
    assert sum(settled[-third:]) < 0.97 * sum(settled[:third])


def test_a_trained_model_beats_chance_and_names_its_groups(checkpoint: Path) -> None:
    """Warm and cold users apart, the baselines in the same run."""
    metrics = json.loads((checkpoint / "metrics.json").read_text())
    assert set(metrics) == {"couple", "tfidf", "chance"}
    assert set(metrics["couple"]) == {"all", "warm", "cold"}
    assert metrics["couple"]["all"]["NDCG@10"] > 1.5 * metrics["chance"]["all"]["NDCG@10"]


def test_evaluate_repeats_what_training_measured(checkpoint: Path, data: Path) -> None:
    """The checkpoint alone gives the same numbers."""
    report, held = evaluate(checkpoint, data)
    assert report == open_checkpoint(checkpoint).metrics
    assert len(held.negatives) == len(held.split.cases)


def test_a_killed_run_ends_with_the_same_weights(
    checkpoint: Path, data: Path, tmp_path: Path
) -> None:
    """SIGKILL in the middle, then the same command again: bit for bit, and no state left."""
    out = tmp_path / "killed"
    kill_at(11, data, out, SMALL)
    with pytest.raises(CheckpointError, match="not finished"):
        open_checkpoint(out)
    train(data, out, Config.with_overrides(SMALL), progress=False)
    assert contents(out) == contents(checkpoint)


@pytest.fixture(scope="module")
def at_the_end(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was killed after its last step; copy it, never write to it."""
    folder = tmp_path_factory.mktemp("at the end") / "run"
    kill_at(learner(data).examples.steps, data, folder, SMALL)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a checkpoint, its speeds left out: they are of a process."""
    found = {path.name: path.read_bytes() for path in folder.iterdir()}
    points = json.loads(found["curve.json"])
    kept = [{name: p[name] for name in p if name != "examples_per_s"} for p in points]
    return {**found, "curve.json": json.dumps(kept).encode()}


@pytest.mark.parametrize("model", NETWORKS)
def test_a_state_carries_queue_and_moments(data: Path, model: str) -> None:
    """A second learner that takes over mid-way makes the very same steps."""
    settings = ("negatives=queue", "queue_batches=2", f"model={model}")
    first, second = learner(data, *settings), learner(data, *settings)
    for step in range(5):
        first.step(step)
    state = {name: tensor.clone() for name, tensor in first.state(5).items()}
    assert second.load(state) == 5
    assert [first.step(s) for s in (5, 6)] == [second.step(s) for s in (5, 6)]
    for name, tensor in second.state(7).items():
        assert torch.equal(tensor, first.state(7)[name]), name


def test_a_finished_checkpoint_is_returned_as_it_is(checkpoint: Path, data: Path) -> None:
    """The same command twice trains once."""
    before = (checkpoint / "weights.safetensors").stat().st_mtime_ns
    train(data, checkpoint, Config.with_overrides(SMALL), progress=False)
    assert (checkpoint / "weights.safetensors").stat().st_mtime_ns == before


def test_another_configuration_is_refused_and_restart_begins_anew(
    data: Path, tmp_path: Path
) -> None:
    """The message names the setting that differs."""
    out = tmp_path / "run"
    train(data, out, Config.with_overrides([*SMALL, "epochs=0.2"]), progress=False)
    other = Config.with_overrides([*SMALL, "epochs=0.2", "lr=0.01"])
    with pytest.raises(CheckpointError, match=r"lr=0\.004, not 0\.01: use --restart"):
        train(data, out, other, progress=False)
    train(data, out, other, progress=False, restart=True)
    assert open_checkpoint(out).config.lr == 0.01


def test_other_data_is_refused(checkpoint: Path, data: Path) -> None:
    """A checkpoint belongs to the data it was started on."""
    config = Config.with_overrides([*SMALL, "target_domain=product"])
    with pytest.raises(CheckpointError, match="target_domain"):
        train(data, checkpoint, config, progress=False)


def test_a_folder_of_something_else_is_refused(data: Path, config: Config, tmp_path: Path) -> None:
    """Nothing of another's is overwritten."""
    (tmp_path / "precious").write_text("mine")
    with pytest.raises(CheckpointError, match="not a checkpoint"):
        train(data, tmp_path, config, progress=False, restart=True)
    assert (tmp_path / "precious").read_text() == "mine"


@pytest.mark.parametrize("model", NETWORKS)
def test_every_network_learns(data: Path, tmp_path: Path, model: str) -> None:
    """Through the same door: it beats chance, and what is saved scores as what was trained."""
    settings = [*SMALL, "epochs=3", "lr=0.01", "save_every_s=99", f"model={model}"]
    report = train(data, tmp_path, Config.with_overrides(settings), progress=False)
    assert set(report) == {model, "tfidf", "chance"}
    assert report[model]["all"]["NDCG@10"] > 1.5 * report["chance"]["all"]["NDCG@10"]
    assert evaluate(tmp_path, data)[0] == report
    network = open_checkpoint(tmp_path).network
    assert network.interests == (4 if model == "comirec" else 1)
    assert network.dim == 16


@pytest.mark.parametrize("model", BASELINES)
def test_every_model_without_a_network_learns(data: Path, tmp_path: Path, model: str) -> None:
    """The same door, the same files; popularity alone cannot know a cold item from another."""
    report = train(
        data, tmp_path, Config.with_overrides([*SMALL, f"model={model}"]), progress=False
    )
    assert evaluate(tmp_path, data)[0] == report
    better = report[model]["all"]["NDCG@10"] / report["chance"]["all"]["NDCG@10"]
    assert better > 0.5 if model == "popularity" else better > 1.5
    assert set(files.read_ranks(tmp_path)) == {"sampled", "full"}
    with pytest.raises(CheckpointError, match="is no network"):
        _ = open_checkpoint(tmp_path).network
    assert train(data, tmp_path, open_checkpoint(tmp_path).config, progress=False) == report


def test_factors_are_more_than_the_network(data: Path, tmp_path: Path) -> None:
    """They are fitted to a trained network and leave it as it is."""
    without = Config.with_overrides([*SMALL, "factors=0"])
    train(data, tmp_path / "without", without, progress=False)
    train(data, tmp_path / "with", Config.with_overrides(SMALL), progress=False)
    alone, both = (open_checkpoint(tmp_path / name) for name in ("without", "with"))
    assert alone.network.dim == 8
    assert (tmp_path / "without" / "items.txt").read_bytes() == b""
    for name, tensor in alone.tensors.items():
        assert torch.equal(both.tensors[name], tensor), name
    more = {name for name in both.tensors if name not in alone.tensors}
    assert more == {f"factors.{name}" for name in ("anchors", "carried", "chosen", "loud")}
    assert both.tensors["factors.loud"] > 0


def test_known_items_are_those_of_training(data: Path, checkpoint: Path) -> None:
    """No cold item is among them: it does not exist yet."""
    held, found = trial(read(data), Config()), open_checkpoint(checkpoint)
    cold = [held.dataset.item_ids[item] for item in held.split.pool]
    assert not any(found.item_ids.ids(cold))
    seen = [held.dataset.item_ids[item] for item in held.training_items]
    assert all(found.item_ids.ids(seen))


def test_only_so_many_items_are_known(data: Path, tmp_path: Path) -> None:
    """The most frequent: a bound on the item tower."""
    config = Config.with_overrides([*SMALL, "epochs=0.2", "max_known=30"])
    train(data, tmp_path, config, progress=False)
    found, held = open_checkpoint(tmp_path), trial(read(data), config)
    counts = held.split.train.counts(len(held.dataset.item_ids))
    known = np.array(found.item_ids.ids(held.dataset.item_ids)) > 0
    assert known.sum() == 30
    assert counts[known].min() >= counts[~known].max()


def test_split_none_trains_on_everything(data: Path, tmp_path: Path) -> None:
    """Production holds nothing out and measures nothing; its factors know every item met."""
    config = Config.with_overrides([*SMALL, "epochs=0.2", "split=none"])
    assert train(data, tmp_path / "run", config, progress=False) == {}
    found, dataset = open_checkpoint(tmp_path / "run"), read(data)
    met = [dataset.item_ids[item] for item in np.unique(dataset.sequences.items)]
    assert all(found.item_ids.ids(met))
    assert len(found.item_ids) == len(met)
    assert files.read_ranks(tmp_path / "run") == {}


def test_split_none_can_stop_early(data: Path, tmp_path: Path) -> None:
    """Nothing is held out for a test, but some users for a validation."""
    settings = [*SMALL, "epochs=2", "split=none", "patience=1"]
    assert train(data, tmp_path, Config.with_overrides(settings), progress=False) == {}
    points = json.loads((tmp_path / "curve.json").read_text())
    assert sum("validation" in point for point in points) == 2


def test_a_validation_is_judged_in_place_of_the_test(data: Path, tmp_path: Path) -> None:
    """`validation=true`: other users and items, cut out of the training data."""
    config = Config.with_overrides([*SMALL, "epochs=0.2", "validation=true"])
    report = train(data, tmp_path, config, progress=False)
    test, choice = trial(read(data), Config.with_overrides(SMALL)), trial(read(data), config)
    assert report["couple"]["all"]["users"] == len(choice.split.cases)
    assert not np.isin(choice.split.pool, test.split.pool).any()
    known = open_checkpoint(tmp_path).item_ids
    assert not any(known.ids(test.dataset.item_ids[item] for item in test.split.pool))


def test_tensorboard_logs_are_written_where_they_are_wanted(data: Path, tmp_path: Path) -> None:
    """And not into the checkpoint."""
    config = Config.with_overrides([*SMALL, "epochs=0.2"])
    train(data, tmp_path / "run", config, progress=False, logs=tmp_path / "logs")
    assert [path.name.split(".")[2] for path in (tmp_path / "logs").iterdir()] == ["tfevents"]
    open_checkpoint(tmp_path / "run")


def made(folder: Path, rows: Sequence[Sequence[str]], tags: dict[str, list[str]]) -> Path:
    """A prepared folder of one domain: each user's item ids in order, and the items' tags."""
    folder.mkdir()
    items = [(item, "video", tags[item]) for item in sorted(tags)]
    schema = ["item_id", "domain", "tags"]
    pl.DataFrame(items, schema=schema, orient="row").write_parquet(folder / "items.parquet")
    seen = [(f"u{u}", i, "video", t) for u, row in enumerate(rows) for t, i in enumerate(row)]
    schema = ["user_id", "item_id", "domain", "timestamp"]
    table = pl.DataFrame(seen, schema=schema, orient="row")
    table.write_parquet(folder / "interactions.parquet")
    (folder / "dataset.json").write_text('{"name": "made", "target_domain": "video"}')
    return folder


def test_a_data_set_without_a_source_domain(data: Path, tmp_path: Path) -> None:
    """One domain is enough: videos alone."""
    whole = read(data)
    ids, target = whole.item_ids, whole.is_target
    rows = [
        [ids[item] for item in whole.sequences[user] if target[item]]
        for user in range(len(whole.sequences))
    ]
    tags = {ids[item]: list(whole.tags[item]) for item in np.flatnonzero(target)}
    folder = made(tmp_path / "data", rows, tags)
    config = Config.with_overrides([*SMALL, "epochs=3"])
    report = train(folder, tmp_path / "run", config, progress=False)
    assert open_checkpoint(tmp_path / "run").about.domains == ("video",)
    assert report["couple"]["all"]["NDCG@10"] > report["chance"]["all"]["NDCG@10"]
    assert evaluate(tmp_path / "run", folder)[0] == report


@pytest.mark.parametrize("model", NETWORKS)
@pytest.mark.parametrize(
    "rows",
    [["abc", "ab", "bc", "ca"], ["ab", "ba", "a", "b"], ["a", "b", "c"], ["aa", "a"]],
    ids=["three", "two", "one each", "one"],
)
def test_a_tiny_data_set_trains(tmp_path: Path, model: str, rows: list[str]) -> None:
    """Three items, or two, or one; nobody with two: finite towers of the usual shape."""
    tags = {name: ["x", name] for name in "abc"}
    folder = made(tmp_path / "data", [list(row) for row in rows], tags)
    settings = [*SMALL, "split=none", "min_tag_count=1", f"model={model}"]
    train(folder, tmp_path / "run", Config.with_overrides(settings), progress=False)
    found = open_checkpoint(tmp_path / "run")
    assert len(found.item_ids) == len({*"".join(rows)})
    assert all(tensor.isfinite().all() for tensor in found.tensors.values())
    users = found.network.user(torch.tensor([[[1, 2]]]), torch.tensor([[1]]))
    torch.testing.assert_close(users.norm(dim=2), torch.ones(1, found.network.interests))
    items = found.network.item(torch.tensor([[1], [2]])[: len(found.vocabulary)])
    torch.testing.assert_close(items.norm(dim=1), torch.ones(len(items)))


def test_three_items_can_be_judged(tmp_path: Path) -> None:
    """One of them is cold; the others are what there is to choose among."""
    folder = made(
        tmp_path / "data",
        [list("abc"), list("acb"), list("bca"), list("cba")] * 3,
        {name: ["x", name] for name in "abc"},
    )
    config = Config.with_overrides([*SMALL, "split=cold", "split_seed=1"])
    report = train(folder, tmp_path / "run", config, progress=False)
    assert report["couple"]["all"]["users"] > 0


def test_too_little_to_hold_out_is_said(tmp_path: Path) -> None:
    """Early stopping where no history is long enough to judge by: a sentence, not a traceback."""
    folder = made(tmp_path / "data", [list("ab")] * 4, {name: ["x", name] for name in "ab"})
    config = Config.with_overrides([*SMALL, "split=none", "patience=1"])
    with pytest.raises(DataError, match="set patience=0"):
        train(folder, tmp_path / "run", config, progress=False)


def test_ids_that_no_service_could_send_are_not_known(tmp_path: Path) -> None:
    """If none could, there are no factors; the network serves alone."""
    tags = {f"{name}\n": ["x", name] for name in "abc"}
    folder = made(tmp_path / "data", [list(tags)] * 3, tags)
    settings = [*SMALL, "split=none", "min_tag_count=1"]
    train(folder, tmp_path / "run", Config.with_overrides(settings), progress=False)
    found = open_checkpoint(tmp_path / "run")
    assert len(found.item_ids) == 0
    assert found.network.dim == 8


def test_a_long_history_is_weighed_as_it_is_served(tmp_path: Path) -> None:
    """Its newest M items say how loud the factors must be: the order before them is never read."""
    rng, names = np.random.default_rng(0), [f"i{number:02}" for number in range(40)]
    tags = {name: [f"t{number % 7}", "x"] for number, name in enumerate(names)}
    rows = [rng.permutation(names)[:12].tolist() for _ in range(30)]
    config = Config.with_overrides(
        [*SMALL, "split=none", "tag_init=random", "max_items=3", "max_history=3", "recency=0.5"]
    )
    loud = []
    for order in (1, -1):
        turned = [[*row[:9][::order], *row[9:]] for row in rows]
        held = trial(read(made(tmp_path / f"data{order}", turned, tags)), config)
        vocabulary = training_tags(held, config)
        untrained = Learner(held.dataset, held.split, vocabulary, config)
        assert len(fit(held, untrained, vocabulary)) == 40
        assert untrained.network.factors is not None
        loud.append(untrained.network.factors.loud)
    assert loud[0] == loud[1] > 0


def test_tags_come_from_training_items_alone(data: Path) -> None:
    """A cold item's own tag is not in the vocabulary: the item does not exist yet."""
    held = trial(read(data), Config())
    cold = int(held.split.pool[0])
    tags = list(held.dataset.tags)
    tags[cold] = ("only here",)
    again = replace(held, dataset=replace(held.dataset, tags=tuple(tags)))
    assert "only here" not in training_tags(again, Config.with_overrides(["min_tag_count=1"]))
    with pytest.raises(DataError, match="no tag occurs in 99999"):
        training_tags(held, Config.with_overrides(["min_tag_count=99999"]))


def test_a_loss_that_is_not_finite_stops_the_run(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rather than train on and save NaN."""
    monkeypatch.setattr(Learner, "step", lambda self, number: float("nan"))
    with pytest.raises(TrainerError, match="the loss is nan at step 0"):
        train(data, tmp_path / "run", Config.with_overrides(SMALL), progress=False)


def test_weights_that_are_not_finite_are_never_a_checkpoint(
    at_the_end: Path, data: Path, tmp_path: Path
) -> None:
    """Also when it is the last step that breaks them, whose loss was still a number."""
    out = shutil.copytree(at_the_end, tmp_path / "run")
    state = files.load_state(out)
    assert state is not None
    state["network.gate"].fill_(float("nan"))
    files.save_state(out, state)
    with pytest.raises(TrainerError, match="a weight is not finite"):
        train(data, out, Config.with_overrides(SMALL), progress=False)
    with pytest.raises(CheckpointError, match="not finished"):
        open_checkpoint(out)


@pytest.mark.parametrize("written", range(len(files.DONE) + 2))
def test_a_run_killed_while_it_finishes_ends_the_same(
    checkpoint: Path, at_the_end: Path, data: Path, tmp_path: Path, written: int
) -> None:
    """Between any two of the files of `finish`, with a half-written one beside them."""
    out = shutil.copytree(at_the_end, tmp_path / "run")
    for name in (*files.DONE, files.ABOUT)[:written]:
        (out / name).write_bytes((checkpoint / name).read_bytes())
    (out / ".weights.safetensors.123").write_bytes(b"half")
    metrics = train(data, out, Config.with_overrides(SMALL), progress=False)
    assert metrics == open_checkpoint(checkpoint).metrics
    assert contents(out) == contents(checkpoint)


@pytest.mark.parametrize("lost", ["curve", "best.score", "rows.exp_avg", "network.gate"])
def test_a_state_that_lacks_a_part_is_refused(
    at_the_end: Path, data: Path, tmp_path: Path, lost: str
) -> None:
    """As that of an older version does."""
    out = shutil.copytree(at_the_end, tmp_path / "run")
    state = files.load_state(out)
    assert state is not None
    del state[lost]
    files.save_state(out, state)
    with pytest.raises(CheckpointError, match="of another run: use --restart"):
        train(data, out, Config.with_overrides(SMALL), progress=False)


def test_a_state_of_another_run_is_refused(data: Path) -> None:
    """Of another shape, or of nothing at all."""
    found = learner(data)
    for state in (learner(data, "dim=16").state(0), {}):
        with pytest.raises(CheckpointError, match="of another run: use --restart"):
            found.load(state)


def test_items_without_a_known_tag_are_not_learned_from(data: Path) -> None:
    """As the service leaves them out; else they are positives of zeros and holes in histories."""
    config = Config.with_overrides([*SMALL, "empty=0"])
    held = trial(read(data), config)
    tagless = held.training_items[::3]
    tags = list(held.dataset.tags)
    for item in tagless:
        tags[item] = ("seen nowhere else",)
    changed = replace(held.dataset, tags=tuple(tags))
    found = Learner(changed, held.split, training_tags(held, config), config)
    for step in range(found.examples.steps_per_epoch):
        batch = found.examples.batch(step)
        assert not np.isin(batch.positive, tagless).any()
        assert not np.isin(batch.history, tagless).any()


def test_another_split_of_the_same_data_is_not_judged(
    checkpoint: Path, data: Path, tmp_path: Path
) -> None:
    """What it trained on would be called cold."""
    moved = shutil.copytree(data, tmp_path / "data")
    about = json.loads((moved / "dataset.json").read_text())
    (moved / "dataset.json").write_text(json.dumps(about | {"split": "paper"}))
    with pytest.raises(CheckpointError, match="another split"):
        evaluate(checkpoint, moved)


def test_schedules() -> None:
    """Warm-up then decay; temperatures as printed and by fraction."""
    config = Config.with_overrides(["lr=1", "warmup=10"])
    rates = [learning_rate(config, step, 100) for step in range(100)]
    assert rates.index(max(rates)) in (9, 10)
    assert rates[99] == pytest.approx(0.01)
    assert temperature(config, 0, 100) == 20
    assert temperature(config, 100, 100) == pytest.approx(config.tau_floor)
    paper = Config.with_overrides(["recipe=paper"])
    assert temperature(paper, 999, 9999) == 20
    assert temperature(paper, 10**6, 10**6) == 1
