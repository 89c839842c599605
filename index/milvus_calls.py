"""Calls to Milvus: what fails there is one error here."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import TypeVar

from pymilvus import MilvusException

from index.errors import EngineFailed

T = TypeVar("T")


@contextmanager
def asking(what: str) -> Iterator[None]:
    """Around calls that are to do something: raise EngineFailed where Milvus does not."""
    try:
        yield
    except MilvusException as error:
        raise EngineFailed(
            f"Milvus could not {what} ({error.message}): is it reachable?"
        ) from error


def parts(things: Iterable[T], count: int) -> Iterator[list[T]]:
    """So many at a time: Milvus bounds what one call may carry."""
    rest = iter(things)
    while part := list(islice(rest, count)):
        yield part
