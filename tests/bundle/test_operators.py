"""Towers may use arithmetic on tensors: anything that loops, hides or reads files is refused."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from bundle import BundleRefused, manifest
from bundle.operators import check_operators

GOLDEN = sorted((Path(__file__).parent.parent / "golden").glob("bundle*"))


def model(*nodes: Any, **more: Any) -> Any:
    table = numpy_helper.from_array(np.eye(4, dtype=np.float32), "table")
    tags = helper.make_tensor_value_info("tags", TensorProto.INT64, ["B", "N"])
    item = helper.make_tensor_value_info("item", TensorProto.FLOAT, ["B", 4])
    graph = helper.make_graph(list(nodes), "item", [tags], [item], [table])
    return helper.make_model(graph, **more)


def body() -> Any:
    """A graph within an operator."""
    return helper.make_graph([helper.make_node("Abs", ["x"], ["y"])], "body", [], [])


GATHER = helper.make_node("Gather", ["table", "tags"], ["item"])


def external(tensor: Any) -> Any:
    tensor.data_location = TensorProto.EXTERNAL
    return tensor


def with_external_table() -> Any:
    made = model(GATHER)
    external(made.graph.initializer[0])
    return made


def with_external_entry() -> Any:
    made = model(GATHER)
    made.graph.initializer[0].external_data.add(key="location", value="/etc/passwd")
    return made


def with_external_constant() -> Any:
    constant = helper.make_node("Constant", [], ["x"])
    tensor = external(numpy_helper.from_array(np.zeros(2, dtype=np.float32)))
    constant.attribute.append(helper.make_attribute("value", tensor))
    return model(constant, GATHER)


def with_sparse_table() -> Any:
    made = model(GATHER)
    made.graph.sparse_initializer.add()
    return made


def with_function() -> Any:
    made = model(GATHER)
    opset = [helper.make_opsetid("", 18)]
    node = helper.make_node("Abs", ["x"], ["y"])
    made.functions.append(helper.make_function("own", "F", ["x"], ["y"], [node], opset))
    return made


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "a loop": (lambda: model(helper.make_node("Loop", ["n"], ["item"], body=body())), "within"),
    "a bare loop": (lambda: model(helper.make_node("Loop", ["n"], ["item"])), "'Loop'"),
    "another domain": (
        lambda: model(helper.make_node("Gather", ["table", "tags"], ["item"], domain="own")),
        "'own.Gather'",
    ),
    "random numbers": (lambda: model(helper.make_node("RandomNormal", [], ["item"])), "Random"),
    "an external table": (with_external_table, "other files"),
    "an external entry": (with_external_entry, "other files"),
    "an external constant": (with_external_constant, "other files"),
    "a sparse table": (with_sparse_table, "sparse"),
    "a function": (with_function, "functions"),
}


@pytest.mark.parametrize("folder", GOLDEN, ids=lambda folder: folder.name)
def test_what_the_exporter_writes_is_allowed(folder: Path) -> None:
    for name in (manifest.USER_TOWER, manifest.ITEM_TOWER):
        check_operators("user", (folder / name).read_bytes())


def test_the_standard_domain_has_two_names() -> None:
    node = helper.make_node("Gather", ["table", "tags"], ["item"], domain="ai.onnx")
    check_operators("item", model(node).SerializeToString())


@pytest.mark.parametrize("case", REFUSED)
def test_anything_else_is_refused_by_name(case: str) -> None:
    make, said = REFUSED[case]
    with pytest.raises(BundleRefused, match=said) as refused:
        check_operators("item", make().SerializeToString())
    assert str(refused.value).startswith("the item tower")


def test_bytes_that_are_no_graph_are_refused() -> None:
    """Cut anywhere or with a flipped byte: refused or read, and nothing else."""
    whole = model(GATHER).SerializeToString()
    draw = random.Random(3)
    cases = [whole[:cut] for cut in range(len(whole))]
    for _ in range(300):
        flipped = bytearray(whole)
        flipped[draw.randrange(len(whole))] ^= 1 << draw.randrange(8)
        cases.append(bytes(flipped))
    refused = 0
    for case in cases:
        try:
            check_operators("item", case)
        except BundleRefused:
            refused += 1
    assert refused > len(whole) / 2


def test_it_reads_graphs_as_onnx_does() -> None:
    """The operators found in a real graph are those that onnx finds: none goes unseen."""
    graph = (GOLDEN[0] / manifest.USER_TOWER).read_bytes()
    for operator in {node.op_type for node in onnx.load_from_string(graph).graph.node}:
        renamed = onnx.load_from_string(graph)
        node = next(node for node in renamed.graph.node if node.op_type == operator)
        node.op_type = "Unheard"
        with pytest.raises(BundleRefused, match="Unheard"):
            check_operators("user", renamed.SerializeToString())
