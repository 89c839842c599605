"""The catalogue in Redis: item facts, versions and tombstones, written with their log in one step.

Redis is the truth; nothing here is cached. Times are epoch seconds.
"""

import logging
import secrets
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from redis.asyncio import Redis
from redis.exceptions import OutOfMemoryError

from service import store
from service.item import Item
from service.sequence import LogSequence, Position, from_id, to_id

STORE = "couple:{items}:store"
IDS = "couple:{items}:ids"
LOG = "couple:{items}:log"
EXPIRY = "couple:{items}:expiry"
SEEN = "couple:{items}:seen"
POPULAR = "couple:{items}:popular"
SWEEPER = "couple:{items}:sweeper"
TOGETHER = 500  # items that one script reads: Redis does nothing else meanwhile

log = logging.getLogger(__name__)

Operation = Literal["put", "delete", "expire"]


@dataclass(frozen=True)
class Change:
    """One operation of one script; `version` None is the server's milliseconds."""

    operation: Operation
    item_id: str
    version: int | None = None
    item: Item | None = None

    def arguments(self) -> tuple[str, ...]:
        expires = self.item.expires_at if self.item else None
        return (
            self.operation,
            self.item_id,
            "" if self.version is None else sortable(self.version),
            self.item.encode() if self.item else "",
            "" if expires is None else str(round(expires * 1000)),
        )


@dataclass(frozen=True)
class Written:
    """What one script did: the status of each change, and where the log stands after it."""

    statuses: list[str]
    sequence: LogSequence


@dataclass(frozen=True)
class Stored:
    """An item with its version, and when the log last said something of it (epoch seconds)."""

    item: Item
    version: int
    logged_at: float = 0.0


@dataclass(frozen=True)
class Entry:
    """One line of the log; without an item it is a deletion. `prev` is the entry before it."""

    position: Position
    prev: Position
    item_id: str
    stored: Stored | None


