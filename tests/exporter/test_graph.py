"""A graph says what the network says, holds each weight once, and works out nothing twice."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import numpy_helper
from torch import Tensor

from bundle.arrays import Ids
from bundle.probe import Vectors
from exporter import ExportError
from exporter.graph import item_graph, user_graph
from tests.exporter.conftest import Made
from trainer.config import Config
from trainer.factors import Factors
from trainer.towers import NETWORKS, TwoTowers

TINY = ("dim=8", "heads=2", "tree=4,16", "leaves=4", "factors=7", "lexical=4")
KNOWN = 12
GRAPHS = ("user_tower.onnx", "item_tower.onnx")


class Branching(TwoTowers):
    """What no graph can hold: Python that looks at the values."""

    def item(self, tags_BN: Tensor) -> Tensor:
        """Double some items."""
        found = super().item(tags_BN)
        return found * 2 if tags_BN.sum() > 3 else found


def untrained(*settings: str) -> TwoTowers:
    """A network of random weights over 30 tags."""
    torch.manual_seed(0)
    return TwoTowers(30, 2, Config.with_overrides([*TINY, *settings])).eval()


def remembering(*settings: str) -> TwoTowers:
    """The same with random factors of 12 items."""
    network = untrained(*settings)
    network.factors = Factors(KNOWN, 30, network.config).eval()
    for table in network.factors.buffers():
        table.normal_()
    tags = torch.arange(1, KNOWN + 1).unsqueeze(1)
    items = network.encode_items(tags, network.tags.weight).detach()
    network.factors.anchors.copy_(network.factors.look(items, tags))
    return network


def run(graph: bytes, **inputs: Ids) -> Vectors:
    """The one output of a graph."""
    found: Vectors = onnxruntime.InferenceSession(graph).run(None, inputs)[0]
    return found


def ids(*shape: int, most: int) -> Ids:
    """Random ids, 0 among them; the first row has none."""
    found = torch.randint(0, most + 1, shape)
    found[0] = 0
    return found.numpy()


def torch_user(network: TwoTowers, tags: Ids, items: Ids | None = None) -> Vectors:
    """What the network itself says."""
    known = None if items is None else torch.from_numpy(items)
    with torch.inference_mode():
        found: Vectors = network.user(torch.from_numpy(tags), known).numpy()
    return found


READINGS = [
    *(["recipe=paper", f"model={model}"] for model in NETWORKS),
    ["aggregate=heads"],
    ["content=false", "group=false", "positions=false"],
]


@pytest.mark.parametrize("settings", READINGS, ids=lambda settings: settings[-1])
def test_every_model_and_reading_exports(settings: list[str]) -> None:
    """For every batch size and length, an empty history among them; no item ids are asked for."""
    network = untrained(*settings)
    graph = user_graph(network)
    frozen = [name for name, _ in network.named_buffers() if name.endswith("frozen")]
    assert not frozen, "only a copy is: the network may yet change"
    for shape in ((1, 1, 1), (1, 8, 3), (2, 3, 15), (7, 5, 2)):
        tags = ids(*shape, most=30)
        expected = torch_user(network, tags)
        assert expected.shape == (shape[0], network.interests, network.dim)
        np.testing.assert_allclose(run(graph, tags=tags), expected, atol=1e-5)


@pytest.mark.parametrize("model", ["youtube", "comirec"])
def test_item_ids_are_read_at_any_length(model: str) -> None:
    """With tags or without, by one vector a user or by several."""
    network = remembering(f"model={model}")
    graph = user_graph(network)
    for B, L, M in ((1, 1, 1), (1, 8, 50), (2, 3, 1), (7, 1, 9)):
        tags, items = ids(B, L, 4, most=30), ids(B, M, most=KNOWN)
        items[-1, -1] = KNOWN
        for read in (tags, np.zeros_like(tags)):
            expected = torch_user(network, read, items)
            assert expected.shape == (B, network.interests, 16)
            np.testing.assert_allclose(run(graph, tags=read, items=items), expected, atol=1e-5)


def test_items_are_carried_and_padded_as_in_torch() -> None:
    """Any number of tags, and zeros where there is none."""
    network = remembering()
    graph = item_graph(network)
    for shape in ((1, 1), (7, 3), (64, 15)):
        tags = np.concatenate([ids(*shape, most=30), np.full((1, shape[1]), 30)])
        with torch.inference_mode():
            expected = network.item(torch.from_numpy(tags)).numpy()
        got = run(graph, tags=tags)
        np.testing.assert_allclose(got, expected, atol=1e-5)
        assert not got[0].any()
        assert np.linalg.norm(got[-1]) == pytest.approx(1)


def test_an_item_that_is_a_known_one_does_not_amplify_rounding() -> None:
    """The longest factors leave nothing to fill up, and the root of nothing is steep."""
    network = remembering("model=youtube")
    tags = np.arange(1, KNOWN + 1)[:, None]
    with torch.inference_mode():
        expected = network.item(torch.from_numpy(tags)).numpy()
    np.testing.assert_allclose(run(item_graph(network), tags=tags), expected, atol=1e-5)


@pytest.mark.parametrize("model", NETWORKS)
def test_what_depends_on_weights_alone_is_worked_out_before(exported: Made, model: str) -> None:
    """And no table is there twice: the towers hold every known item."""
    for name in GRAPHS:
        graph = onnx.load(exported(model) / name).graph
        weights = {value.name: numpy_helper.to_array(value) for value in graph.initializer}
        for node in graph.node:
            # Zeros are shorter as a shape than as numbers.
            assert set(node.input) - set(weights) or node.op_type == "ConstantOfShape", name
        tables = [np.sort(found, axis=None).tobytes() for found in weights.values() if found.ndim]
        large = [table for table in tables if len(table) > 4 * 64]
        assert len(set(large)) == len(large), name


def test_known_items_are_in_the_tower_that_needs_them(exported: Made) -> None:
    """What they are carried by in the item tower, what they say of a user in the user tower."""
    known = len((exported("couple") / "items.txt").read_text().splitlines())
    tables = {
        name: sorted(
            sorted(value.dims)
            for value in onnx.load(exported("couple") / name).graph.initializer
            if known in value.dims or known + 1 in value.dims
        )
        for name in GRAPHS
    }
    assert tables == {GRAPHS[0]: [[7, known + 1]], GRAPHS[1]: [[7, known], [12, known]]}


@pytest.mark.parametrize("model", NETWORKS)
def test_no_path_or_trace_is_in_the_graphs(exported: Made, model: str) -> None:
    """Torch writes stack traces into its nodes; and nothing random remains for serving."""
    for name, inputs in zip(GRAPHS, (["tags", "items"], ["tags"]), strict=True):
        data = (exported(model) / name).read_bytes()
        assert b".py" not in data
        assert b"site-packages" not in data
        assert str(Path.cwd()).encode() not in data
        graph = onnx.load_from_string(data).graph
        kinds = {node.op_type for node in graph.node}
        assert not {"RandomUniformLike", "RandomUniform", "Dropout"} & kinds
        assert [value.name for value in graph.input] == inputs


def test_a_network_that_becomes_no_graph_is_refused_in_a_sentence() -> None:
    """Torch's own error runs over pages and shows the code."""
    network = Branching(5, 2, Config.with_overrides(TINY)).eval()
    with pytest.raises(ExportError, match="the item tower does not become a graph") as caught:
        item_graph(network)
    assert "\n" not in str(caught.value)


def test_the_graphs_of_a_network_are_a_function_of_its_weights() -> None:
    """Whatever was drawn at random before; another weight gives another graph."""
    network = untrained("recipe=paper", "model=dssm", "max_items=1", "factors=0")
    first = user_graph(network), item_graph(network)
    torch.manual_seed(1)
    assert (user_graph(network), item_graph(network)) == first
    with torch.no_grad():
        network.tags.weight[1, 0] += 1
    assert user_graph(network) != first[0]
    assert item_graph(network) != first[1]
