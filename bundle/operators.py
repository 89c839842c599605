"""Which operators a tower may use: arithmetic on tensors, and nothing that loops or reads files.

A graph is read from its protobuf bytes (onnx.proto; encoding: protobuf.dev), for which no package
is needed: field numbers are those of ModelProto, GraphProto, NodeProto, AttributeProto and
TensorProto. Sizes and times are another matter, see `service.verifier`.
"""

from collections.abc import Iterator

from bundle.errors import BundleRefused

_NAMES = """
    Abs Add And ArgMax ArgMin AveragePool BatchNormalization Cast CastLike Ceil Clip Concat Constant
    ConstantOfShape Conv Cos CumSum Div Einsum Elu Equal Erf Exp Expand Flatten Floor GRU Gather
    GatherElements GatherND Gelu Gemm GlobalAveragePool GlobalMaxPool Greater GreaterOrEqual
    HardSigmoid Identity IsInf IsNaN LSTM LayerNormalization LeakyRelu Less LessOrEqual Log
    LogSoftmax LpNormalization MatMul Max MaxPool Mean Min Mod Mul Neg NonZero Not OneHot Or PRelu
    Pad Pow RMSNormalization RNN Range Reciprocal ReduceL1 ReduceL2 ReduceLogSumExp ReduceMax
    ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare Relu Reshape Round Scatter
    ScatterElements ScatterND Selu Shape Sigmoid Sign Sin Size Slice Softmax Softplus Softsign Split
    Sqrt Squeeze Sub Sum Swish Tanh Tile TopK Transpose Trilu Unsqueeze Where Xor
"""
ALLOWED = frozenset(_NAMES.split())
STANDARD = ("", "ai.onnx")
NOT_A_GRAPH = "the {} tower is no ONNX graph: export it again"

Field = tuple[int, int | memoryview]  # its number; a number, or the bytes of what is longer


def check_operators(name: str, graph: bytes) -> None:
    """Check one tower's graph, `name` being user or item.

    Raises:
        BundleRefused: it uses an operator that is not allowed, keeps tensors in other files, brings
            functions or graphs within operators, or is no graph at all.
    """
    try:
        for number, model_field in _fields(memoryview(graph)):
            if number in {20, 25}:
                raise BundleRefused(f"the {name} tower brings functions of its own: export plainly")
            if number == 7:
                _check_graph(name, _message(model_field))
    except (IndexError, TypeError, UnicodeDecodeError) as error:
        raise BundleRefused(NOT_A_GRAPH.format(name)) from error


def _check_graph(name: str, graph: memoryview) -> None:
    for number, graph_field in _fields(graph):
        if number == 1:
            _check_node(name, _message(graph_field))
        elif number == 5:
            _check_tensor(name, _message(graph_field))
        elif number == 15:
            raise BundleRefused(f"the {name} tower has sparse tensors: store them dense")


def _check_node(name: str, node: memoryview) -> None:
    operator, domain = "", ""
    for number, node_field in _fields(node):
        if number == 4:
            operator = bytes(_message(node_field)).decode()
        elif number == 7:
            domain = bytes(_message(node_field)).decode()
        elif number == 5:
            _check_attribute(name, _message(node_field))
    if domain not in STANDARD or operator not in ALLOWED:
        known = f"{domain}.{operator}" if domain not in STANDARD else operator
        raise BundleRefused(f"the {name} tower uses the operator {known!r}, which is not allowed")


def _check_attribute(name: str, attribute: memoryview) -> None:
    for number, attribute_field in _fields(attribute):
        if number in {5, 10}:
            _check_tensor(name, _message(attribute_field))
        elif number in {6, 11, 22, 23}:
            raise BundleRefused(f"the {name} tower has a graph within an operator: not allowed")


def _check_tensor(name: str, tensor: memoryview) -> None:
    for number, tensor_field in _fields(tensor):
        if number == 13 or (number == 14 and tensor_field != 0):
            raise BundleRefused(f"the {name} tower keeps tensors in other files: not allowed")


def _message(value: int | memoryview) -> memoryview:
    if isinstance(value, int):
        raise TypeError("a number where a message belongs")
    return value


def _fields(message: memoryview) -> Iterator[Field]:
    """The fields of one message; raise IndexError or TypeError when it is none."""
    at = 0
    while at < len(message):
        key, at = _number(message, at)
        kind = key & 7
        if kind == 0:
            value, at = _number(message, at)
            yield key >> 3, value
            continue
        if kind == 2:
            length, at = _number(message, at)
        elif kind in {1, 5}:
            length = 8 if kind == 1 else 4
        else:
            raise TypeError("a kind of field that ONNX does not have")
        if at + length > len(message):
            raise IndexError("a field ends beyond its message")
        yield key >> 3, message[at : at + length]
        at += length


def _number(message: memoryview, at: int) -> tuple[int, int]:
    """A varint and where it ends."""
    value = shift = 0
    while True:
        byte = message[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
