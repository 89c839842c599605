"""Which engine there is: the one place that knows of more than one (COUPLE_INDEX)."""

from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis

from index.errors import EngineFailed
from service.catalogue import Catalogue
from service.clock import Clock
from service.engine import Engine
from service.errors import EngineMissing
from service.host import Host
from service.nursery import Nursery
from service.replica import Replica
from service.settings import Settings
from service.tail import Tail


@dataclass(frozen=True)
class Following:
    """What an engine follows the log by; calls may block. `head` is a replica at its head."""

    redis: Redis
    catalogue: Catalogue
    clock: Clock
    head: Replica[Any]
    tail: Tail


def chosen(settings: Settings, host: Host, by: Following) -> Engine:
    """The engine of this process; raise EngineMissing where it is not installed."""
    if settings.index == "faiss":
        return Nursery(settings, by.catalogue, host, by.tail)
    try:
        from service.milvus.engine import MilvusEngine
    except ModuleNotFoundError as error:
        raise _not_installed(error) from error
    return MilvusEngine(settings, by.redis, by.catalogue, by.clock, by.head)


def check(settings: Settings, workers: int) -> None:
    """Whether the engine can be reached by so many workers; raise EngineMissing."""
    if settings.index == "faiss":
        return
    uri = settings.milvus_uri
    if uri.get_secret_value().endswith(".db") and workers > 1:
        raise EngineMissing(
            f"{uri} is Milvus Lite, which one process may open: serve with --workers 1, or set "
            "COUPLE_MILVUS_URI to a Milvus server"
        )
    try:
        from index.collections import Collections

        milvus = Collections(uri.get_secret_value())
        milvus.names()
        milvus.close()
    except ModuleNotFoundError as error:
        raise _not_installed(error) from error
    except EngineFailed as error:
        raise EngineMissing(
            f"no Milvus answers at {uri}: start one, or set COUPLE_MILVUS_URI ({error})"
        ) from error


def _not_installed(error: ModuleNotFoundError) -> EngineMissing:
    return EngineMissing(
        f"COUPLE_INDEX is milvus and {error.name} is not installed: run pip install '.[milvus]' in "
        "the project's folder"
    )
