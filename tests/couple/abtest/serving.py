"""Drained folders made by hand: who was shown what in which arm, and what they clicked."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from couple.drained import drained
from couple.entries import Batch, Entry, StreamId
from service import exposure
from service.event import Event
from service.exposure import Exposure, Placed, Shown

HOUR_MS = 3_600_000
DAY_S = 86_400.0
BEGAN = 20_000 * 24 * HOUR_MS  # 2024-10-04
BEGAN_S = BEGAN / 1000
NEW = BEGAN_S - DAY_S  # published a day before
OLD = BEGAN_S - 100 * DAY_S

Fact = Event | Exposure


def answer(
    request_id: str,
    user_id: str,
    arm: str | None,
    items: Mapping[str, float | None],
    *,
    forced: bool = False,
    experiment: str = "e",
) -> Exposure:
    """An answer of these items with their times of publication."""
    placed = (Placed(experiment, arm, 1, forced),) if arm else ()
    shown = tuple(Shown(item, "model", published) for item, published in items.items())
    return Exposure(request_id, user_id, BEGAN_S, "9f3c", None, placed, shown)


def told(request_id: str | None, user_id: str, item_id: str, type_: str = "impression") -> Event:
    """What a caller says of an answer; its clock is wrong by years."""
    facts = {"type": type_, "time": 5.0, "tags": ["wok"], "domain": "video"}
    return Event(user_id, item_id, request_id=request_id, **facts)  # type: ignore[arg-type]  # facts


def keep(folder: Path, facts: Iterable[tuple[float, Fact]]) -> Path:
    """Entries that arrived so many hours after the beginning, as the drain keeps them."""
    entries = [
        Entry(
            StreamId(BEGAN + round(hours * HOUR_MS), number),
            {"kind": _kind(fact), "data": fact.encode()},
        )
        for number, (hours, fact) in enumerate(facts)
    ]
    with drained(folder) as owned:
        owned.add(Batch.of(entries))
    return folder


def _kind(fact: Fact) -> str:
    return exposure.KIND if isinstance(fact, Exposure) else "event"
