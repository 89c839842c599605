"""Entries of the event stream → rows for Parquet, one table a kind, erasures already applied."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

import orjson
import polars as pl
from pydantic import TypeAdapter

from service import exposure
from service.event import Event
from service.exposure import Exposure

ARRIVED: dict[str, pl.DataType] = {
    "stream_id": pl.String(),
    "arrived": pl.Datetime("ms", "UTC"),  # by the clock of Redis
}
EVENTS: dict[str, pl.DataType] = ARRIVED | {
    "user_id": pl.String(),
    "item_id": pl.String(),
    "type": pl.String(),
    "time": pl.Float64(),  # epoch seconds, as the caller told it
    "tags": pl.List(pl.String()),
    "title": pl.String(),
    "domain": pl.String(),
    "event_id": pl.String(),
    "request_id": pl.String(),
    "author_id": pl.String(),
}
RECOMMENDATIONS: dict[str, pl.DataType] = ARRIVED | {
    "request_id": pl.String(),
    "user_id": pl.String(),
    "time": pl.Float64(),
    "version": pl.String(),
    "sequence": pl.String(),
    "experiments": pl.List(
        pl.Struct(
            {"experiment": pl.String, "arm": pl.String, "bucket": pl.Int64, "forced": pl.Boolean}
        )
    ),
    "candidates": pl.List(
        pl.Struct({"item_id": pl.String, "channel": pl.String, "published_at": pl.Float64})
    ),
}
NOBODY: Mapping[str, float] = {}
_EVENT = TypeAdapter(Event)


class StreamId(NamedTuple):
    """Where an entry stands: milliseconds since 1970 and a number within them."""

    ms: int
    number: int

    @classmethod
    def of(cls, text: str) -> "StreamId":
        """Read `ms-number`; raise ValueError."""
        ms, number = text.split("-")
        return cls(int(ms), int(number))

    def __str__(self) -> str:
        return f"{self.ms}-{self.number}"

    @property
    def time(self) -> datetime:
        return datetime.fromtimestamp(self.ms / 1000, UTC)

    @property
    def day(self) -> str:
        return self.time.date().isoformat()


class Entry(NamedTuple):
    """One entry as Redis gives it."""

    id: StreamId
    fields: dict[str, str]


@dataclass(frozen=True)
class Batch:
    """Neighbouring entries of one day (UTC)."""

    first: StreamId
    last: StreamId
    events: pl.DataFrame
    recommendations: pl.DataFrame
    erased: Mapping[str, float]  # users of whom nothing that stands before may be kept, and when
    unread: tuple[StreamId, ...]  # entries that another hand, or a later version, wrote

    @classmethod
    def of(cls, entries: Sequence[Entry], before: Mapping[str, float] = NOBODY) -> "Batch":
        """At least one entry, in order; `before`: erasures that stand before them, by user."""
        reading = _Reading(before)
        for place, entry in enumerate(entries):
            reading.take(place, entry)
        return cls(
            entries[0].id,
            entries[-1].id,
            _table(reading.kept(reading.events), EVENTS),
            _table(reading.kept(reading.exposures), RECOMMENDATIONS),
            {user: one.time for user, one in reading.erased.items() if one.place >= 0},
            tuple(reading.unread),
        )


class Erasure(NamedTuple):
    """A user's; the time is epoch seconds."""

    place: int
    time: float

    def takes(self, place: int, fact: Event | Exposure) -> bool:
        """What stands before it, and an answer given before it whose record was on its way."""
        return place < self.place or (isinstance(fact, Exposure) and fact.time < self.time)


class _Reading:
    """What some entries said."""

    def __init__(self, before: Mapping[str, float]) -> None:
        self.events: list[tuple[int, StreamId, Event]] = []
        self.exposures: list[tuple[int, StreamId, Exposure]] = []
        # user → the last one
        self.erased = {user: Erasure(-1, time) for user, time in before.items()}
        self.unread: list[StreamId] = []

    def take(self, place: int, entry: Entry) -> None:
        """One more entry."""
        try:
            kind, data = entry.fields["kind"], entry.fields["data"]
            if kind == "event":
                self.events.append((place, entry.id, _EVENT.validate_json(data)))
            elif kind == exposure.KIND:
                self.exposures.append((place, entry.id, Exposure.decode(data)))
            elif kind == "erasure":
                user, time = _erasure(data)
                self.erased[user] = Erasure(place, time)
            else:
                self.unread.append(entry.id)
        except (KeyError, TypeError, ValueError):
            self.unread.append(entry.id)

    def kept(
        self, rows: Iterable[tuple[int, StreamId, Event | Exposure]]
    ) -> list[tuple[StreamId, Event | Exposure]]:
        """Those that no erasure takes away."""
        none = Erasure(0, -math.inf)
        return [
            (id_, fact)
            for place, id_, fact in rows
            if not self.erased.get(fact.user_id, none).takes(place, fact)
        ]


def erasures(entries: Iterable[Entry]) -> Iterator[tuple[str, float]]:
    """Users and epoch seconds of the erasures among some entries; what cannot be read is left."""
    for entry in entries:
        if entry.fields.get("kind") == "erasure":
            with suppress(KeyError, TypeError, ValueError):
                yield _erasure(entry.fields["data"])


def _erasure(data: str) -> tuple[str, float]:
    told = orjson.loads(data)
    return str(told["user_id"]), float(told.get("time", 0))


def _table(
    rows: Sequence[tuple[StreamId, Event | Exposure]], schema: dict[str, pl.DataType]
) -> pl.DataFrame:
    columns: dict[str, list[object]] = {
        "stream_id": [str(id_) for id_, _ in rows],
        "arrived": [id_.ms for id_, _ in rows],
    }
    for name in list(schema)[len(ARRIVED) :]:
        columns[name] = [getattr(fact, name) for _, fact in rows]
    return pl.DataFrame(
        {name: _series(name, columns[name], kind) for name, kind in schema.items()}, schema=schema
    )


def _series(name: str, values: list[object], kind: pl.DataType) -> pl.Series:
    if isinstance(kind, pl.List) and isinstance(kind.inner, pl.Struct):
        names = [field.name for field in kind.inner.fields]
        values = [[dict(zip(names, one, strict=True)) for one in some] for some in values]  # type: ignore[attr-defined]  # tuples
    return pl.Series(name, values, dtype=kind)
