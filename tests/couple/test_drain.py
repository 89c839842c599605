"""What the stream retained lies in Parquet, each event once, and nothing of users erased."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from couple.drain import StreamForeign, StreamUnreachable
from couple.drained import DrainRunning, FolderUnusable, drained
from service.event_stream import KEY
from service.settings import Settings
from tests.couple.streaming import (
    BEGAN,
    DAY_MS,
    drain_into,
    draining,
    event,
    kept,
    recommended,
    write,
)
from tests.service.conftest import Configure
from tests.service.running import ok, running
from tests.trainer.sources.writing import tags_of, taken
from trainer.sources.parquet import prepare


@pytest.fixture
def settings(configure: Configure) -> Settings:
    return configure()


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "events"


def leave_half(batch: Path) -> None:
    """What a drain that was killed while it wrote leaves."""
    batch.mkdir(parents=True)
    (batch / "events.parquet").write_bytes(b"PAR1 and then")


def test_every_event_comes_once_run_after_run(redis: Any, settings: Settings, out: Path) -> None:
    """A second run adds what is new, a third nothing."""
    write(redis, event("u1", "v1"), event("u2", "v2"))
    counts, said = drain_into(out, settings)
    assert (counts["events"], said) == (2, [])
    write(redis, event("u1", "v3"), at=9)
    assert drain_into(out, settings)[0]["events"] == 1
    assert drain_into(out, settings)[0]["events"] == 0
    assert kept(out) == [("u1", "v1"), ("u2", "v2"), ("u1", "v3")]


def test_a_batch_holds_one_day_and_no_more_than_it_may(
    redis: Any, settings: Settings, out: Path
) -> None:
    """Its folder names the first and the last entry; the day is that of their arrival."""
    for day in range(2):
        write(redis, *(event("u1", f"v{n}") for n in range(3)), at=day * DAY_MS)
    drain_into(out, settings, rows=2)
    names = sorted(str(path.relative_to(out)) for path in out.glob("day=*/*"))
    first, second = BEGAN, BEGAN + DAY_MS
    assert names == [
        f"day=2024-10-04/{first}-0_{first + 1}-0",
        f"day=2024-10-04/{first + 2}-0_{first + 2}-0",
        f"day=2024-10-05/{second}-0_{second}-0",
        f"day=2024-10-05/{second + 1}-0_{second + 2}-0",
    ]
    assert len(kept(out)) == 6


def test_everything_an_event_said_is_there(redis: Any, settings: Settings, out: Path) -> None:
    """And when it arrived, whatever time its caller told."""
    said = {"title": "A wok", "event_id": "e", "request_id": "r", "author_id": "a"}
    write(redis, event("u1", "v1", **said))
    drain_into(out, settings)
    (row,) = pl.read_parquet(next(out.glob("day=*/*/events.parquet"))).to_dicts()
    assert row.pop("arrived").timestamp() * 1000 == BEGAN
    assert row == {
        "stream_id": f"{BEGAN}-0",
        "user_id": "u1",
        "item_id": "v1",
        "type": "click",
        "time": 1.5,
        "tags": ["wok"],
        "domain": "video",
        **said,
    }


def test_recommendations_lie_beside_the_events(redis: Any, settings: Settings, out: Path) -> None:
    """With their arms and first candidates."""
    write(redis, recommended("u1", "r1"), event("u1", "v1"))
    counts, _ = drain_into(out, settings)
    assert (counts["events"], counts["recommendations"]) == (1, 1)
    (row,) = pl.read_parquet(next(out.glob("day=*/*/recommendations.parquet"))).to_dicts()
    assert row["experiments"] == [{"experiment": "e", "arm": "a", "bucket": 1, "forced": False}]
    assert row["candidates"] == [{"item_id": "v1", "channel": "model", "published_at": 7.0}]


def test_an_erased_user_goes_from_every_day(redis: Any, settings: Settings, out: Path) -> None:
    """From days drained long ago and from the same batch; what came after the erasure stays."""
    write(redis, event("u1", "old"), event("u2", "old"), recommended("u1", "r1"))
    drain_into(out, settings)
    write(redis, event("u1", "new"), "u1", event("u1", "again"), event("u2", "new"), at=DAY_MS)
    counts, _ = drain_into(out, settings)
    assert (counts["users erased"], counts["rows erased"]) == (1, 2)
    assert kept(out) == [("u2", "old"), ("u1", "again"), ("u2", "new")]
    assert kept(out, "recommendations") == []


def test_an_answer_on_its_way_when_its_user_is_erased_goes_too(
    redis: Any, settings: Settings, out: Path
) -> None:
    """Its record may follow the erasure; of another user, or given afterwards, it stays."""
    late = (recommended("u1", "r1", 0.99), recommended("u2", "r2", 0.99))
    write(redis, "u1", *late, recommended("u1", "r3", 1.01))
    drain_into(out, settings)
    table = pl.read_parquet(next(out.glob("day=*/*/recommendations.parquet")))
    assert table["request_id"].to_list() == ["r2", "r3"]


@pytest.mark.parametrize("between", [1, 60_000, DAY_MS])
@pytest.mark.parametrize("runs", [1, 2])
def test_so_it_does_where_the_erasure_lies_in_a_batch_before(
    redis: Any, settings: Settings, out: Path, between: int, runs: int
) -> None:
    """Of the same run or of one before, the same day or not; what was asked later stays."""
    write(redis, recommended("u1", "r0"), "u1")
    if runs == 2:
        drain_into(out, settings)
    write(redis, recommended("u1", "r1", 0.99), recommended("u2", "r2", 0.99), at=between + 1)
    write(redis, recommended("u1", "r3", 1.01), at=between + 9)
    drain_into(out, settings, rows=1)
    drain_into(out, settings)
    assert kept(out, "recommendations") == [("u2", "r2"), ("u1", "r3")]


def test_a_user_is_erased_whatever_batch_the_erasure_is_in(
    redis: Any, settings: Settings, out: Path
) -> None:
    """First or last of its batch, alone in it, twice: the rows are those of one large batch."""
    late = recommended("u1", "r1", 0.5)
    write(redis, event("u1", "v1"), "u1", late, event("u2", "v2"), "u1", event("u1", "v3"))
    write(redis, late, event("u1", "v4"), "u2", at=9)
    for rows in (1, 2, 3, 4, 1000):
        drain_into(out / str(rows), settings, rows)
        assert kept(out / str(rows)) == [("u1", "v3"), ("u1", "v4")]
        assert kept(out / str(rows), "recommendations") == []


def test_what_a_killed_run_left_aside_is_cleared(redis: Any, settings: Settings, out: Path) -> None:
    """Half a batch is no batch."""
    write(redis, event("u1", "v1"))
    drain_into(out, settings)
    leave_half(out / ".aside" / "batch")
    write(redis, event("u1", "v2"), at=9)
    drain_into(out, settings)
    assert kept(out) == [("u1", "v1"), ("u1", "v2")]
    assert not (out / ".aside").exists()


def test_entries_of_another_hand_are_named_and_left_out(
    redis: Any, settings: Settings, out: Path
) -> None:
    """Of an unknown kind, or damaged; the position passes over them."""
    write(redis, event("u1", "v1"))
    strange = [{"kind": "dream", "data": "{}"}, {"kind": "event", "data": "{"}, {"colour": "red"}]
    for fields in strange:
        redis.xadd(KEY, fields)
    counts, said = drain_into(out, settings)
    assert (counts["events"], counts["unread"]) == (1, 3)
    assert [line.partition(" is ")[2] for line in said] == [
        "none that this version knows: left out"
    ] * 3
    assert drain_into(out, settings) == ({}, [])


def test_events_that_the_stream_dropped_are_said_to_be_lost(
    redis: Any, settings: Settings, out: Path
) -> None:
    """Before the first run their number, between two runs the time they are of."""
    write(redis, *(event("u1", f"v{n}") for n in range(4)))
    redis.xtrim(KEY, maxlen=2, approximate=False)
    _, said = drain_into(out, settings)
    assert said == ["the stream had dropped 2 entries before this folder began"]
    write(redis, *(event("u1", f"w{n}") for n in range(4)), at=60_000)
    redis.xtrim(KEY, maxlen=2, approximate=False)
    _, said = drain_into(out, settings)
    assert len(said) == 1
    assert said[0].startswith("events between 2024-10-04 00:00:00 and 2024-10-04 00:01:00 UTC may")
    assert [item for _, item in kept(out)] == ["v2", "v3", "w2", "w3"]


def test_a_folder_of_another_stream_is_refused(redis: Any, settings: Settings, out: Path) -> None:
    """Nothing is mixed, and nothing waits in silence for ids to grow."""
    write(redis, event("u1", "v1"), event("u1", "v2"))
    drain_into(out, settings)
    redis.delete(KEY)
    with pytest.raises(StreamForeign, match="the stream ends at 0-0: it was drained from another"):
        drain_into(out, settings)
    write(redis, event("u1", "v1"))
    with pytest.raises(StreamForeign, match="so name another folder"):
        drain_into(out, settings)


def test_a_stream_that_nobody_wrote_yet_gives_nothing(settings: Settings, out: Path) -> None:
    assert drain_into(out, settings) == ({}, [])


def test_without_redis_it_says_what_to_do(configure: Configure, out: Path) -> None:
    with pytest.raises(StreamUnreachable, match="set COUPLE_REDIS_URL"):
        drain_into(out, configure(redis_url="redis://127.0.0.1:1/0"))


def test_one_drain_at_a_time(out: Path) -> None:
    """The second names the first; after it the folder is free."""
    for _ in range(2):
        with (
            drained(out),
            pytest.raises(DrainRunning, match=r"process \d+ drains into"),
            drained(out),
        ):
            pass


@pytest.mark.parametrize("name", ["notes.txt", "day=2024-10-04/mine"])
def test_a_folder_with_other_things_is_refused(out: Path, name: str) -> None:
    """Whether it is the drain's or not."""
    if name.startswith("day"):
        with drained(out):
            pass
    (out / name).mkdir(parents=True)
    with pytest.raises(FolderUnusable, match=r"holds other things|is no batch"), drained(out):
        pass


