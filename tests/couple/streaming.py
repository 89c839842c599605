"""An event stream written by hand, with ids that say when, and a drain of it in this process."""

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl

from couple.drain import Pace, drain
from couple.drained import drained
from service import exposure
from service.event import Event
from service.event_stream import KEY
from service.exposure import Exposure, Placed, Shown
from service.settings import Settings
from service.store import connect

DAY_MS = 86_400_000
BEGAN = 20_000 * DAY_MS  # 2024-10-04


def event(user_id: str, item_id: str, **given: Any) -> Event:
    """A click on a video."""
    facts = {"type": "click", "time": 1.5, "tags": ["wok"], "domain": "video", **given}
    return Event(user_id, item_id, **facts)


def recommended(user_id: str, request_id: str, time: float = 1.5) -> Exposure:
    """An answer of one candidate; erasures are told at 1."""
    arms = (Placed("e", "a", 1),)
    shown = (Shown("v1", "model", 7.0),)
    return Exposure(request_id, user_id, time, "9f3c", "s.1-0", arms, shown)


def write(redis: Any, *facts: Event | Exposure | str, at: int = 0) -> None:
    """Entries in this order, a millisecond apart, `at` ms after the beginning; text: an erasure."""
    for number, fact in enumerate(facts):
        if isinstance(fact, str):
            fields = {"kind": "erasure", "data": f'{{"user_id":"{fact}","time":1}}'}
        else:
            kind = "event" if isinstance(fact, Event) else exposure.KIND
            fields = {"kind": kind, "data": fact.encode()}
        redis.xadd(KEY, fields, id=f"{BEGAN + at + number}-0")


def drain_into(
    folder: Path, settings: Settings, rows: int = 1000
) -> tuple[Counter[str], list[str]]:
    """What one run counted, and what it said."""
    return asyncio.run(draining(folder, settings, rows))


async def draining(
    folder: Path, settings: Settings, rows: int = 1000
) -> tuple[Counter[str], list[str]]:
    """The same in a loop that runs."""
    said: list[str] = []
    async with connect(settings, 30.0) as redis:
        with drained(folder) as owned:
            return await drain(redis, owned, Pace(rows), said.append), said


def kept(folder: Path, name: str = "events") -> list[tuple[str, str]]:
    """User and item (or request) of every row, in order of the files' names."""
    files = sorted(folder.glob(f"day=*/*/{name}.parquet"))
    what = "item_id" if name == "events" else "request_id"
    return [row for path in files for row in pl.read_parquet(path).select("user_id", what).rows()]