class Catalogue:
    """Reads and writes of the catalogue; every call may raise redis.exceptions.RedisError."""

    def __init__(self, redis: Redis, retention_s: float) -> None:
        self._redis: Any = redis  # its annotations leave str or bytes open; ours decodes
        self._retention_ms = int(retention_s * 1000)
        self._write = store.script(redis, "catalogue.lua")
        self._read = store.script(redis, "stored.lua")
        self._free = store.script(redis, "catalogue.lua", frees=True)

    async def write(self, changes: Sequence[Change]) -> Written:
        """Apply every change, or none, atomically. Without changes: found the store."""
        keys = [STORE, IDS, LOG, EXPIRY, SEEN, POPULAR]
        keys += [item_key(change.item_id) for change in changes]
        arguments: list[Any] = [secrets.token_hex(8), self._retention_ms]
        for change in changes:
            arguments += change.arguments()
        puts_none = all(change.operation != "put" for change in changes)
        script = self._free if puts_none else self._write
        store_id, last, statuses = await script(keys=keys, args=arguments)
        return Written(statuses, LogSequence(store_id, from_id(last)))

    async def get(self, item_id: str) -> Stored | None:
        """One item, or None when there is none or only its tombstone."""
        content, version = await self._redis.hmget(item_key(item_id), "content", "version")
        item = _item(content)
        return Stored(item, unsortable(version)) if item else None

    async def items(self, item_ids: Sequence[str]) -> dict[str, Item]:
        """Those of the items that exist; a script a `TOGETHER`, so that nobody waits for long."""
        found = {}
        for start in range(0, len(item_ids), TOGETHER):
            some = item_ids[start : start + TOGETHER]
            facts = await self._read(keys=[item_key(item_id) for item_id in some])
            for item_id, (content, _) in zip(some, facts, strict=True):
                if item := _item(content):
                    found[item_id] = item
        return found

    async def pages(self, size: int) -> AsyncIterator[dict[str, Stored]]:
        """Every item that stands in the catalogue from beginning to end, some perhaps twice."""
        cursor = -1
        while cursor != 0:
            cursor, found = await self._redis.zscan(IDS, max(cursor, 0), count=size)
            yield await self._stored(found)

    async def _stored(self, found: Sequence[tuple[str, float]]) -> dict[str, Stored]:
        """Those of (item id, its last log position's milliseconds) that exist."""
        facts = await self._read(keys=[item_key(item_id) for item_id, _ in found])
        return {
            item_id: Stored(item, unsortable(version), ms / 1000)
            for (item_id, ms), (content, version) in zip(found, facts, strict=True)
            if (item := _item(content))
        }

    async def head(self) -> LogSequence | None:
        """Where the log stands; None for a store that was never founded."""
        store_id, last = await self._redis.hmget(STORE, "id", "last")
        return LogSequence(store_id, from_id(last)) if store_id and last else None

    async def entries(self, after: Position, count: int, block_ms: int | None) -> list[Entry]:
        """Up to `count` entries after a position, waiting `block_ms` for the first (None: not)."""
        streams = await self._redis.xread({LOG: to_id(after)}, count=count, block=block_ms)
        lines = [line for _, lines in streams for line in lines]
        await self._add_versions([fields for _, fields in lines if "version" not in fields])
        return [_entry(id_, fields) for id_, fields in lines]

    async def _add_versions(self, entries: Sequence[dict[str, str]]) -> None:
        """Entries of a service that did not log versions yet: what the catalogue now has is right.

        If that is already another version, its own entry comes later and says so.
        """
        if not entries:
            return
        async with self._redis.pipeline(transaction=False) as pipe:
            for fields in entries:
                pipe.hget(item_key(fields["item"]), "version")
            versions = await pipe.execute()
        for fields, version in zip(entries, versions, strict=True):
            fields["version"] = version or sortable(0)

    async def expired(self, now: float, count: int) -> list[str]:
        """Ids of items whose time has come, the longest past first."""
        found: list[str] = await self._redis.zrange(
            EXPIRY, "-inf", str(round(now * 1000)), byscore=True, offset=0, num=count
        )
        return found

    async def trim(self, now: float) -> int:
        """Forget entries older than the retention; return how many."""
        oldest = to_id((max(0, round(now * 1000) - self._retention_ms), 0))
        return int(await self._redis.xtrim(LOG, minid=oldest, approximate=False))

    async def claim_sweep(self, interval_ms: int) -> bool:
        """Whether this caller sweeps this interval: one of all replicas does.

        A Redis too full for the claim needs the sweep most, and a second one does no harm.
        """
        try:
            return bool(await self._redis.set(SWEEPER, "1", nx=True, px=interval_ms))
        except OutOfMemoryError:
            return True


def item_key(item_id: str) -> str:
    return f"couple:{{items}}:item:{item_id}"


def sortable(version: int) -> str:
    """An int64 as 20 characters in the order of the numbers."""
    return f"1{version:019d}" if version >= 0 else f"0{version + 2**63:019d}"


def unsortable(text: str) -> int:
    """What `sortable` was given."""
    return int(text[1:]) - (0 if text[0] == "1" else 2**63)


def puts(items: Iterable[Item], versions: Iterable[int | None]) -> list[Change]:
    """The changes of one POST /items."""
    return [
        Change("put", item.item_id, version, item)
        for item, version in zip(items, versions, strict=True)
    ]


def _entry(stream_id: str, fields: dict[str, str]) -> Entry:
    position, item = from_id(stream_id), _item(fields["content"])
    version, at = unsortable(fields["version"]), position[0] / 1000
    return Entry(
        position=position,
        prev=from_id(fields["prev"]),
        item_id=fields["item"],
        stored=Stored(item, version, at) if item else None,
    )


def _item(content: str | None) -> Item | None:
    """None for a tombstone, and for what another hand than ours wrote."""
    try:
        return Item.decode(content) if content else None
    except ValueError:
        log.exception("an item of the catalogue cannot be read and is left out")
        return None
