"""A checkpoint describes itself, and a damaged one says so."""

import shutil
from pathlib import Path

import pytest

from trainer.checkpoint import load_state, open_checkpoint
from trainer.errors import CheckpointError


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
    assert sorted(p.suffix for p in checkpoint.iterdir()) == [
        ".json", ".json", ".json", ".safetensors", ".txt",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("weights.safetensors", b"no weights", "weights.safetensors is damaged"),
        ("tags.txt", b"other\n", "tags.txt is damaged"),
        ("checkpoint.json", b"{}", "dataset"),
        ("config.json", b'{"dim": 0}', "dim"),
        ("config.json", b'{"dimm": 8}', "dimm"),
        ("config.json", b"{}", "does not fit config.json"),
    ],
)
def test_a_damaged_file_is_named(copy: Path, name: str, content: bytes, message: str) -> None:
    """Whatever was done to it."""
    (copy / name).write_bytes(content)
    with pytest.raises(CheckpointError, match=message):
        open_checkpoint(copy)


def test_a_missing_file_is_named(copy: Path, tmp_path: Path) -> None:
    """And so is a folder that is none."""
    (copy / "metrics.json").unlink()
    with pytest.raises(CheckpointError, match=r"metrics\.json cannot be read"):
        open_checkpoint(copy)
    with pytest.raises(CheckpointError, match=r"is .*nowhere a checkpoint"):
        open_checkpoint(tmp_path / "nowhere")


def test_a_damaged_state_is_refused(tmp_path: Path) -> None:
    """None where there is no state."""
    assert load_state(tmp_path) is None
    (tmp_path / "state.safetensors").write_bytes(b"half")
    with pytest.raises(CheckpointError, match="--restart"):
        load_state(tmp_path)
