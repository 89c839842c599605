"""The golden bundle and rotations of it: the same scores alone, nonsense where they are mixed.

Every vector of a rotated bundle is multiplied by one orthogonal matrix. Within one bundle all inner
products stay what they were (but for rounding, which is of another kind in each: so a score also
says which bundle it is from); between two of them they are unrelated.
"""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from bundle import Bundle, Probe, manifest, open_bundle
from bundle.probe import Vectors

GOLDEN = Path(__file__).parent.parent / "golden" / "bundle_items"


def rotation(dim: int, seed: int) -> Vectors:
    """An orthogonal matrix [D, D]."""
    square = np.random.default_rng(seed).standard_normal((dim, dim))
    return np.linalg.qr(square)[0].astype(np.float32)


def rotated(folder: Path, seed: int, bundle: Path = GOLDEN) -> Path:
    """Write a rotation of a bundle into `folder`."""
    given = open_bundle(bundle)
    turn = rotation(given.manifest.dim, seed)
    files = {
        **{name: (bundle / name).read_bytes() for name in given.manifest.files},
        manifest.USER_TOWER: _turned(given.user_tower, turn),
        manifest.ITEM_TOWER: _turned(given.item_tower, turn),
        manifest.PROBE: _probe(given.probe, turn).encode(),
    }
    return write(folder, given, files)


def write(folder: Path, given: Bundle, files: dict[str, bytes], **others: object) -> Path:
    """Write a bundle like one that is given, of other files, with a manifest that fits them."""
    facts = given.manifest
    digests = {name: manifest.digest(data) for name, data in files.items()}
    version = manifest.version_of(facts.towers, digests, facts.norm, facts.max_history)
    made = facts.model_copy(update={"files": digests, "version": version, **others})
    folder.mkdir(parents=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    (folder / manifest.NAME).write_bytes(manifest.encode(made))
    return folder


def _turned(graph: bytes, turn: Vectors) -> bytes:
    """The graph with its one output multiplied by a matrix."""
    model: Any = onnx.load_from_string(graph)
    (output,) = model.graph.output
    for node in model.graph.node:
        node.output[:] = ["straight" if name == output.name else name for name in node.output]
    model.graph.initializer.append(numpy_helper.from_array(turn, "turn"))
    model.graph.node.append(helper.make_node("MatMul", ["straight", "turn"], [output.name]))
    return bytes(model.SerializeToString())


def _probe(probe: Probe, turn: NDArray[Any]) -> Probe:
    return Probe(
        user_tags=probe.user_tags,
        user=probe.user @ turn,
        item_tags=probe.item_tags,
        item=probe.item @ turn,
        user_items=probe.user_items,
    )
