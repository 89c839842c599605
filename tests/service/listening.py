"""The service behind a socket in this process: what a caller's bytes meet."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import orjson
import uvicorn

from service.app import create_app
from service.connection import Configuration, Limits
from service.metrics import Metrics
from service.server import bind
from service.settings import Settings
from tests.service.running import until


class Listening:
    """A worker at a port; `connect` gives a connection to write bytes to."""

    def __init__(self, server: uvicorn.Server, port: int, metrics: Metrics) -> None:
        self.server = server
        self.port = port
        self.metrics = metrics
        self._lines: list[Line] = []

    async def connect(self, said: bytes = b"") -> "Line":
        line = Line(*await asyncio.open_connection("127.0.0.1", self.port))
        line.say(said)
        self._lines.append(line)
        return line

    def queue(self, said: bytes) -> socket.socket:
        """A connection that the kernel has taken and the worker, on this same loop, cannot yet."""
        made = socket.create_connection(("127.0.0.1", self.port))
        made.sendall(said)
        return made

    async def opened(self, queued: socket.socket) -> "Line":
        line = Line(*await asyncio.open_connection(sock=queued))
        self._lines.append(line)
        return line

    async def end(self) -> None:
        """Hang up everywhere."""
        await asyncio.gather(*(line.close() for line in self._lines))


class Line:
    """One connection, seen from the caller's end."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    def say(self, said: bytes) -> None:
        self._writer.write(said)

    async def hear(self) -> tuple[int, dict[str, str], Any]:
        """Status, headers and JSON of one answer."""
        async with asyncio.timeout(10):
            head = (await self._reader.readuntil(b"\r\n\r\n")).decode()
            status, *lines = head.strip().split("\r\n")
            headers = dict(line.lower().split(": ", 1) for line in lines)
            body = await self._reader.readexactly(int(headers["content-length"]))
        return int(status.split()[1]), headers, orjson.loads(body)

    async def ended(self) -> bytes:
        """Everything until the other end hangs up, and be it in the middle of a word of ours."""
        said = b""
        with suppress(ConnectionResetError, BrokenPipeError):
            async with asyncio.timeout(10):
                while more := await self._reader.read(65536):
                    said += more
        return said

    async def close(self) -> None:
        self._writer.close()
        with suppress(ConnectionError):
            await self._writer.wait_closed()


def request(path: str = "/livez", body: bytes | None = None, announced: int = 0) -> bytes:
    """A whole request; `announced` says of more body than there is."""
    method = "GET" if body is None else "POST"
    length = f"content-length: {announced or len(body or b'')}\r\n"
    return f"{method} {path} HTTP/1.1\r\nhost: x\r\n{length}\r\n".encode() + (body or b"")


@asynccontextmanager
async def listening(settings: Settings, limits: Limits) -> AsyncIterator[Listening]:
    """A worker that is ready; it has ended when the block is left."""
    app = create_app(settings)
    config = Configuration(limits, 0, app=app, lifespan="on", ws="none", log_config=None)
    server = uvicorn.Server(config)
    with bind("127.0.0.1", 0) as bound:
        port = bound.getsockname()[1]
        serving = asyncio.create_task(server.serve([bound]))

        async def ready() -> bool:
            return server.started and app.state.parts.tail.ready

        await until(ready)
        worker = Listening(server, port, app.state.parts.metrics)
        try:
            yield worker
        finally:
            await worker.end()
            server.should_exit = True
            await serving
