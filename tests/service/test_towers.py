"""The towers on onnxruntime: what they refuse to load, and what they compute."""

from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto

from bundle import BundleRefused, open_bundle, pad_histories, pad_item_ids, replay
from service.model import Model
from service.towers import OnnxTowers
from tests.service import remembering, tiny


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


def remembering_towers(folder: Path, user: bytes | None = None) -> OnnxTowers:
    return OnnxTowers(open_bundle(remembering.write_bundle(folder, user)))


def test_the_probe_replays_with_item_ids(tmp_path: Path) -> None:
    """The graph with two inputs gives what numpy gives."""
    bundle = open_bundle(remembering.write_bundle(tmp_path))
    assert replay(bundle.probe, bundle.manifest, OnnxTowers(bundle)) < 1e-6


@pytest.mark.parametrize("items", [0, 1, 3])
@pytest.mark.parametrize("length", [0, 1, 5])
def test_tags_and_items_are_as_long_as_they_are(tmp_path: Path, length: int, items: int) -> None:
    """Neither array must be as long as the other, and padding changes nothing."""
    tags = pad_histories([[[1, 2]] * length, []], 5, 4)
    ids = pad_item_ids([[1] * items, []], remembering.MAX_HISTORY)
    running = remembering_towers(tmp_path)
    vectors = running.user(tags, ids)
    assert vectors.shape == (2, 1, tiny.DIM)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=2), 1, rtol=1e-5)
    wide = running.user(np.pad(tags, [(0, 0), (0, 2), (0, 1)]), np.pad(ids, [(0, 0), (0, 4)]))
    np.testing.assert_array_equal(wide, vectors)


def test_no_item_ids_means_that_none_is_known(tmp_path: Path) -> None:
    """Left out and zero are the same."""
    tags = pad_histories([[[1]], []], 5, 4)
    running = remembering_towers(tmp_path)
    zeros = np.zeros((2, 1), dtype=np.int64)
    np.testing.assert_array_equal(running.user(tags), running.user(tags, zeros))


def test_item_ids_for_towers_that_read_none_are_refused(tmp_path: Path) -> None:
    """Rather than dropped in silence."""
    tags, items = np.zeros((1, 1, 1), dtype=np.int64), np.zeros((1, 1), dtype=np.int64)
    with pytest.raises(BundleRefused, match=r"tags of shape \(1, 1, 1\) and items of shape \(1, 1"):
        towers(tmp_path).user(tags, items)


def test_a_graph_and_a_manifest_must_agree_on_item_ids(tmp_path: Path) -> None:
    """Whichever of the two has them alone."""
    with pytest.raises(
        BundleRefused, match=r"tensors \['tags'\], the contract \['items', 'tags'\]"
    ):
        remembering_towers(tmp_path / "manifest", tiny.user_tower())
    with pytest.raises(
        BundleRefused, match=r"tensors \['items', 'tags'\], the contract \['tags'\]"
    ):
        towers(tmp_path / "graph", user=remembering.user_tower())


@pytest.mark.parametrize(
    ("items", "kind"),
    [(("B", 3), None), (("B", "M", "N"), None), (("B", "M"), TensorProto.INT32)],
    ids=["fixed M", "three axes", "int32"],
)
def test_item_ids_of_another_form_are_refused(
    tmp_path: Path, items: tuple[str | int, ...], kind: int | None
) -> None:
    """Any number of them up to M must do."""
    other = remembering.user_tower(items=items, kind=kind)
    with pytest.raises(BundleRefused, match=r"tensor 'items' is not int64\[B,M\]"):
        remembering_towers(tmp_path, other)


def test_a_graph_with_too_few_items_is_refused_as_it_is_opened(tmp_path: Path) -> None:
    """The probe reaches the last line of items.txt, so no request meets the end of the table."""
    short = remembering.user_tower(table=remembering.item_table()[:-1])
    bundle = open_bundle(remembering.write_bundle(tmp_path, short))
    with pytest.raises(BundleRefused, match="the user tower fails on tags of shape"):
        Model.of(bundle)
