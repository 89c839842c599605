"""The event stream on its way to Parquet: read on from what the folder holds, batch by batch."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from bundle.errors import CoupleError
from couple.drained import Drained
from couple.entries import NOBODY, Batch, Entry, StreamId, erasures
from service.event_stream import KEY

PAGE = 5000  # entries of one answer of Redis
LATE_MS = 300_000  # by which the record of an answer may follow the erasure of its user
REMEMBERED = 10_000  # erased users of whom a record may still come, the last
SHOWN = 5  # entries left out that are named
NOWHERE = StreamId(0, 0)

Say = Callable[[str], None]


class StreamForeign(CoupleError):
    """The folder holds entries of another stream."""


class StreamUnreachable(CoupleError):
    """Redis does not answer."""


@dataclass(frozen=True)
class Pace:
    """How much at once, and how often."""

    rows: int = 50_000  # entries of a batch, at most
    every_s: float = 60.0  # between two looks at the stream, when it is followed
    follow: bool = False


async def drain(redis: Redis, folder: Drained, pace: Pace, say: Say) -> Counter[str]:
    """Read to the head, or for ever; what is worth a word goes to `say`; return counts of rows.

    Raises:
        StreamForeign: the folder is ahead of this stream.
        StreamUnreachable: Redis does not answer, and it is not followed.
        FolderUnusable: the folder cannot be written.
    """
    counts: Counter[str] = Counter()
    erased: dict[str, float] | None = None
    while True:
        try:
            if erased is None:
                erased = await _erased(redis, folder.position)
            await _to_the_head(redis, folder, pace, say, counts, erased)
        except RedisError as error:
            if not pace.follow:
                raise StreamUnreachable(
                    f"Redis did not answer ({type(error).__name__}): set COUPLE_REDIS_URL, or run "
                    "the same command again; what is drained is kept"
                ) from error
            say(f"Redis did not answer ({type(error).__name__}): trying again")
        if not pace.follow:
            return counts
        await asyncio.sleep(pace.every_s)


async def _erased(redis: Redis, position: StreamId | None) -> dict[str, float]:
    """Users erased shortly before a position, and when: of them a record may still come.

    The stream says so, which a kill of the drain does not touch; the folder names nobody erased.
    """
    if position is None:
        return {}
    start, found = StreamId(max(0, position.ms - LATE_MS), 0), dict[str, float]()
    async for entries in _gathered(redis, start, PAGE, str(position)):
        found.update(erasures(entries))
    return found


async def _to_the_head(
    redis: Redis,
    folder: Drained,
    pace: Pace,
    say: Say,
    counts: Counter[str],
    erased: dict[str, float],
) -> None:
    """`erased` are users whose erasure was met before; those met here are added."""
    await _check(redis, folder.position, say)
    async for entries in _gathered(redis, folder.position or NOWHERE, pace.rows):
        for batch in batches(entries, erased):
            _remember(erased, batch.erased)
            counts["rows erased"] += folder.add(batch)
            counts["events"] += len(batch.events)
            counts["recommendations"] += len(batch.recommendations)
            counts["users erased"] += len(batch.erased)
            for id_ in batch.unread[: max(0, SHOWN - counts["unread"])]:
                say(f"entry {id_} is none that this version knows: left out")
            counts["unread"] += len(batch.unread)


def _remember(erased: dict[str, float], more: Mapping[str, float]) -> None:
    """Add users, and forget those that were added longest ago."""
    for user in more:
        erased.pop(user, None)
    erased.update(more)
    for user in list(erased)[:-REMEMBERED]:
        del erased[user]


async def _check(redis: Any, position: StreamId | None, say: Say) -> None:
    """Whether the stream is the one that was drained, and still holds what comes next."""
    last, dropped = NOWHERE, 0
    try:
        info = await redis.xinfo_stream(KEY)
        last = StreamId.of(info["last-generated-id"])
        dropped = info["entries-added"] - info["length"]
    except ResponseError as error:
        if "no such key" not in str(error):
            raise
    if position is None:
        if dropped:
            say(f"the stream had dropped {dropped:,} entries before this folder began")
    elif last < position:
        raise StreamForeign(
            f"the folder holds entries up to {position}, but the stream ends at {last}: it was "
            "drained from another store, so name another folder"
        )
    elif last > position and not await redis.xrange(KEY, str(position), str(position)):
        oldest = await redis.xrange(KEY, count=1)
        end = StreamId.of(oldest[0][0]) if oldest else last
        say(
            f"events between {position.time:%F %T} and {end.time:%F %T} UTC may be lost, erasures "
            "among them: the stream had dropped them before they were drained "
            "(COUPLE_EVENTS_LENGTH)"
        )


async def _gathered(
    redis: Any, after: StreamId, rows: int, end: str = "+"
) -> AsyncIterator[list[Entry]]:
    """Lists of up to so many entries after a position, to the head or to an end."""
    entries: list[Entry] = []
    while page := await redis.xrange(KEY, f"({after}", end, min(PAGE, rows - len(entries))):
        entries.extend(Entry(StreamId.of(id_), fields) for id_, fields in page)
        after = entries[-1].id
        if len(entries) >= rows:
            yield entries
            entries = []
    if entries:
        yield entries


def batches(entries: Sequence[Entry], before: Mapping[str, float] = NOBODY) -> Iterator[Batch]:
    """One for each day among these entries; `before`: as `Batch.of` has it, read for each."""
    for _, some in groupby(entries, key=lambda entry: entry.id.day):
        yield Batch.of(list(some), before)
