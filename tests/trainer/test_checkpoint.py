"""A checkpoint describes itself, and a damaged one says so."""

import json
import random
import shutil
from pathlib import Path

import pytest
import torch

from bundle import ItemIds, Vocabulary
from trainer import checkpoint as files
from trainer.checkpoint import load_state, open_checkpoint, read_ranks
from trainer.config import Config
from trainer.errors import CheckpointError

DIGESTS = ("weights_sha256", "items_sha256", "config_sha256", "metrics_sha256", "ranks_sha256")


@pytest.fixture
def copy(checkpoint: Path, tmp_path: Path) -> Path:
    """A checkpoint that may be broken."""
    return Path(shutil.copytree(checkpoint, tmp_path / "copy"))


def test_a_checkpoint_says_what_it_is(checkpoint: Path) -> None:
    """Data, split, domains and library versions stand in it."""
    found = open_checkpoint(checkpoint)
    assert found.about.domains == ("product", "video")
    assert found.about.target_domain == "video"
    assert len(found.about.data_fingerprint) == len(found.about.split_fingerprint) == 64
    assert "torch" in found.about.versions
    assert not found.network.training
    assert sorted(p.name for p in checkpoint.iterdir()) == [
        "checkpoint.json", "config.json", "curve.json", "items.txt", "metrics.json", "ranks.npz",
        "split.parquet", "tags.txt", "weights.safetensors",
    ]  # fmt: skip


def test_a_checkpoint_remembers_items_by_id(checkpoint: Path) -> None:
    """As many as its factors; with them a served vector is 8 + 7 + 1 numbers."""
    found = open_checkpoint(checkpoint)
    factors = found.network.factors
    assert factors is not None
    assert len(found.item_ids) == len(factors.anchors) == len(factors.factors) - 1 > 100
    assert found.network.dim == 16


def test_ranks_are_kept_of_every_judged_user(checkpoint: Path) -> None:
    """What a paired comparison of two models needs; they give the metrics back."""
    ranks, metrics = read_ranks(checkpoint), open_checkpoint(checkpoint).metrics["couple"]["all"]
    assert set(ranks) == {"sampled", "full"}
    assert {len(kept) for kept in ranks.values()} == {metrics["users"]}
    assert (ranks["sampled"] < 10).mean() == pytest.approx(metrics["HR@10"])
    assert (ranks["full"] < 10).mean() == pytest.approx(metrics["Recall@10"])


def test_a_curve_is_kept(checkpoint: Path) -> None:
    """Loss by step, from the first one."""
    points = json.loads((checkpoint / "curve.json").read_text())
    assert points[0]["step"] == 0
    assert all(point["loss"] > 0 for point in points)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("weights.safetensors", b"no weights", "weights.safetensors is damaged"),
        ("tags.txt", b"other\n", "tags.txt is damaged"),
        ("items.txt", b"other\n", "items.txt is damaged"),
        ("items.txt", b"", "items.txt is damaged"),
        ("checkpoint.json", b"{}", "checkpoint.json: model: Field required"),
        ("config.json", b'{"dim": 0}', "dim"),
        ("config.json", b'{"dimm": 8}', "dimm"),
        ("config.json", b"{}", "config.json is damaged"),
        ("config.json", b"", "config.json: Invalid JSON"),
        ("checkpoint.json", b"\xff", "checkpoint.json: Invalid JSON"),
        ("metrics.json", b"{", "metrics.json is damaged"),
    ],
)
def test_a_damaged_file_is_named(copy: Path, name: str, content: bytes, message: str) -> None:
    """Whatever was done to it."""
    (copy / name).write_bytes(content)
    with pytest.raises(CheckpointError, match=message):
        open_checkpoint(copy)


@pytest.mark.parametrize("name", ["metrics.json", "items.txt"])
def test_a_missing_file_is_named(copy: Path, tmp_path: Path, name: str) -> None:
    """And so is a folder that is none."""
    (copy / name).unlink()
    with pytest.raises(CheckpointError, match=f"{name} cannot be read"):
        open_checkpoint(copy)
    with pytest.raises(CheckpointError, match=r"is .*nowhere a checkpoint"):
        open_checkpoint(tmp_path / "nowhere")


def test_a_damaged_state_is_refused(tmp_path: Path) -> None:
    """None where there is no state."""
    assert load_state(tmp_path) is None
    (tmp_path / "state.safetensors").write_bytes(b"half")
    with pytest.raises(CheckpointError, match="--restart"):
        load_state(tmp_path)


@pytest.mark.parametrize(
    "name",
    ["weights.safetensors", "items.txt", "tags.txt", "metrics.json", "config.json",
     "checkpoint.json"],
)  # fmt: skip
def test_no_damage_is_a_traceback_and_none_goes_unseen(copy: Path, name: str) -> None:
    """Truncated anywhere, or one bit flipped: refused, or the very same model."""
    whole, rng = (copy / name).read_bytes(), random.Random(0)
    expected = open_checkpoint(copy)
    for number in range(40):
        damaged = bytearray(whole)
        if number % 2:
            damaged[rng.randrange(len(whole))] ^= 1 << rng.randrange(8)
        else:
            del damaged[rng.randrange(len(whole)) :]
        (copy / name).write_bytes(damaged)
        try:
            found = open_checkpoint(copy)
        except CheckpointError:
            continue
        assert name == files.ABOUT  # nothing else may differ; it says what the others are
        assert found.config == expected.config
        assert found.vocabulary.tags == expected.vocabulary.tags
        assert found.item_ids.encode() == expected.item_ids.encode()


