"""The store: does it answer, does it keep what it acknowledged, is it quick, is its clock ours."""

import time
from collections.abc import Callable, Iterator
from statistics import median
from typing import Any

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError, ResponseError
from redis.retry import Retry

from couple.findings import Finding, look, mend, well
from service.catalogue import IDS
from service.event_stream import KEY
from service.settings import Settings
from service.store import OLDEST

ABOUT = "redis"
PINGS = 20
TIMEOUT_S = 2.0
SKEW_S = 1.0  # replicas take Redis' clock; beyond that, `published_at` of other hosts looks wrong
FULL = 0.8  # of maxmemory
ENTRY_BYTES = 1200  # of the event stream, as it is for a recommendation
SHORT_S = 600.0  # of events that a drain may miss


def examine(settings: Settings, now: Callable[[], float] = time.time) -> tuple[list[Finding], int]:
    """What there is to say, and how many items the catalogue holds; `now` is our clock."""
    url = settings.redis_url
    try:
        with _client(settings) as redis:
            redis.ping()
            found = [*_findings(redis, settings, now)]
            held: Any = redis.zcard(IDS)
            return found, int(held)
    except (AuthenticationError, NoPermissionError, ResponseError) as error:
        advice = "put the user and the password into COUPLE_REDIS_URL: redis://user:password@host"
        return [mend(ABOUT, f"{url} refuses us ({error})", advice)], 0
    except (RedisError, OSError, ValueError) as error:
        advice = "start a Redis there, set COUPLE_REDIS_URL, or serve with --embedded"
        return [mend(ABOUT, f"nothing answers at {url} ({_short(error)})", advice)], 0


def _client(settings: Settings) -> Redis:
    client: Redis = Redis.from_url(
        settings.redis_url.get_secret_value(),
        decode_responses=True,
        socket_timeout=TIMEOUT_S,
        socket_connect_timeout=TIMEOUT_S,
        retry=Retry(NoBackoff(), 0),
    )
    return client


def _findings(redis: Redis, settings: Settings, now: Callable[[], float]) -> Iterator[Finding]:
    info: Any = redis.info()
    yield _version(info, settings)
    yield _clustered(info)
    yield from _configured(redis)
    yield _written(info)
    yield _room(info)
    yield _stream(redis, info, settings, now())
    yield _latency(redis, settings)
    yield _clock(redis, now)


def _version(info: dict[str, Any], settings: Settings) -> Finding:
    name = f"Valkey {info['valkey_version']}" if "valkey_version" in info else "Redis"
    version = str(info["redis_version"])  # which a Valkey says too, for those it is compatible with
    found = f"{name} ({version}) answers at {settings.redis_url}"
    if int(version.split(".")[0]) < OLDEST:
        return mend(ABOUT, found, f"run version {OLDEST} or newer")
    return well(ABOUT, found)


def _clustered(info: dict[str, Any]) -> Finding:
    role = str(info.get("role", "master"))
    if role != "master":
        return mend("role", f"it is a {role}, which takes no writes", "name its master")
    if info.get("cluster_enabled"):
        advice = "name a Redis that is none; a cluster may keep histories (COUPLE_HISTORIES_URL)"
        return mend("role", "it is a node of a cluster", advice)
    return well("role", "a master of its own")


def _configured(redis: Redis) -> Iterator[Finding]:
    """What a managed Redis may not tell."""
    try:
        config: Any = redis.config_get("appendonly", "appendfsync", "maxmemory-policy")
    except RedisError:
        advice = "see at its provider that it appends every write to a file and evicts nothing"
        yield look("persistence", "this Redis does not tell its configuration", advice)
        return
    yield _persistence(config)
    yield _eviction(config)


def _persistence(config: dict[str, str]) -> Finding:
    if config.get("appendonly") != "yes":
        return mend(
            "persistence",
            "no append-only file: a restart loses items and histories",
            "CONFIG SET appendonly yes, and the same in its configuration file",
        )
    sync = config.get("appendfsync", "")
    if sync == "no":
        return mend("persistence", "appendonly yes, but never synced", "set appendfsync everysec")
    return well("persistence", f"appendonly yes, appendfsync {sync}")


def _eviction(config: dict[str, str]) -> Finding:
    policy = config.get("maxmemory-policy", "")
    if policy == "noeviction":
        return well("eviction", "noeviction")
    return mend(
        "eviction",
        f"maxmemory-policy {policy}: a full store drops items in silence",
        "CONFIG SET maxmemory-policy noeviction, and the same in its configuration file",
    )


def _written(info: dict[str, Any]) -> Finding:
    states = {
        "aof_last_write_status": info.get("aof_last_write_status", "ok"),
        "aof_last_bgrewrite_status": info.get("aof_last_bgrewrite_status", "ok"),
    }
    bad = [name for name, state in states.items() if state != "ok"]
    if bad:
        return mend("disk", f"{bad[0]} is not ok", "free room on its disk, and see its log")
    return well("disk", "the last write and the last rewrite of its file went well")


def _room(info: dict[str, Any]) -> Finding:
    used, most = int(info["used_memory"]), int(info.get("maxmemory", 0))
    if not most:
        return well("store size", f"{_mb(used)} used, no limit set")
    found = f"{_mb(used)} of {_mb(most)} used"
    if used > FULL * most:
        return look("store size", found, "raise maxmemory: a full store takes no more items")
    return well("store size", found)


def _stream(redis: Redis, info: dict[str, Any], settings: Settings, now: float) -> Finding:
    """Whether the event stream has room, and how far back it reaches: what is older is gone."""
    held: Any = redis.xlen(KEY)
    oldest: Any = redis.xrange(KEY, count=1)
    most = settings.events_length
    back = now - int(oldest[0][0].split("-")[0]) / 1000 if oldest else 0.0
    found = f"{held:,} of about {most:,} entries, {back / 60:,.0f} minutes back"
    wanted = ENTRY_BYTES * max(0, most - held)
    room = int(info.get("maxmemory", 0)) - int(info["used_memory"])
    if info.get("maxmemory") and wanted > room:
        advice = f"full, it takes {_mb(wanted)} more: raise maxmemory, or lower"
        return look("events", found, f"{advice} COUPLE_EVENTS_LENGTH")
    if held >= most and back < SHORT_S:
        advice = "drain it more often than that, or raise COUPLE_EVENTS_LENGTH"
        return look("events", found, advice)
    return well("events", found)


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


def _clock(redis: Redis, now: Callable[[], float]) -> Finding:
    before = now()
    told: Any = redis.time()
    skew = int(told[0]) + int(told[1]) / 1e6 - (before + now()) / 2
    if abs(skew) > SKEW_S:
        found = f"its clock is {abs(skew):,.1f} s {'ahead of' if skew > 0 else 'behind'} ours"
        return look("clock", found, "run NTP on both: items come out and expire by its clock")
    return well("clock", f"its clock differs from ours by {1000 * abs(skew):,.0f} ms")


def _mb(size: int) -> str:
    return f"{size / 2**20:,.0f} MB"


def _short(error: Exception) -> str:
    return str(error).rstrip(".") or type(error).__name__
