"""One Redis: does it let us in, does it keep what it acknowledged, has it room, is it quick."""

import time
from collections.abc import Iterator
from statistics import median
from typing import Any

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError, ResponseError
from redis.retry import Retry

from couple.findings import Finding, look, mend, well
from service.settings import Settings
from service.store import OLDEST

PINGS = 20
TIMEOUT_S = 2.0
FULL = 0.8  # of maxmemory
FAILURES = (RedisError, OSError, ValueError)  # of whatever is asked of it
REFUSALS = (AuthenticationError, NoPermissionError, ResponseError)

Info = dict[str, Any]


def connect(url: str) -> Redis:
    """A client that fails rather than waits."""
    client: Redis = Redis.from_url(
        url,
        decode_responses=True,
        socket_timeout=TIMEOUT_S,
        socket_connect_timeout=TIMEOUT_S,
        retry=Retry(NoBackoff(), 0),
    )
    return client


def failed(about: str, setting: str, where: object, error: Exception, advice: str) -> Finding:
    """One of `FAILURES`; `setting` names the Redis, and the advice is for where nothing answers."""
    if isinstance(error, REFUSALS):
        known = f"put the user and the password into {setting}: redis://user:password@host"
        return mend(about, f"{where} refuses us ({error})", known)
    why = str(error).rstrip(".") or type(error).__name__
    return mend(about, f"nothing answers at {where} ({why})", advice)


def version(about: str, info: Info, where: object) -> Finding:
    """Who answers there, and whether it is too old."""
    name = f"Valkey {info['valkey_version']}" if "valkey_version" in info else "Redis"
    version = str(info["redis_version"])  # which a Valkey says too, for those it is compatible with
    found = f"{name} ({version}) answers at {where}"
    if int(version.split(".")[0]) < OLDEST:
        return mend(about, found, f"run version {OLDEST} or newer")
    return well(about, found)


def findings(redis: Redis, info: Info, settings: Settings, held: str) -> Iterator[Finding]:
    """Persistence, eviction, disk, store size, latency; `held` is what it holds, in the plural."""
    yield from _configured(redis, held)
    yield _written(info)
    yield _room(info, held)
    yield _latency(redis, settings)


def _configured(redis: Redis, held: str) -> Iterator[Finding]:
    """What a managed Redis may not tell."""
    try:
        config: Any = redis.config_get("appendonly", "appendfsync", "maxmemory-policy")
    except RedisError:
        advice = "see at its provider that it appends every write to a file and evicts nothing"
        yield look("persistence", "this Redis does not tell its configuration", advice)
        return
    yield _persistence(config, held)
    yield _eviction(config, held)


def _persistence(config: dict[str, str], held: str) -> Finding:
    if config.get("appendonly") != "yes":
        return mend(
            "persistence",
            f"no append-only file: a restart loses {held}",
            "CONFIG SET appendonly yes, and the same in its configuration file",
        )
    sync = config.get("appendfsync", "")
    if sync == "no":
        return mend("persistence", "appendonly yes, but never synced", "set appendfsync everysec")
    return well("persistence", f"appendonly yes, appendfsync {sync}")


def _eviction(config: dict[str, str], held: str) -> Finding:
    policy = config.get("maxmemory-policy", "")
    if policy == "noeviction":
        return well("eviction", "noeviction")
    return mend(
        "eviction",
        f"maxmemory-policy {policy}: when full it drops {held} in silence",
        "CONFIG SET maxmemory-policy noeviction, and the same in its configuration file",
    )


def _written(info: Info) -> Finding:
    states = {
        "aof_last_write_status": info.get("aof_last_write_status", "ok"),
        "aof_last_bgrewrite_status": info.get("aof_last_bgrewrite_status", "ok"),
    }
    bad = [name for name, state in states.items() if state != "ok"]
    if bad:
        return mend("disk", f"{bad[0]} is not ok", "free room on its disk, and see its log")
    return well("disk", "the last write and the last rewrite of its file went well")


def _room(info: Info, held: str) -> Finding:
    used, most = int(info["used_memory"]), int(info.get("maxmemory", 0))
    if not most:
        return well("store size", f"{megabytes(used)} used, no limit set")
    found = f"{megabytes(used)} of {megabytes(most)} used"
    if used > FULL * most:
        return look("store size", found, f"raise maxmemory: a full one takes no more {held}")
    return well("store size", found)


def megabytes(size: int) -> str:
    """Of bytes, for people."""
    return f"{size / 2**20:,.0f} MB"


def _latency(redis: Redis, settings: Settings) -> Finding:
    took = []
    for _ in range(PINGS):
        began = time.perf_counter()
        redis.ping()
        took.append(time.perf_counter() - began)
    middle, worst = 1000 * median(took), 1000 * max(took)
    found = f"a round trip takes {middle:.2f} ms, {worst:.1f} ms at worst of {PINGS}"
    if middle > settings.redis_timeout_ms / 2:
        return mend("latency", found, "bring it nearer, or raise COUPLE_REDIS_TIMEOUT_MS")
    if worst > settings.redis_timeout_ms / 2:
        return look("latency", found, "see what else its machine does")
    return well("latency", found)
