"""The floor: one recommendation written by hand, as fast as its parts allow, with no feature.

A bare ASGI application on uvicorn, uvloop and httptools. Whatever reads were asked for in one turn
of the event loop go to Redis together; whatever histories arrive together make one batch of the
user tower and of faiss, without a timer. Nothing is checked, excluded, filtered, authenticated or
counted; nothing changes while it runs; an error ends it. Frozen before the service was tuned:
nothing here may be slowed, and what makes the floor lower must be said with the figures.

    python -m benchmarks.floor --bundle BUNDLE --index FOLDER --redis URL --port PORT

Shapes: B users of a batch, L items of a history, N tags, M item ids, K candidates, D dimensions.
"""

import argparse
import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import hiredis
import numpy as np
import orjson
import uvicorn
import uvloop

from benchmarks.serve_bare import Bare
from benchmarks.yardsticks import K

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

UNKNOWN = bytes(8)  # an id of 0


class Recommender:
    """Histories as Redis gives them → bodies of answers."""

    def __init__(self, bare: Bare) -> None:
        limits, opened = bare.bundle.manifest, bare.bundle
        self._run, self._index = bare.tower.run, bare.index
        self._items, self._tags = limits.max_items, limits.max_tags
        self._history = limits.max_history
        # Ids as the eight bytes that the tower's array holds of them.
        self._tag_ids = _packed(list(opened.vocabulary.tags))
        self._item_ids = _packed(opened.item_ids.encode().decode().split("\n")[:-1])
        self._heads = [
            b'},{"item_id":%b,"channel":"model","score":' % orjson.dumps(id_) for id_ in bare.ids
        ]

    def answer(self, histories: list[list[bytes]]) -> list[bytes]:
        """B histories, newest item first → B bodies."""
        read = [orjson.loads(b"[" + b",".join(entries) + b"]") for entries in histories]
        given = {"tags": _array([self._tags_of(one) for one in read], self._items, self._tags)}
        if self._history:
            given["items"] = _array([self._ids_of(one) for one in read], self._history)
        users = self._run(None, given)[0][:, 0]
        scores, rows = self._index.search(users, K)
        return list(map(self._body, scores, rows.tolist()))

    def _tags_of(self, history: list[dict[str, Any]]) -> bytes:
        """The newest L items with a known tag, oldest first, each N ids wide."""
        known, width = self._tag_ids, 8 * self._tags
        items = []
        for watched in history:
            if ids := b"".join([known[tag] for tag in watched["tags"] if tag in known]):
                items.append(ids[:width].ljust(width, b"\0"))
                if len(items) == self._items:
                    break
        return b"".join(reversed(items))

    def _ids_of(self, history: list[dict[str, Any]]) -> bytes:
        """The ids of the newest M items, oldest first."""
        newest = history[: self._history][::-1]
        return b"".join([self._item_ids.get(watched["item_id"], UNKNOWN) for watched in newest])

    def _body(self, scores: np.ndarray[Any, Any], rows: list[int]) -> bytes:
        """One user's scores [K] and row numbers, -1 where fewer than K were found."""
        kept = [row for row in rows if row >= 0]
        parts = [b""] * (2 * len(kept))
        parts[::2] = [self._heads[row] for row in kept]
        text = orjson.dumps(scores[: len(kept)], option=orjson.OPT_SERIALIZE_NUMPY)
        parts[1::2] = text[1:-1].split(b",")
        return b'{"candidates":[%b}]}' % b"".join(parts)[2:]


def _packed(names: list[str]) -> dict[str, bytes]:
    ids = np.arange(1, len(names) + 1, dtype=np.int64)
    return {name: id_.tobytes() for name, id_ in zip(names, ids, strict=True)}


def _array(rows: list[bytes], *shape: int) -> np.ndarray[Any, Any]:
    """B rows of packed ids → int64 [B, *shape]."""
    width = 8 * int(np.prod(shape))
    packed = b"".join([row.ljust(width, b"\0") for row in rows])
    return np.frombuffer(packed, dtype=np.int64).reshape(len(rows), *shape)


class Connection(asyncio.Protocol):
    """One connection to Redis: commands of one turn leave together, their replies are a batch."""

    def __init__(self, recommender: Recommender) -> None:
        self._recommender = recommender
        self._loop = asyncio.get_running_loop()
        self._reader = hiredis.Reader()
        self._commands: list[bytes] = []
        self._waiting: list[asyncio.Future[bytes]] = []
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def recommend(self, user_id: str) -> "asyncio.Future[bytes]":
        """The body of a user's answer, to come."""
        key = b"couple:hist:{%b}" % user_id.encode()
        if not self._commands:
            self._loop.call_soon(self._flush)
        self._commands.append(
            b"*4\r\n$6\r\nLRANGE\r\n$%d\r\n%b\r\n$1\r\n0\r\n$2\r\n-1\r\n" % (len(key), key)
        )
        future = self._loop.create_future()
        self._waiting.append(future)
        return future

    def _flush(self) -> None:
        self._transport.write(b"".join(self._commands))
        self._commands.clear()

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)
        histories = list(iter(self._reader.gets, False))
        if not histories:
            return
        served, self._waiting = self._waiting[: len(histories)], self._waiting[len(histories) :]
        for future, body in zip(served, self._recommender.answer(histories), strict=True):
            if not future.cancelled():
                future.set_result(body)


class Application:
    """POST anything: a recommendation. GET anything: an empty answer."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = b""
        if scope["method"] == "POST":
            message = await receive()
            asked: bytes = message["body"]
            while message["more_body"]:
                message = await receive()
                asked += message["body"]
            body = await self._connection.recommend(orjson.loads(asked)["user_id"])
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


async def serve(bare: Bare, redis: str, port: int) -> None:
    """Answer on 127.0.0.1 until told to stop."""
    recommender, url = Recommender(bare), urlsplit(redis)
    loop = asyncio.get_running_loop()
    connecting: Any
    if url.scheme == "unix":
        connecting = loop.create_unix_connection(lambda: Connection(recommender), unquote(url.path))
    else:
        connecting = loop.create_connection(
            lambda: Connection(recommender), url.hostname or "127.0.0.1", url.port or 6379
        )
    _, connection = await connecting
    config = uvicorn.Config(
        Application(connection),
        port=port,
        http="httptools",
        lifespan="off",
        ws="none",
        access_log=False,
        log_level="warning",
        server_header=False,
        date_header=False,
    )
    await uvicorn.Server(config).serve()


def options() -> argparse.Namespace:
    """What both yardsticks are told."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--index", type=Path, required=True, help="folder of a bare index")
    parser.add_argument("--redis", required=True, help="redis://host:port or unix://path")
    parser.add_argument("--port", type=int, required=True)
    return parser.parse_args()


if __name__ == "__main__":
    given = options()
    uvloop.run(serve(Bare.load(given.bundle, given.index), given.redis, given.port))
