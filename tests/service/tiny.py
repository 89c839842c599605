"""A bundle small enough to reason about: a vector is the sum of its tags', at length one."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from bundle import Manifest, Probe, Vocabulary, manifest, pad_histories, pad_items
from bundle.arrays import Ids
from bundle.probe import Vectors

DIM = 8
TAGS = ("wok", "noodles", "street food", "night market", "cats", "dogs", "football", "goals")


def graph(
    axes: str,
    sums: tuple[int, ...],
    output: str,
    shape: list[str | int],
    rows: Vectors | None = None,
    *,
    bias: float,
) -> bytes:
    """tags → Gather → sum over `sums` → + bias → length one (zero stays zero)."""
    push = np.full(DIM, bias, dtype=np.float32)
    constants: dict[str, np.ndarray[Any, Any]] = {
        "table": table() if rows is None else rows,
        "axes": np.array(sums, dtype=np.int64),
        "last": np.array([-1], dtype=np.int64),
        "push": push,
        "tiny": np.array(1e-12, dtype=np.float32),
        "middle": np.array([1], dtype=np.int64),
    }
    nodes = [
        helper.make_node("Gather", ["table", "tags"], ["rows"]),
        helper.make_node("ReduceSum", ["rows", "axes"], ["sum"], keepdims=0),
        helper.make_node("Add", ["sum", "push"], ["pushed"]),
        helper.make_node("ReduceL2", ["pushed", "last"], ["length"], keepdims=1),
        helper.make_node("Max", ["length", "tiny"], ["safe"]),
        helper.make_node("Div", ["pushed", "safe"], ["unit" if output == "user" else output]),
    ]
    if output == "user":
        nodes.append(helper.make_node("Unsqueeze", ["unit", "middle"], ["user"]))
    made = helper.make_graph(
        nodes,
        output,
        [helper.make_tensor_value_info("tags", TensorProto.INT64, axes.split(","))],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, shape)],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def user_tower(rows: Vectors | None = None) -> bytes:
    """[B, L, N] → [B, 1, D]; an empty history is a vector that favours nothing."""
    return graph("B,L,N", (1, 2), "user", ["B", 1, DIM], rows, bias=0.01)


def item_tower(rows: Vectors | None = None) -> bytes:
    """[B, N] → [B, D]; `rows` in place of the table."""
    return graph("B,N", (1,), "item", ["B", DIM], rows, bias=0.0)


def table() -> Vectors:
    """[1 + tags, D]; row 0 is padding's."""
    rows = np.zeros((len(TAGS) + 1, DIM), dtype=np.float32)
    rows[1:] = np.eye(DIM, dtype=np.float32)[: len(TAGS)]
    rows[1:, 0] += 0.1  # no two tags are wholly unrelated
    return rows


def probe() -> Probe:
    """What the graphs must give, computed by numpy."""
    users: Ids = pad_histories([[], [[1, 2], [5]]], 5, 4)
    items: Ids = pad_items([[], [1, 3]], 4)
    user = table()[users].sum(axis=(1, 2)) + np.float32(0.01)
    item = table()[items].sum(axis=1)
    length = np.maximum(np.linalg.norm(item, axis=1, keepdims=True), 1e-12)
    unit = user / np.linalg.norm(user, axis=1, keepdims=True)
    return Probe(users, unit[:, None].astype(np.float32), items, (item / length).astype(np.float32))


def write_bundle(folder: Path, **replace: bytes) -> Path:
    """Write the bundle into `folder`; `user` and `item` replace a graph by other bytes."""
    files = {
        manifest.USER_TOWER: replace.get("user", user_tower()),
        manifest.ITEM_TOWER: replace.get("item", item_tower()),
        manifest.PROBE: probe().encode(),
    }
    return write(folder, files, manifest.BY_TAGS)


def write(
    folder: Path,
    given: Mapping[str, bytes],
    towers: manifest.Towers,
    max_history: int = 0,
    catalogue_size: int = 0,
) -> Path:
    """Write graphs, probe and whatever else is given as a bundle of these tags."""
    vocabulary = Vocabulary(TAGS)
    files = {manifest.TAGS: vocabulary.encode(), manifest.CARD: b"# tiny\n", **given}
    digests = {name: manifest.digest(data) for name, data in files.items()}
    made = Manifest(
        model="tiny",
        version=manifest.version_of(towers, digests, 1.0, max_history),
        dim=DIM,
        max_items=5,
        max_tags=4,
        interests=1,
        norm=1.0,
        target_domains=("micro-video", "live"),
        towers=towers,
        vocabulary_size=len(vocabulary),
        vocabulary_sha256=digests[manifest.TAGS],
        max_history=max_history,
        catalogue_size=catalogue_size,
        data_fingerprint="none",
        metrics={},
        parity_error=0.0,
        files=digests,
    )
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    (folder / manifest.NAME).write_bytes(manifest.encode(made))
    return folder
