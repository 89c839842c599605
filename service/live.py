"""What the arms of experiments did so far, counted in Redis as it happens; and the last analysis.

Quick figures to watch a test by, not to judge it: an event counts for the arm that its user is in,
whatever answer it names, and an impression that is told twice without an `event_id` counts twice.
`couple experiments report` joins each event with its request.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import orjson
from redis.asyncio import Redis

from service import store
from service.event import Event
from service.experiment import Experiment
from service.experiments import Assignment, Experiments
from service.item import Item
from service.metrics import COLD_S

COUNTS = "couple:{experiments}:counts"
FORCED = "couple:{experiments}:forced"
ANALYSES = "couple:{experiments}:analyses"
KEPT = 10_000  # requests with a forced arm that are remembered
KINDS = ("impressions", "clicks", "cold_impressions")


class Answered(NamedTuple):
    """One answer: whose, in which arms."""

    user_id: str
    arms: Sequence[Assignment]


class Live:
    """Every call but those that queue on a pipeline may raise redis.exceptions.RedisError."""

    def __init__(self, redis: Redis) -> None:
        self._redis: Any = redis  # its annotations leave str or bytes open; ours decodes
        self._code = store.code("tally.lua")

    def answered(self, pipe: Any, answers: Iterable[Answered]) -> None:
        """Queue the counting of users by arm, but for arms that were forced."""
        users = defaultdict[str, set[str]](set)
        for one in answers:
            for arm in one.arms:
                if not arm.forced:
                    users[users_key(arm.experiment, arm.arm.name)].add(one.user_id)
        for key, some in users.items():
            pipe.pfadd(key, *some)

    def told(self, pipe: Any, pairs: Sequence[str]) -> None:
        """Queue the counting of what `fields` made of events."""
        if pairs:
            pipe.eval(self._code, 2, COUNTS, FORCED, *pairs)

    async def force(self, request_id: str, now: float) -> None:
        """Note, before it is answered, that a request forces its arm: its events do not count."""
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.zadd(FORCED, {request_id: now})
            pipe.zremrangebyrank(FORCED, 0, -1 - KEPT)
            await pipe.execute()

    async def arms(self, one: Experiment) -> list[dict[str, Any]]:
        """Each arm's figures so far, in order."""
        names = [arm.name for arm in one.arms]
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.hmget(COUNTS, _counted(one))
            for name in names:
                pipe.pfcount(users_key(one.name, name))
            found, *users = await pipe.execute()
        counts = iter(int(count or 0) for count in found)
        return [
            _figures(name, some, dict(zip(KINDS, counts, strict=False)))
            for name, some in zip(names, users, strict=True)
        ]

    async def forget(self, one: Experiment) -> None:
        """Drop its figures: its name may be another's from now on."""
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.hdel(COUNTS, *_counted(one))
            pipe.hdel(ANALYSES, one.name)
            for arm in one.arms:
                pipe.delete(users_key(one.name, arm.name))
            await pipe.execute()

    async def keep(self, name: str, analysis: str) -> None:
        """Store an analysis, JSON, in place of the one before."""
        await self._redis.hset(ANALYSES, name, analysis)

    async def analysis(self, name: str) -> Any:
        """What `couple experiments report` stored last; None where it did not, or wrote no JSON."""
        text = await self._redis.hget(ANALYSES, name)
        try:
            return orjson.loads(text) if text else None
        except orjson.JSONDecodeError:
            return None


def _counted(one: Experiment) -> list[str]:
    """Its fields of `COUNTS`."""
    return [f"{one.name}:{arm.name}:{kind}" for arm in one.arms for kind in KINDS]


def users_key(experiment: str, arm: str) -> str:
    return f"couple:{{experiments}}:users:{experiment}:{arm}"


def fields(
    experiments: Experiments, events: Iterable[Event], items: Mapping[str, Item], now: float
) -> list[str]:
    """Pairs of request id and what counts of it: impressions and clicks that name a request."""
    if not experiments.running:
        return []
    pairs: list[str] = []
    for event in events:
        for kind in _kinds(event, items.get(event.item_id), now):
            for one in experiments.assigned(event.user_id):
                pairs += event.request_id or "", f"{one.experiment}:{one.arm.name}:{kind}"
    return pairs


def _kinds(event: Event, item: Item | None, now: float) -> Iterator[str]:
    if event.request_id is None:
        return
    if event.type == "click":
        yield "clicks"
    elif event.type == "impression":
        yield "impressions"
        published = item.published_at if item else None
        if published is not None and now - published <= COLD_S:
            yield "cold_impressions"


def _figures(name: str, users: int, counts: Mapping[str, int]) -> dict[str, Any]:
    shown = counts["impressions"]
    ctr = counts["clicks"] / shown if shown else None
    return {"name": name, "users": users, **counts, "ctr": ctr}