def test_damaged_ranks_are_refused(copy: Path) -> None:
    """Truncated anywhere, one bit flipped, or gone; a zip archive's own sums do not see it all."""
    whole, rng = (copy / "ranks.npz").read_bytes(), random.Random(0)
    for number in range(200):
        damaged = bytearray(whole)
        if number % 2:
            damaged[rng.randrange(len(whole))] ^= 1 << rng.randrange(8)
        else:
            del damaged[rng.randrange(len(whole)) :]
        (copy / "ranks.npz").write_bytes(damaged)
        with pytest.raises(CheckpointError, match=r"ranks\.npz is damaged"):
            read_ranks(copy)
    (copy / "ranks.npz").unlink()
    with pytest.raises(CheckpointError, match=r"ranks\.npz cannot be read"):
        read_ranks(copy)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("metrics.json", b"[]", r"metrics\.json: Input should be an object"),
        ("tags.txt", b"Not Normal\n", r"tags\.txt: line 1 is not a normalised tag"),
        ("items.txt", b"a\nb\na\n", r"items\.txt: line 3 repeats the item id of line 1"),
        ("items.txt", b"no end", r"items\.txt: the last line has no end"),
        ("items.txt", b"one\n", r"weights\.safetensors does not fit config\.json"),
        ("items.txt", b"", r"weights\.safetensors does not fit config\.json"),
        ("config.json", b"{}", r"weights\.safetensors does not fit config\.json"),
    ],
)
def test_files_that_do_not_fit_are_refused_without_digests_too(
    copy: Path, name: str, content: bytes, message: str
) -> None:
    """A checkpoint of before the digests, or one whose digests were made to fit."""
    (copy / name).write_bytes(content)
    about = json.loads((copy / "checkpoint.json").read_text())
    about |= {"config_sha256": None, "metrics_sha256": None, "items_sha256": None}
    about["tags_sha256"] = files._sha256((copy / "tags.txt").read_bytes())
    (copy / "checkpoint.json").write_text(json.dumps(about))
    with pytest.raises(CheckpointError, match=message):
        open_checkpoint(copy)


def unfinished(checkpoint: Path) -> tuple[files.About, Config, Vocabulary]:
    """What `start` is given."""
    found = open_checkpoint(checkpoint)
    about = found.about.model_copy(update=dict.fromkeys(DIGESTS))
    return about, found.config, found.vocabulary


def test_a_model_without_a_network_has_tensors_alone(checkpoint: Path, tmp_path: Path) -> None:
    """They are kept like weights; asking for its towers is refused."""
    about, config, vocabulary = unfinished(checkpoint)
    config = config.model_copy(update={"model": "popularity"})
    about = about.model_copy(update={"model": "popularity"})
    files.start(tmp_path, about, config, vocabulary)
    counts = torch.arange(5)
    files.finish(tmp_path, about, files.Result({"counts": counts}, ItemIds(), {}, {}, []))
    found = open_checkpoint(tmp_path)
    assert torch.equal(found.tensors["counts"], counts)
    assert len(found.item_ids) == 0
    assert read_ranks(tmp_path) == {}
    with pytest.raises(CheckpointError, match="holds popularity, which is no network"):
        _ = found.network


@pytest.mark.parametrize("left", [0, 1, 2, 3])
def test_a_run_killed_while_it_starts_can_start_again(
    checkpoint: Path, tmp_path: Path, left: int
) -> None:
    """After any number of its files, with the next one half written beside them."""
    run = unfinished(checkpoint)
    files.start(tmp_path / "whole", *run)
    order = [*("checkpoint.json", "config.json", "tags.txt"), "state.safetensors"]
    out = tmp_path / "killed"
    out.mkdir()
    for name in order[:left]:
        shutil.copy(tmp_path / "whole" / name, out / name)
    if left:
        (out / f".{order[left]}.12345").write_bytes(b"half")
    assert files.begun(out) == (left == 3)
    if left < 3:
        files.start(out, *run)
    assert files.begun(out)
    assert not files.same_run(out, *run[:2])


def test_a_finished_checkpoint_that_lost_a_file_is_not_written_over(copy: Path) -> None:
    """It is damaged, which a person should hear of; --restart begins anew."""
    (copy / "config.json").unlink()
    assert files.begun(copy)
    files.remove(copy)
    assert not list(copy.iterdir())


def test_restart_removes_a_checkpoint_alone(copy: Path, tmp_path: Path) -> None:
    """A file of somebody's keeps everything in place; so does a folder that only looks like one."""
    (copy / "notes.txt").write_text("mine")
    with pytest.raises(CheckpointError, match=r"move notes\.txt away first"):
        files.remove(copy)
    open_checkpoint(copy)
    other = tmp_path / "project"
    other.mkdir()
    (other / "config.json").write_text("another program's")
    files.remove(other)
    assert (other / "config.json").read_text() == "another program's"


def test_a_folder_that_cannot_be_written_is_named(checkpoint: Path, tmp_path: Path) -> None:
    """A file in the way, or a folder where a file should stand."""
    (tmp_path / "file").write_text("mine")
    run = unfinished(checkpoint)
    with pytest.raises(CheckpointError, match="cannot be made: Not a directory"):
        files.start(tmp_path / "file" / "run", *run)
    with pytest.raises(CheckpointError, match="exists and is not a checkpoint"):
        files.start(tmp_path / "file", *run)
    (tmp_path / "tags.txt").mkdir()
    with pytest.raises(CheckpointError, match=r"tags\.txt cannot be written"):
        files.write(tmp_path / "tags.txt", b"tag\n")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "tags.txt"]
