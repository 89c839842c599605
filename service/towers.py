"""A bundle's two graphs on onnxruntime: one thread each, no spinning, checked before they run.

The exporter proves its graphs with this very class, so what was verified is what is served.
"""

import re
from collections.abc import Sequence

import numpy as np
import onnxruntime as ort
from onnxruntime.capi import onnxruntime_pybind11_state as state

from bundle import Bundle, BundleRefused
from bundle.arrays import Ids
from bundle.manifest import Tower
from bundle.probe import Vectors

# onnxruntime's exceptions have no root of their own.
_ERRORS = (
    state.EPFail,
    state.EngineError,
    state.Fail,
    state.InvalidArgument,
    state.InvalidGraph,
    state.InvalidProtobuf,
    state.ModelLoaded,
    state.NoModel,
    state.NoSuchFile,
    state.NotImplemented,
    state.RuntimeException,
)
_TENSOR = re.compile(r"(\w+)\[(.*)\]")
_TYPES = {"int64": "tensor(int64)", "float32": "tensor(float)"}


class OnnxTowers:
    """Both graphs of a verified bundle, runnable: `bundle.Towers`."""

    def __init__(self, bundle: Bundle) -> None:
        """Load both graphs from their bytes.

        Raises:
            BundleRefused: a graph does not load, or its tensors are not those of the contract.
        """
        manifest = bundle.manifest
        sizes = {"I": manifest.interests, "D": manifest.dim}
        self._user = _load("user", bundle.user_tower, arena=True)
        self._item = _load("item", bundle.item_tower, arena=False)
        _check("user", self._user, manifest.towers.user, sizes)
        _check("item", self._item, manifest.towers.item, sizes)
        self._read_items = manifest.towers.read_items

    def user(self, tags: Ids, items: Ids | None = None) -> Vectors:
        """Histories [B, L, N], and item ids [B, M] where they are read → user vectors [B, I, D].

        Raises:
            BundleRefused: the graph fails, or reads no item ids and is given some.
        """
        if items is None and self._read_items:
            items = np.zeros((len(tags), 1), dtype=np.int64)
        given = {} if items is None else {"items": items}
        return _run("user", self._user, {"tags": tags, **given})

    def item(self, tags: Ids) -> Vectors:
        """Items [B, N] → item vectors [B, D]; BundleRefused when the graph fails."""
        return _run("item", self._item, {"tags": tags})


def _load(name: str, graph: bytes, *, arena: bool) -> ort.InferenceSession:
    """One session; without an arena a large batch gives its memory back (FACTS.md)."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.enable_cpu_mem_arena = arena
    options.log_severity_level = 4  # what is wrong is said once, by us
    try:
        return ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    except _ERRORS as error:
        raise BundleRefused(f"the {name} tower does not load: export it again") from error


def _run(name: str, session: ort.InferenceSession, inputs: dict[str, Ids]) -> Vectors:
    try:
        (vectors,) = session.run(None, inputs)
    except _ERRORS as error:
        given = " and ".join(f"{key} of shape {ids.shape}" for key, ids in inputs.items())
        raise BundleRefused(f"the {name} tower fails on {given}") from error
    return vectors  # type: ignore[no-any-return]  # onnxruntime is untyped


def _check(name: str, session: ort.InferenceSession, tower: Tower, sizes: dict[str, int]) -> None:
    """The graph's tensors must be the contract's: names, element types and axes."""
    _check_tensors(name, session.get_inputs(), tower.inputs, sizes)
    _check_tensors(name, session.get_outputs(), tower.outputs, sizes)


def _check_tensors(
    name: str, tensors: Sequence[ort.NodeArg], contract: dict[str, str], sizes: dict[str, int]
) -> None:
    found = {tensor.name: tensor for tensor in tensors}
    if found.keys() != contract.keys():
        raise BundleRefused(
            f"the {name} tower has tensors {sorted(found)}, the contract {sorted(contract)}"
        )
    for key, spec in contract.items():
        if not _fits(found[key], spec, sizes):
            raise BundleRefused(f"the {name} tower's tensor {key!r} is not {spec}")


def _fits(tensor: ort.NodeArg, spec: str, sizes: dict[str, int]) -> bool:
    """A free axis (B, L, N, M) must be symbolic; I and D may also be the manifest's number."""
    match = _TENSOR.fullmatch(spec)
    if match is None or tensor.type != _TYPES.get(match[1]):
        return False
    axes = match[2].split(",")
    return len(axes) == len(tensor.shape) and all(
        not isinstance(size, int) or size == sizes.get(axis)
        for axis, size in zip(axes, tensor.shape, strict=True)
    )
