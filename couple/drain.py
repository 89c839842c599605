"""The event stream on its way to Parquet: read on from what the folder holds, batch by batch."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from bundle.errors import CoupleError
from couple.drained import Drained
from couple.entries import Batch, Entry, StreamId
from service.event_stream import KEY

PAGE = 5000  # entries of one answer of Redis
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
    while True:
        try:
            await _to_the_head(redis, folder, pace, say, counts)
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


async def _to_the_head(
    redis: Redis, folder: Drained, pace: Pace, say: Say, counts: Counter[str]
) -> None:
    await _check(redis, folder.position, say)
    async for entries in _gathered(redis, folder.position or NOWHERE, pace.rows):
        for batch in batches(entries):
            counts["rows erased"] += folder.add(batch)
            counts["events"] += len(batch.events)
            counts["recommendations"] += len(batch.recommendations)
            counts["users erased"] += len(batch.erased)
            for id_ in batch.unread[: max(0, SHOWN - counts["unread"])]:
                say(f"entry {id_} is none that this version knows: left out")
            counts["unread"] += len(batch.unread)


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


async def _gathered(redis: Any, after: StreamId, rows: int) -> AsyncIterator[list[Entry]]:
    """Lists of up to so many entries after a position, to the head."""
    entries: list[Entry] = []
    while page := await redis.xrange(KEY, f"({after}", count=min(PAGE, rows - len(entries))):
        entries.extend(Entry(StreamId.of(id_), fields) for id_, fields in page)
        after = entries[-1].id
        if len(entries) >= rows:
            yield entries
            entries = []
    if entries:
        yield entries


def batches(entries: Sequence[Entry]) -> Iterator[Batch]:
    """One for each day among these entries."""
    for _, some in groupby(entries, key=lambda entry: entry.id.day):
        yield Batch.of(list(some))
