"""What users did, by user: history, impressions seen, and the event ids that were taken.

All keys of a user carry the hash tag `{<user>}`, so a Redis Cluster keeps them together and spreads
users over its nodes.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from math import inf
from typing import Any, NamedTuple

import orjson
from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeout

from service import store
from service.cluster import Answer, Ask, Cluster
from service.event import POSITIVE, Event, Watched
from service.memory import Lists, ReadLists, Remembered
from service.together import Together

REMEMBERED_MS = 24 * 3600 * 1000  # how long an event id counts once

log = logging.getLogger(__name__)


class Read(NamedTuple):
    """Whose past is asked for, and whether with the items that were seen."""

    user_id: str
    seen: bool = True


@dataclass(frozen=True)
class Past:
    """A user's history, newest first by arrival, and the items of the last impressions."""

    history: list[Watched]
    seen: list[str]
    remembered: bool = False  # Redis does not answer, and this is what it said last


def keys(user_id: str) -> tuple[str, str, str]:
    """History, seen list, event ids taken."""
    # "{}" is no hash tag, and no id has a control character.
    user = f"\x1f{user_id}" if user_id.startswith("}") else user_id
    return (f"couple:hist:{{{user}}}", f"couple:seen:{{{user}}}", f"couple:taken:{{{user}}}")


async def read_lists(redis: Redis | Cluster, names: Sequence[str]) -> Lists:
    """Lists by the names of their keys, all in one round trip; the error where there is one.

    What a pipeline of redis-py does for each command on its way through its layers costs twice as
    much as the rest, and these are all alike.
    """
    if isinstance(redis, Cluster):
        return await redis.each(names, read_lists)
    pool: Any = redis.connection_pool  # its methods are untyped
    connection = await pool.get_connection()
    try:
        async with asyncio.timeout(connection.socket_timeout):
            await connection.send_packed_command(b"".join(map(_lrange, names)))
            return [await _list(connection) for _ in names]
    except TimeoutError as error:
        raise RedisTimeout("histories did not come in time") from error
    finally:
        await pool.release(connection)


def _lrange(name: str) -> bytes:
    key = name.encode()
    return b"*4\r\n$6\r\nLRANGE\r\n$%d\r\n%b\r\n$1\r\n0\r\n$2\r\n-1\r\n" % (len(key), key)


async def _list(connection: Any) -> list[str] | RedisError:
    """The next reply; a connection that fails on the way, or is given up, has hung up by itself."""
    try:
        found: list[str] = await connection.read_response(timeout=inf)
    except ResponseError as error:
        return error
    return found


class Histories:
    """Reads and writes of what users did; every call may raise redis.exceptions.RedisError."""

    def __init__(
        self,
        redis: Redis | Cluster,
        history_length: int,
        seen_length: int,
        lists: ReadLists | None = None,
        retention_s: float = 0,
    ) -> None:
        """`lists` reads for `read` and `read_all`; by default it asks this Redis.

        What `record` pushes outlives its user's last event by `retention_s`, if that is not 0.
        """
        self._redis = redis
        self._limits = (history_length, seen_length, REMEMBERED_MS, round(retention_s * 1000))
        self._script = store.script(redis, "events.lua")
        self._lists = Together(lists or partial(read_lists, redis))

    async def read(self, user_id: str) -> Past:
        """Everything a recommendation asks about a user, in one round trip."""
        (past,) = await self.read_all([Read(user_id)])
        if isinstance(past, RedisError):
            raise past
        return past

    async def read_all(self, reads: Sequence[Read]) -> list[Past | RedisError]:
        """The same for each of some users; the error where one has none.

        One round trip for these and for all others that are asked for at the same time.
        """
        names = [name for read in reads for name in keys(read.user_id)[: 1 + read.seen]]
        lists = iter(await self._lists(names))
        return [_past(next(lists), next(lists) if read.seen else []) for read in reads]

    async def record(self, events: Sequence[Event]) -> list[str]:
        """Push each event once; new, pending (its stream entry may be missing) or duplicate."""
        positions = defaultdict[str, list[int]](list)  # by one of the keys of their user
        for position, event in enumerate(events):
            positions[_taken_key(event.user_id)].append(position)

        async def push(redis: Redis, names: Sequence[str]) -> list[list[str]]:
            async with redis.pipeline(transaction=False) as pipe:
                for name in names:
                    mine = [events[n] for n in positions[name]]
                    arguments = [*self._limits, *_arguments(mine)]
                    await self._script(keys=keys(mine[0].user_id), args=arguments, client=pipe)
                return await pipe.execute()

        statuses = [""] * len(events)
        answers = await self._tell(list(positions), push)
        for mine, answer in zip(positions.values(), answers, strict=True):
            for position, status in zip(mine, answer, strict=True):
                statuses[position] = status
        return statuses

    async def settle(self, events: Sequence[Event], now: float) -> None:
        """Their stream entries are written: from now on their ids are duplicates."""
        scores = defaultdict[str, dict[str, int]](dict)
        for event in events:
            if event.event_id:
                scores[_taken_key(event.user_id)][event.event_id] = round(now * 1000)

        async def mark(redis: Redis, names: Sequence[str]) -> list[int]:
            async with redis.pipeline(transaction=False) as pipe:
                for name in names:
                    pipe.zadd(name, scores[name], xx=True)
                return await pipe.execute()

        await self._tell(list(scores), mark)

    async def erase(self, user_id: str) -> bool:
        """Forget a user; return whether there was anything."""

        async def drop(redis: Redis, _: Sequence[str]) -> list[int]:
            return [await redis.delete(*keys(user_id))]

        return any(await self._tell([_taken_key(user_id)], drop))

    async def _tell(self, names: Sequence[str], ask: Ask[Answer]) -> Sequence[Answer]:
        """The answer about each key; raises an error, though nodes without one were told."""
        if not isinstance(self._redis, Cluster):
            return await ask(self._redis, names)
        answers = []
        for answer in await self._redis.each(names, ask):
            if isinstance(answer, RedisError):
                raise answer
            answers.append(answer)
        return answers


def _taken_key(user_id: str) -> str:
    return keys(user_id)[2]


def _past(entries: list[str] | RedisError, seen: list[str] | RedisError) -> Past | RedisError:
    """What Redis answered for one user; its error does not touch the others'."""
    if isinstance(entries, RedisError):
        return entries
    remembered = isinstance(entries, Remembered) or isinstance(seen, Remembered)
    if isinstance(seen, RedisError):
        if not remembered:
            return seen
        seen = []  # it was not kept; better than no history
    return Past(_history(entries), seen, remembered)


def _history(entries: list[str]) -> list[Watched]:
    """All at once, or each by itself where one is not ours."""
    try:
        found = list(map(Watched.of, orjson.loads(f"[{','.join(entries)}]")))
    except ValueError:
        found = []
    if len(found) == len(entries):
        return found
    return [item for entry in entries if (item := _watched(entry))]


def _watched(entry: str) -> Watched | None:
    """None for what another hand than ours wrote; the log does not say what, nor of whom."""
    try:
        return Watched.decode(entry)
    except ValueError:
        log.error("an entry of a history cannot be read and is left out")
        return None


def _arguments(events: Sequence[Event]) -> list[str]:
    lines = (
        (
            event.event_id or "",
            event.entry() if event.type in POSITIVE else "",
            event.item_id if event.type == "impression" else "",
        )
        for event in events
    )
    return [argument for line in lines for argument in line]
