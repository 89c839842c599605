"""One kept-alive HTTP/1.1 connection with at most one request on its way, as lean as it gets.

A load generator shares the machine with what it loads, so requests are bytes made beforehand and
answers are not decoded.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import httptools

HUNG_UP = 0  # in place of a status: the connection ended before the answer was whole

Done = Callable[[int, bytes], None]  # status and body of an answer


class Connection(asyncio.Protocol):
    """Give it to `create_connection`; `open` says whether it can be asked once more."""

    def __init__(self) -> None:
        self._transport: Any = None
        self._parser = httptools.HttpResponseParser(self)
        self._body: list[bytes] = []
        self._done: Done | None = None
        self._lost = asyncio.Event()
        self.open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self.open = True

    def send(self, request: bytes, done: Done) -> None:
        """Ask; `done` is called with the answer, or HUNG_UP."""
        self._done = done
        if self._transport.is_closing():
            self._answer(HUNG_UP)
        else:
            self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._transport.abort()

    def on_body(self, body: bytes) -> None:
        """The parser's: a piece of an answer."""
        self._body.append(body)

    def on_message_complete(self) -> None:
        """The parser's: an answer is whole."""
        if not self._parser.should_keep_alive():
            self.open = False
            self._transport.close()
        self._answer(self._parser.get_status_code())

    def connection_lost(self, exc: Exception | None) -> None:
        self.open = False
        self._lost.set()
        self._answer(HUNG_UP)

    def _answer(self, status: int) -> None:
        body, self._body = b"".join(self._body), []
        done, self._done = self._done, None
        if done:
            done(status, body)

    async def close(self) -> None:
        """Hang up; an answer still to come is nobody's."""
        self._done = None
        self._transport.abort()
        await self._lost.wait()

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """Status and body of one answer."""
        answered: asyncio.Future[tuple[int, bytes]] = asyncio.get_running_loop().create_future()

        def done(status: int, body: bytes) -> None:
            if not answered.done():  # whoever asked may have given up
                answered.set_result((status, body))

        self.send(request, done)
        return await answered
