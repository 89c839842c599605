"""Both towers as ONNX graphs: nothing of training in them, and nothing of where they were made.

Shapes: B batch, L items, N tags, M item ids, I interests, D length of a served vector; B, L, N and
M are free.
"""

import copy
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import onnx
import torch
from onnxscript import optimizer
from torch import Tensor, nn

from exporter.errors import ExportError
from trainer.towers import TwoTowers

OPSET = 20
FAULTS = (
    RuntimeError,  # torch's export errors are
    ValueError,
    onnx.checker.ValidationError,
    onnx.shape_inference.InferenceError,
)
AXES = {"tags": ("B", "L", "N"), "items": ("B", "M")}  # of the user tower
UNBOUNDED = 2**62  # numbers that may be folded; torch's exporter stops at some thousands

Inputs = dict[str, Tensor]
Axes = dict[str, tuple[str, ...]]


class UserTower(nn.Module):
    """Histories [B, L, N], item ids [B, M] where there are factors → user vectors [B, I, D]."""

    def __init__(self, network: TwoTowers) -> None:
        super().__init__()
        self.network = copy.deepcopy(network)
        self.network.freeze()

    def forward(self, tags: Tensor, items: Tensor | None = None) -> Tensor:
        """Unit vectors."""
        return self.network.user(tags, items)


class ItemTower(nn.Module):
    """Items [B, N] → item vectors [B, D]."""

    def __init__(self, network: TwoTowers) -> None:
        super().__init__()
        self.network = network

    def forward(self, tags: Tensor) -> Tensor:
        """Zeros for an item without tags."""
        return self.network.item(tags)


def user_graph(network: TwoTowers) -> bytes:
    """The user tower, serialised; it reads item ids where the network has factors."""
    examples = {"tags": torch.ones((2, 3, 4), dtype=torch.int64)}
    if network.factors is not None:
        examples["items"] = torch.ones((2, 5), dtype=torch.int64)
    return _graph(UserTower(network), examples, "user", {name: AXES[name] for name in examples})


def item_graph(network: TwoTowers) -> bytes:
    """The item tower, serialised."""
    examples = {"tags": torch.ones((2, 4), dtype=torch.int64)}
    return _graph(ItemTower(network), examples, "item", {"tags": ("B", "N")})


def _graph(tower: nn.Module, examples: Inputs, output: str, axes: Axes) -> bytes:
    try:
        model = _traced(tower, examples, output)
        _name_axes(model, output, axes)
        _anonymise(model)
        onnx.checker.check_model(model, full_check=True)
    except FAULTS as error:
        first = str(error.__cause__ or error).strip().partition("\n")[0]
        raise ExportError(f"the {output} tower does not become a graph: {first}") from error
    data: bytes = model.SerializeToString(deterministic=True)
    return data


def _traced(tower: nn.Module, examples: Inputs, output: str) -> onnx.ModelProto:
    with _quiet():
        program = torch.onnx.export(
            tower.eval(),
            tuple(examples.values()),
            input_names=list(examples),
            output_names=[output],
            dynamic_shapes={
                name: dict.fromkeys(range(tensor.ndim), torch.export.Dim.DYNAMIC)
                for name, tensor in examples.items()
            },
            opset_version=OPSET,
            dynamo=True,
            external_data=False,
            verbose=False,
        )
        assert program is not None  # noqa: S101  # only the legacy exporter returns None
        # What depends on weights alone, a table of known items turned round, is worked out here.
        program.model = optimizer.optimize(
            program.model, input_size_limit=UNBOUNDED, output_size_limit=UNBOUNDED
        )
    return program.model_proto


def _name_axes(model: onnx.ModelProto, output: str, axes: Axes) -> None:
    for value in model.graph.input:
        for place, name in enumerate(axes[value.name]):
            value.type.tensor_type.shape.dim[place].dim_param = name
    if model.graph.output[0].name != output:
        raise ValueError(f"the exporter named the output {model.graph.output[0].name}")
    model.graph.output[0].type.tensor_type.shape.dim[0].dim_param = "B"


def _anonymise(model: onnx.ModelProto) -> None:
    """Drop what torch writes for debugging: stack traces with absolute paths, its own names."""
    del model.metadata_props[:]
    del model.graph.metadata_props[:]
    del model.graph.value_info[:]
    model.doc_string = model.graph.doc_string = ""
    model.producer_name, model.producer_version = "couple", ""
    model.graph.name = "tower"
    values = [*model.graph.input, *model.graph.output, *model.graph.initializer]
    for value in [*model.graph.node, *values]:
        del value.metadata_props[:]
        value.doc_string = ""


@contextmanager
def _quiet() -> Iterator[None]:
    """Torch's exporter warns of its own internals; nothing there is ours to mend."""
    log = logging.getLogger("torch.onnx")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)
