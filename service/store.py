"""Connections to Redis: quick to fail on the request path, patient for the one that tails."""

from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.connection import HiredisRespSerializer
from redis.exceptions import RedisError

from service.cluster import Address, Cluster
from service.settings import Settings

CLUSTERED = "+cluster://"  # in a URL's scheme
OLDEST = 7  # major version
GRACE_S = 2.0  # how much longer than its own block a tailing read may take


def connect(settings: Settings, timeout_s: float | None = None) -> Redis:
    """A client that answers or fails within `timeout_s` (default: the request path's), once."""
    return _client(settings.redis_url.get_secret_value(), timeout_s or _usual(settings))


def connect_tail(settings: Settings) -> Redis:
    """A client whose reads may block as long as the tail does."""
    return connect(settings, settings.tail_block_ms / 1000 + GRACE_S)


def connect_histories(settings: Settings, timeout_s: float | None = None) -> Redis | Cluster:
    """The same for what users did, which may lie somewhere else, and in a cluster."""
    url = (settings.histories_url or settings.redis_url).get_secret_value()
    timeout = timeout_s or _usual(settings)
    if CLUSTERED not in url:
        return _client(url, timeout)
    return Cluster(address_of(url), lambda address: _client(node_url(url, address), timeout))


def connect_reads(settings: Settings) -> Redis | Cluster:
    """A client for what recommendations read: one that is slow is as good as away.

    All that is asked for at the same time goes over one connection (`service.together`).
    """
    return connect_histories(settings, settings.redis_read_timeout_ms / 1000)


def _usual(settings: Settings) -> float:
    return settings.redis_timeout_ms / 1000


def _client(url: str, timeout_s: float) -> Redis:
    client: Redis = Redis.from_url(
        url,
        decode_responses=True,
        protocol=2,  # RESP3 changes the shape of XREAD
        socket_timeout=timeout_s,
        socket_connect_timeout=timeout_s,
        retry=Retry(NoBackoff(), 0),
    )
    pool: Any = client.connection_pool
    pool.connection_class = _packing(pool.connection_class)
    return client


@cache
def _packing(kind: type[Any]) -> type[Any]:
    """A connection that packs commands in C, as redis-py's do where they are not asyncio's.

    In Python that takes eight times as long: four microseconds for each item that is posted.
    """
    return type(kind.__name__, (kind,), {"pack_command": _packed})


def _packed(_: object, *arguments: Any) -> list[bytes]:
    packed: list[bytes] = HiredisRespSerializer().pack(*arguments)
    return packed


def address_of(url: str) -> Address:
    """Of the node that a cluster's URL names."""
    parts = urlsplit(url)
    return parts.hostname or "localhost", parts.port or 6379


def node_url(url: str, address: Address) -> str:
    """A cluster's URL → that of one node, with the same user and password."""
    parts = urlsplit(url.replace(CLUSTERED, "://", 1))
    user, at, _ = parts.netloc.rpartition("@")
    host, port = address
    netloc = f"{user}{at}{f'[{host}]' if ':' in host else host}:{port}"
    return parts._replace(netloc=netloc).geturl()


def script(redis: Redis | Cluster, name: str, *, frees: bool = False) -> Any:
    """The Lua script beside this file, run by its hash and loaded when Redis does not know it.

    One that `frees` memory runs in a Redis that is full too: else nothing would ever empty it.
    """
    text = code(name)
    if frees:
        text = text.replace("#!lua\n", "#!lua flags=allow-oom\n", 1)
    return redis.register_script(text)


def code(name: str) -> str:
    """A Lua script beside this file."""
    return (Path(__file__).parent / name).read_text()


async def read_time(redis: Redis) -> float:
    """Epoch seconds as Redis counts them."""
    seconds, micros = await redis.time()
    return int(seconds) + int(micros) / 1e6


async def read_durability(redis: Redis) -> str:
    """What an acknowledged write survives: aof-always, aof-everysec, memory or unknown."""
    try:
        found: Any = await redis.config_get("appendonly", "appendfsync")
    except RedisError:  # a managed Redis does not say
        return "unknown"
    if found.get("appendonly") == "no":
        return "memory"
    return {"always": "aof-always", "everysec": "aof-everysec"}.get(
        found.get("appendfsync", ""), "unknown"
    )
