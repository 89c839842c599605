"""The store: is it a Redis that the catalogue can lie in, and is its clock ours."""

import time
from collections.abc import Callable, Iterator
from typing import Any

from redis import Redis

from couple import node_examination as node
from couple.findings import Finding, look, mend, well
from service.catalogue import IDS
from service.event_stream import KEY
from service.settings import Settings

ABOUT = "redis"
SETTING = "COUPLE_REDIS_URL"
SKEW_S = 1.0  # replicas take Redis' clock; beyond that, `published_at` of other hosts looks wrong
ENTRY_BYTES = 1200  # of the event stream, as it is for a recommendation
SHORT_S = 600.0  # of events that a drain may miss


def examine(settings: Settings, now: Callable[[], float] = time.time) -> tuple[list[Finding], int]:
    """What there is to say, and how many items the catalogue holds; `now` is our clock."""
    url = settings.redis_url
    try:
        with node.connect(url.get_secret_value()) as redis:
            found = [*_findings(redis, settings, now)]
            held: Any = redis.zcard(IDS)
            return found, int(held)
    except node.FAILURES as error:
        advice = f"start a Redis there, set {SETTING}, or serve with --embedded"
        return [node.failed(ABOUT, SETTING, url, error, advice)], 0


def _findings(redis: Redis, settings: Settings, now: Callable[[], float]) -> Iterator[Finding]:
    info: Any = redis.info()
    yield node.version(ABOUT, info, settings.redis_url)
    yield _role(info)
    yield from node.findings(redis, info, settings, "items and histories")
    yield _stream(redis, info, settings, now())
    yield _clock(redis, now)


def _role(info: dict[str, Any]) -> Finding:
    role = str(info.get("role", "master"))
    if role != "master":
        return mend("role", f"it is a {role}, which takes no writes", "name its master")
    if info.get("cluster_enabled"):
        advice = "name a Redis that is none; a cluster may keep histories (COUPLE_HISTORIES_URL)"
        return mend("role", "it is a node of a cluster", advice)
    return well("role", "a master of its own")


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
        advice = f"full, it takes {node.megabytes(wanted)} more: raise maxmemory, or lower"
        return look("events", found, f"{advice} COUPLE_EVENTS_LENGTH")
    if held >= most and back < SHORT_S:
        advice = "drain it more often than that, or raise COUPLE_EVENTS_LENGTH"
        return look("events", found, advice)
    return well("events", found)


def _clock(redis: Redis, now: Callable[[], float]) -> Finding:
    before = now()
    told: Any = redis.time()
    skew = int(told[0]) + int(told[1]) / 1e6 - (before + now()) / 2
    if abs(skew) > SKEW_S:
        found = f"its clock is {abs(skew):,.1f} s {'ahead of' if skew > 0 else 'behind'} ours"
        return look("clock", found, "run NTP on both: items come out and expire by its clock")
    return well("clock", f"its clock differs from ours by {1000 * abs(skew):,.0f} ms")
