"""Calls to Milvus: what fails there is one error here."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import TypeVar

import grpc
from pymilvus import MilvusException

from index.errors import EngineFailed, EngineSilent

REFUSALS = (  # all else that gRPC tells leaves open whether Milvus does what it was asked to
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.PERMISSION_DENIED,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.UNAUTHENTICATED,
    grpc.StatusCode.UNIMPLEMENTED,
)
UNSURE = (2, 10_000, 10_001)  # Milvus' own codes: unavailable or not connected, cancelled, too late

T = TypeVar("T")


@contextmanager
def asking(what: str) -> Iterator[None]:
    """Around calls that are to do something: raise EngineFailed where Milvus does not.

    It is EngineSilent where Milvus may do it all the same. pymilvus tries most calls again, but
    lets errors of gRPC through as they are, a time-out among them.
    """
    try:
        yield
    except grpc.RpcError as error:
        raise _failed(what, error.code(), error.details()) from error
    except MilvusException as error:
        raise _failed(what, error.code, error.message) from error


def _failed(what: str, code: object, told: str) -> EngineFailed:
    silent = code not in REFUSALS if isinstance(code, grpc.StatusCode) else code in UNSURE
    kind = EngineSilent if silent else EngineFailed
    return kind(f"Milvus could not {what} ({told}): is it reachable?")


def parts(things: Iterable[T], count: int) -> Iterator[list[T]]:
    """So many at a time: Milvus bounds what one call may carry."""
    rest = iter(things)
    while part := list(islice(rest, count)):
        yield part
