"""Data sets that lack what the usual ones have: a second domain, items, users with several."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from tests.trainer.conftest import SMALL
from trainer.calibration import remember
from trainer.checkpoint import open_checkpoint
from trainer.config import Config
from trainer.data import read
from trainer.errors import DataError
from trainer.evaluation import evaluate, trial
from trainer.learner import Learner
from trainer.towers import NETWORKS
from trainer.train import train, training_tags


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
    tags = {name: [f"t{int(number**0.5)}", "x"] for number, name in enumerate(names)}
    rows = [rng.permutation(names)[:12].tolist() for _ in range(30)]
    config = Config.with_overrides(
        [*SMALL, "split=none", "tag_init=random", "max_items=3", "max_history=3", "recency=0.5"]
    )
    loud = []
    for order in (1, -1):
        turned = [[*row[:9][::order], *row[9:]] for row in rows]
        held = trial(read(made(tmp_path / f"data{order}", turned, tags)), config)
        vocabulary = training_tags(held, config)
        network = Learner(held.dataset, held.split, vocabulary, config).network
        block, known = remember(network, vocabulary, held.dataset, held.split.train)
        assert block is not None
        assert len(known) == 40
        loud.append(block.loud)
    assert loud[0] == loud[1] > 0
