"""The towers on onnxruntime: what they refuse to load, and what they compute."""

from pathlib import Path

import numpy as np
import pytest

from bundle import BundleRefused, open_bundle, pad_histories, replay
from service.towers import OnnxTowers
from tests.service import tiny


def towers(folder: Path, **replace: bytes) -> OnnxTowers:
    return OnnxTowers(open_bundle(tiny.write_bundle(folder, **replace)))


def test_the_probe_replays(tmp_path: Path) -> None:
    """The graphs give what numpy gives."""
    bundle = open_bundle(tiny.write_bundle(tmp_path))
    assert replay(bundle.probe, bundle.manifest, OnnxTowers(bundle)) < 1e-6


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("length", [0, 1, 5])
def test_any_length_works(tmp_path: Path, batch: int, length: int) -> None:
    """Every batch and every history, an empty one included, gives finite vectors."""
    tags = pad_histories([[[1, 2]] * length] * batch, 5, 4)
    vectors = towers(tmp_path).user(tags)
    assert vectors.shape == (batch, 1, tiny.DIM)
    assert np.isfinite(vectors).all()


def test_a_graph_that_does_not_load_is_refused(tmp_path: Path) -> None:
    """Bytes that are no graph end in one readable sentence."""
    with pytest.raises(BundleRefused, match="the user tower does not load: export it again"):
        towers(tmp_path, user=b"\x08not a graph")


def test_tensors_of_other_names_are_refused(tmp_path: Path) -> None:
    """A graph whose output is called otherwise is not the contract's."""
    other = tiny.graph("B,N", (1,), "vector", ["B", tiny.DIM], bias=0.0)
    with pytest.raises(BundleRefused, match=r"tensors \['vector'\], the contract \['item'\]"):
        towers(tmp_path, item=other)


def test_tensors_of_other_shapes_are_refused(tmp_path: Path) -> None:
    """A batch baked into the graph and a D that is not the manifest's are caught at the door."""
    baked = tiny.graph("B,L", (1,), "user", ["B", tiny.DIM], bias=0.01)
    with pytest.raises(BundleRefused, match=r"tensor 'tags' is not int64\[B,L,N\]"):
        towers(tmp_path / "axes", user=baked)
    wide = tiny.graph("B,N", (1,), "item", ["B", "D"], bias=0.0)
    towers(tmp_path / "symbolic", item=wide)


def test_a_graph_that_fails_as_it_runs_is_refused(tmp_path: Path) -> None:
    """A tag id past the table is a broken bundle, said in one sentence."""
    broken = towers(tmp_path)
    with pytest.raises(BundleRefused, match="the item tower fails on tags of shape"):
        broken.item(np.array([[10_000]], dtype=np.int64))
