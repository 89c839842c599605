"""The tiny bundle with a user tower that remembers items, each as if it were a tag of its own."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from bundle import ItemIds, Probe, manifest, pad_histories, pad_item_ids
from bundle.probe import Vectors
from tests.service import tiny

REMEMBERED = {"p-cats": "cats", "p-dogs": "dogs", "p-wok": "wok", "p-goals": "goals"}
MAX_HISTORY = 3


def item_table() -> Vectors:
    """[1 + items, D]; an item's row is that of the tag it is remembered by."""
    return tiny.table()[[0, *(1 + tiny.TAGS.index(tag) for tag in REMEMBERED.values())]]


def user_tower(
    table: Vectors | None = None, items: tuple[str | int, ...] = ("B", "M"), kind: Any = None
) -> bytes:
    """tags [B, L, N], items [B, M] → [B, 1, D]: everything summed, length one.

    `table`, the axes of `items` and its element type can be given wrong.
    """
    constants: dict[str, np.ndarray[Any, Any]] = {
        "tag_table": tiny.table(),
        "item_table": item_table() if table is None else table,
        "push": np.full(tiny.DIM, 0.01, dtype=np.float32),
        "one": np.array([1], dtype=np.int64),
        "one_two": np.array([1, 2], dtype=np.int64),
        "last": np.array([-1], dtype=np.int64),
    }
    nodes = [
        helper.make_node("Gather", ["tag_table", "tags"], ["tag_rows"]),
        helper.make_node("ReduceSum", ["tag_rows", "one_two"], ["content"], keepdims=0),
        helper.make_node("Gather", ["item_table", "items"], ["item_rows"]),
        helper.make_node("ReduceSum", ["item_rows", "one"], ["memory"], keepdims=0),
        helper.make_node("Sum", ["content", "memory", "push"], ["both"]),
        helper.make_node("ReduceL2", ["both", "last"], ["length"], keepdims=1),
        helper.make_node("Div", ["both", "length"], ["unit"]),
        helper.make_node("Unsqueeze", ["unit", "one"], ["user"]),
    ]
    made = helper.make_graph(
        nodes,
        "user",
        [
            helper.make_tensor_value_info("tags", TensorProto.INT64, ["B", "L", "N"]),
            helper.make_tensor_value_info("items", kind or TensorProto.INT64, items),
        ],
        [helper.make_tensor_value_info("user", TensorProto.FLOAT, ["B", 1, tiny.DIM])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def probe() -> Probe:
    """What the graphs must give, computed by numpy; one user is known by items alone."""
    tags = pad_histories([[], [[1, 2], [5]], []], 5, 4)
    items = pad_item_ids([[], [0, 2], [len(REMEMBERED), 1]], MAX_HISTORY)
    sums = tiny.table()[tags].sum(axis=(1, 2)) + item_table()[items].sum(axis=1) + np.float32(0.01)
    unit = (sums / np.linalg.norm(sums, axis=1, keepdims=True)).astype(np.float32)
    known = tiny.probe()
    return Probe(tags, unit[:, None], known.item_tags, known.item, items)


def write_bundle(folder: Path, user: bytes | None = None) -> Path:
    """Write the bundle into `folder`; `user` replaces the user tower by other bytes."""
    files = {
        manifest.USER_TOWER: user or user_tower(),
        manifest.ITEM_TOWER: tiny.item_tower(),
        manifest.ITEMS: ItemIds(REMEMBERED).encode(),
        manifest.PROBE: probe().encode(),
    }
    return tiny.write(
        folder, files, manifest.BY_TAGS_AND_ITEMS, MAX_HISTORY, catalogue_size=len(REMEMBERED)
    )
