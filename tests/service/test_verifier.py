"""Bundles are examined where they can do no harm, and a refusal says why."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from bundle import BundleError, manifest, open_bundle
from service.errors import ModelRefused
from service.verifier import Limits, examine, verify
from tests.service import tiny
from tests.service.rotating import GOLDEN, rotated, write

pytestmark = pytest.mark.anyio

LIMITS = Limits(seconds=60, memory_mb=1024, niceness=0)


def item_tower(*nodes: onnx.NodeProto, **constants: float | list[int]) -> bytes:
    """The tiny bundle's, with nodes before it; what they make is added as `extra`, times zero."""
    model = onnx.load_from_string(tiny.item_tower())
    graph = model.graph
    (last,) = [node for node in graph.node if "item" in node.output]
    last.output[:] = ["alone"]
    zero = numpy_helper.from_array(np.array(0, dtype=np.float32), "zero")
    graph.initializer.append(zero)
    for name, value in constants.items():
        kind = np.int64 if isinstance(value, list) else np.float32
        graph.initializer.append(numpy_helper.from_array(np.array(value, dtype=kind), name))
    graph.node.extend(nodes)
    graph.node.append(helper.make_node("Mul", ["extra", "zero"], ["nothing"]))
    graph.node.append(helper.make_node("Add", ["alone", "nothing"], ["item"]))
    return bytes(model.SerializeToString())


def slow() -> bytes:
    """Each of its products of matrices takes long, and no two may be left out."""
    nodes = [
        helper.make_node("ReduceSum", ["rows"], ["seed"], keepdims=0),
        helper.make_node("Expand", ["seed", "shape"], ["m0"]),
        *(helper.make_node("MatMul", [f"m{n}", f"m{n}"], [f"m{n + 1}"]) for n in range(400)),
        helper.make_node("ReduceMax", ["m400"], ["extra"], keepdims=0),
    ]
    return item_tower(*nodes, shape=[3000, 3000])


def hungry() -> bytes:
    """It asks for 8 GB."""
    nodes = [
        helper.make_node("ReduceSum", ["rows"], ["seed"], keepdims=0),
        helper.make_node("Expand", ["seed", "shape"], ["wide"]),
        helper.make_node("ReduceMax", ["wide"], ["extra"], keepdims=0),
    ]
    return item_tower(*nodes, shape=[2, 1000, 1000, 1000])


def looping() -> bytes:
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go"], ["on"]),
            helper.make_node("Identity", ["x"], ["y"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("n", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("x", TensorProto.FLOAT, []),
        ],
        [
            helper.make_tensor_value_info("on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("y", TensorProto.FLOAT, []),
        ],
    )
    nodes = [
        helper.make_node("ReduceSum", ["rows"], ["seed"], keepdims=0),
        helper.make_node("Loop", ["times", "", "seed"], ["extra"], body=body),
    ]
    return item_tower(*nodes, times=[10**12])


def damaged(folder: Path) -> None:
    """One byte of the user tower is another."""
    tower = tiny.write_bundle(folder) / manifest.USER_TOWER
    data = bytearray(tower.read_bytes())
    data[100] ^= 1
    tower.write_bytes(bytes(data))


def linked_out(folder: Path) -> None:
    """The item tower lies elsewhere."""
    tower = tiny.write_bundle(folder) / manifest.ITEM_TOWER
    elsewhere = folder.parent.parent / "elsewhere.onnx"
    shutil.move(tower, elsewhere)
    tower.symlink_to(elsewhere)


def short_table(folder: Path) -> None:
    """Its vocabulary has one tag more than its towers have rows, which the probe does not read."""
    bundle = open_bundle(GOLDEN)
    files = {name: (GOLDEN / name).read_bytes() for name in bundle.manifest.files}
    files[manifest.TAGS] += b"zzz\n"
    facts = {
        "vocabulary_size": len(bundle.vocabulary) + 1,
        "vocabulary_sha256": manifest.digest(files[manifest.TAGS]),
    }
    write(folder, bundle, files, **facts)


REFUSED: dict[str, tuple[Callable[[Path], object], str]] = {
    "nothing there": (lambda folder: None, "does not exist"),
    "damaged": (damaged, "sha256"),
    "a loop": (lambda folder: tiny.write_bundle(folder, item=looping()), "not allowed"),
    "linked out": (linked_out, "link that leads out"),
    "a short table": (short_table, "the item tower fails"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_served_is_refused(tmp_path: Path, case: str) -> None:
    make, said = REFUSED[case]
    folder = tmp_path / "bundles" / "one"
    make(folder)
    with pytest.raises(BundleError, match=said):
        examine(folder, tmp_path / "bundles")


def test_a_sound_bundle_says_what_it_is(tmp_path: Path) -> None:
    folder = rotated(tmp_path / "one", seed=1)
    assert examine(folder, tmp_path) == ("couple", open_bundle(folder).manifest.version)


async def test_a_bundle_that_eats_memory_is_refused(tmp_path: Path) -> None:
    """In a process of its own, which may not take it."""
    folder = tiny.write_bundle(tmp_path / "one", item=hungry())
    with pytest.raises(ModelRefused, match=r"item tower fails|MiB"):
        await verify(folder, tmp_path, LIMITS)


async def test_a_bundle_that_hangs_is_refused(tmp_path: Path) -> None:
    """When its time is over; nothing of it is left."""
    folder = tiny.write_bundle(tmp_path / "one", item=slow())
    with pytest.raises(ModelRefused, match="took more than 2 s"):
        await verify(folder, tmp_path, LIMITS._replace(seconds=2))
