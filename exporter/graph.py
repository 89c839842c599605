"""Both towers as ONNX graphs: nothing of training in them, and nothing of where they were made.

Shapes: B batch, L items, N tags, I = 1 interest, D dim; B, L and N are free.
"""

import copy
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import onnx
import torch
from torch import Tensor, nn

from exporter.errors import ExportError
from trainer.network import Couple

OPSET = 20
FAULTS = (
    RuntimeError,  # torch's export errors are
    ValueError,
    onnx.checker.ValidationError,
    onnx.shape_inference.InferenceError,
)


class UserTower(nn.Module):
    """Histories [B, L, N] → user vectors [B, 1, D]."""

    def __init__(self, network: Couple) -> None:
        super().__init__()
        self.network = copy.deepcopy(network)
        self.network.content.freeze(self.network.tags)
        self.network.group.freeze()

    def forward(self, tags: Tensor) -> Tensor:
        """COUPLE has one interest."""
        return self.network.user(tags).unsqueeze(1)


class ItemTower(nn.Module):
    """Items [B, N] → item vectors [B, D]."""

    def __init__(self, network: Couple) -> None:
        super().__init__()
        self.network = network

    def forward(self, tags: Tensor) -> Tensor:
        """Zeros for an item without tags."""
        return self.network.item(tags)


def user_graph(network: Couple) -> bytes:
    """The user tower, serialised."""
    example = torch.ones((2, 3, 4), dtype=torch.int64)
    return _graph(UserTower(network), example, "user", ("B", "L", "N"))


def item_graph(network: Couple) -> bytes:
    """The item tower, serialised."""
    return _graph(ItemTower(network), torch.ones((2, 4), dtype=torch.int64), "item", ("B", "N"))


def _graph(tower: nn.Module, example: Tensor, output: str, axes: tuple[str, ...]) -> bytes:
    try:
        model = _traced(tower, example, output, axes)
        _name_axes(model, output, axes)
        _anonymise(model)
        onnx.checker.check_model(model, full_check=True)
    except FAULTS as error:
        first = str(error.__cause__ or error).strip().partition("\n")[0]
        raise ExportError(f"the {output} tower does not become a graph: {first}") from error
    data: bytes = model.SerializeToString(deterministic=True)
    return data


def _traced(
    tower: nn.Module, example: Tensor, output: str, axes: tuple[str, ...]
) -> onnx.ModelProto:
    free = dict.fromkeys(range(len(axes)), torch.export.Dim.DYNAMIC)
    with _quiet():
        program = torch.onnx.export(
            tower.eval(),
            (example,),
            input_names=["tags"],
            output_names=[output],
            dynamic_shapes={"tags": free},
            opset_version=OPSET,
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    assert program is not None  # noqa: S101  # only the legacy exporter returns None
    return program.model_proto


def _name_axes(model: onnx.ModelProto, output: str, axes: tuple[str, ...]) -> None:
    for place, name in enumerate(axes):
        model.graph.input[0].type.tensor_type.shape.dim[place].dim_param = name
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