def test_nobody_is_erased_from_a_damaged_file_in_silence(
    redis: Any, settings: Settings, out: Path
) -> None:
    """And the erasure comes again, since the position stays."""
    write(redis, event("u1", "v1"))
    drain_into(out, settings)
    file = next(out.glob("day=*/*/events.parquet"))
    whole = file.read_bytes()
    file.write_bytes(whole[:100])
    write(redis, "u1", at=9)
    with pytest.raises(FolderUnusable, match="is damaged, so nobody can be erased from it"):
        drain_into(out, settings)
    file.write_bytes(whole)
    assert drain_into(out, settings)[0]["rows erased"] == 1


@pytest.mark.anyio
async def test_what_was_served_trains(
    configure: Configure, redis: Any, out: Path, tmp_path: Path
) -> None:
    """From POST /events over the drain to a prepared folder; recommendations do no harm there."""
    settings = configure(redis_timeout_ms=10_000)  # how fast Redis is on a busy machine is no claim
    async with running(settings) as service:
        await service.events({"item_id": "p7", "tags": ["Wok"], "domain": "product"})
        await service.events({"user_id": "u2", "item_id": "p8", "tags": ["cats"]})
        await service.events({"item_id": "p9", "tags": ["cats"], "type": "skip"})
        ok(await service.delete("/users/u2"))
    redis.xadd(KEY, {"kind": "recommendation", "data": recommended("u1", "r1").encode()})
    await draining(out, settings)
    leave_half(out / ".aside" / "batch")
    prepare(out, tmp_path / "data")
    assert [(user, item) for user, item, _ in taken(tmp_path / "data")] == [("u1", "p7")]
    assert tags_of(tmp_path / "data") == {"p7": ["wok"], "p9": ["cats"]}
