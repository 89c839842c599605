"""Milvus takes what a deposed writer sends; it is mended."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from bundle import open_bundle
from index.errors import EngineFailed, EngineSilent
from service import store
from service.catalogue import Catalogue, puts
from service.clock import Clock
from service.item import Item
from service.milvus import shelf as shelves
from service.milvus import writer as writers
from service.milvus.lease import Lease, LeaseLost, lease_key, writing_key
from service.milvus.shelf import MilvusShelf, Note
from service.milvus.writer import Writer
from service.model import Model
from service.settings import Settings
from tests.service.running import until

pytestmark = pytest.mark.anyio


class Slow(Catalogue):
    """A catalogue whose reader is held up after it has read."""

    def __init__(self, redis: Any) -> None:
        super().__init__(redis, 60)
        self.read, self.go = asyncio.Event(), asyncio.Event()

    async def items(self, item_ids: Sequence[str]) -> dict[str, Item]:
        found = await super().items(item_ids)
        self.read.set()
        await self.go.wait()
        return found


class Bench:
    """One collection, its catalogue, and as many writers as are wanted."""

    def __init__(self, settings: Settings, redis: Any, model: Model) -> None:
        self.settings, self.redis, self.model = settings, redis, model
        self.catalogue = Catalogue(redis, 60)

    async def put(self, **tags: str) -> None:
        items = [Item(id_, [tag], domain="micro-video") for id_, tag in tags.items()]
        await self.catalogue.write(puts(items, [None] * len(items)))

    async def writer(self, catalogue: Catalogue) -> tuple[Writer, MilvusShelf]:
        """One that holds the lease."""
        head = await self.catalogue.head()
        assert head
        lease = Lease(self.redis, self.model.manifest.version, 60_000, Clock())
        assert await lease.take(0)
        shelf = MilvusShelf(self.settings, self.model, head.store)
        told: Callable[[Note], None] = lambda note: None  # noqa: E731
        return Writer(shelf, lease, catalogue, Clock(), told), shelf

    async def expire(self) -> None:
        """The lease, as if its holder had been silent for long."""
        await self.redis.delete(lease_key(self.model.manifest.version))

    def like(self, shelf: MilvusShelf, tag: str) -> list[str]:
        """Items of this very tag."""
        vector = self.model.item_vectors([self.model.ids([tag], None)])
        ids, scores = shelf.index.search(vector[:, None], 9, now=1e9)
        return [one for one, score in zip(ids[0], scores[0], strict=True) if score > 0.9]


@pytest.fixture
async def bench(
    configure: Callable[..., Settings], bundle_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Bench]:
    monkeypatch.setattr(writers, "REPAIR_S", 0.05)
    settings = configure()
    async with store.connect_tail(settings) as redis:
        yield Bench(settings, redis, Model.of(open_bundle(bundle_folder)))


async def test_what_a_deposed_writer_sends_late_is_mended_and_its_note_ignored(
    bench: Bench,
) -> None:
    """It is held up between reading and writing, while another takes over and writes on."""
    await bench.put(x="wok", y="wok")
    slow = Slow(bench.redis)
    first, shelf = await bench.writer(slow)
    head = await bench.catalogue.head()
    late = asyncio.create_task(first.write(["x", "y"], head))
    await slow.read.wait()
    await bench.expire()
    await bench.put(x="cats", z="cats")
    second, _ = await bench.writer(bench.catalogue)
    reign = asyncio.create_task(second.reign(None, 20))

    async def right() -> bool:
        there = await asyncio.to_thread(bench.like, shelf, "cats")
        return sorted(there) == ["x", "z"] and bench.like(shelf, "wok") == ["y"]

    await until(right)
    slow.go.set()
    with pytest.raises(LeaseLost):
        await late
    await until(right)
    await bench.put(x="dogs")

    async def on() -> bool:
        note = Note.parse(shelf.written.noted())
        return bench.like(shelf, "dogs") == ["x"] and note.token == 2

    await until(on)
    reign.cancel()


async def test_a_deposed_writer_begins_nothing_more(bench: Bench) -> None:
    await bench.put(x="wok")
    first, shelf = await bench.writer(bench.catalogue)
    await bench.expire()
    await bench.writer(bench.catalogue)
    with pytest.raises(LeaseLost):
        await first.write(["x"])
    assert shelf.written.ids() == set()


async def test_an_item_that_milvus_refuses_holds_up_no_other(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await bench.put(a="wok", b="wok", c="wok")
    writer, shelf = await bench.writer(bench.catalogue)
    upsert = shelf.written.upsert

    def refusing(ids: Sequence[str], *given: Any, **named: Any) -> None:
        if "b" in ids:
            raise EngineFailed("too many labels")
        upsert(ids, *given, **named)

    monkeypatch.setattr(shelf.written, "upsert", refusing)
    await writer.write(["a", "b", "c"])
    assert shelf.written.ids() == {"a", "c"}
    assert "refuses item 'b'" in caplog.text


async def test_a_batch_that_milvus_was_silent_about_stays_in_doubt(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be taken in late, over what is written by then."""
    await bench.put(a="wok", b="wok")
    writer, shelf = await bench.writer(bench.catalogue)

    def silent(*given: Any, **named: Any) -> None:
        raise EngineSilent("no answer in time")

    monkeypatch.setattr(shelf.written, "upsert", silent)
    with pytest.raises(EngineSilent):
        await writer.write(["a", "b"])
    lease = Lease(bench.redis, bench.model.manifest.version, 60_000, Clock())
    assert [doubt.ids for doubt in (await lease.doubts()).values()] == [["a", "b"]]


async def test_a_collection_that_is_dropped_leaves_its_token_and_doubts_for_a_while(
    bench: Bench,
) -> None:
    """Its last writer may have been frozen: one that comes after must not have the same token."""
    lease = Lease(bench.redis, "v", 60_000, Clock())
    assert await lease.take(0)
    name = await lease.begin(["x"])
    await lease.release()
    await lease.forget()
    assert await bench.redis.ttl(writing_key("v")) > 0
    assert await lease.take(0)
    assert lease.token == 2
    assert name in await lease.doubts()
    assert await bench.redis.ttl(writing_key("v")) == -1


async def test_who_takes_over_has_a_higher_token_even_when_redis_forgot(bench: Bench) -> None:
    """A note of a writer before is never above that of one after."""
    await bench.put(x="wok")
    lease = Lease(bench.redis, "v", 60_000, Clock())
    assert await lease.take(7)
    assert lease.token == 8
    assert not await lease.take(0)
    await lease.release()
    assert await lease.take(0)
    assert lease.token == 9


def test_a_note_that_another_hand_wrote_says_nothing() -> None:
    for text in (None, "", "x", "3", "3 nothing", "x 0123456789abcdef.1-0"):
        assert shelves.Note.parse(text) == Note(0, None)
