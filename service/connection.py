"""A caller's connection: deadlines for what it sends, a bound to how many there are, a last answer.

uvicorn has no deadline (FACTS.md: 300 of 300 slow connections stayed open), no bound to the size of
a head, and hangs up at once when it stops. Each connection has one timer that looks now and then
whether something is overdue, so a request costs two readings of the clock.
"""

import asyncio
import os
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from math import inf
from typing import Any
from uuid import uuid4

import uvicorn
from asgi_correlation_id import correlation_id
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from service.metrics import Metrics
from service.problem import HEADER, MEDIA_TYPE, RETRY_AFTER, document, problem

HEALTH = frozenset({"/livez", "/readyz", "/metrics"})
HEAD_BYTES = 64 * 2**10
SPARE = 64  # connections beyond the limit, kept open as far as the question whether we are well
ANSWER_S = 1.0  # beyond a body's deadline, for the answer that says so
LAST_S = 1.0  # that a silent connection has for one more request when the worker stops
FULL = "this worker has all the connections it takes: retry"


@dataclass(frozen=True)
class Limits:
    """What a caller has: seconds for the head and the body of a request; connections of all."""

    head_s: float
    body_s: float
    connections: int


class Configuration(uvicorn.Config):
    """uvicorn's, with the limits; `leaving` once this worker stops."""

    def __init__(self, limits: Limits, notice_s: float, **given: Any) -> None:
        super().__init__(http=Connection, **given)
        self.limits = limits
        self.notice_s = notice_s  # between "not ready" and the end of listening
        self.leaving = False


class Connection(HttpToolsProtocol):
    """One of a worker's connections; between two requests uvicorn's keep-alive time holds."""

    config: Configuration

    def __init__(
        self,
        config: Configuration,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._limits = config.limits
        self._metrics: Metrics = app_state["metrics"]
        self._begun = self._heading = False  # a request; its head
        self._head_bytes = 0
        self._due = inf  # when what the caller owes us must be here
        self._watch: asyncio.TimerHandle | None = None

    def connection_made(  # type: ignore[override]  # uvicorn narrows it, and uvloop's is no subclass
        self, transport: asyncio.Transport
    ) -> None:
        super().connection_made(transport)
        beyond = len(self.connections) - self._limits.connections
        if beyond > SPARE:
            self._refuse(503, FULL)
        elif beyond > 0:
            self.app = self._only_health
        self._due = self.loop.time() + self._limits.head_s
        self._watch = self.loop.call_at(self._due, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._watch:
            self._watch.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if not self._begun:
            self._begun = self._heading = True
            self._head_bytes = 0
            self._due = self.loop.time() + self._limits.head_s
        super().data_received(data)
        if self._heading:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES:
                self._refuse(431, f"a request's head may have {HEAD_BYTES} bytes: send fewer")

    def on_headers_complete(self) -> None:
        self._heading = False
        self._due = self.loop.time() + self._limits.body_s + ANSWER_S
        super().on_headers_complete()
        if self.config.leaving:
            self.cycle.keep_alive = False

    def on_message_complete(self) -> None:
        self._begun, self._due = False, inf
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        self._refuse(400, "this is no HTTP/1.1 request")

    def timeout_keep_alive_handler(self) -> None:
        self.transport.abort()  # `close` waits for a caller that does not read its answer

    def shutdown(self) -> None:
        """Answer what is under way, or one more request, before hanging up."""
        self.config.leaving = True
        if self._answering():
            self.cycle.keep_alive = False
        else:
            self.loop.call_later(LAST_S, self._leave)

    def _leave(self) -> None:
        if not (self._begun or self._answering()):
            self.transport.close()

    def _answering(self) -> bool:
        begun = self.cycle is not None  # though uvicorn's annotation says that it always is
        return begun and not self.cycle.response_complete

    def _look(self) -> None:
        """Hang up if something is overdue; else look again when it may be."""
        now = self.loop.time()
        paused = self.flow.read_paused  # so it is not the caller that is waited for
        if paused or now < self._due:
            later = now + self._limits.head_s
            self._watch = self.loop.call_at(later if paused else min(later, self._due), self._look)
        elif self._heading:
            self._refuse(408, f"the head did not arrive within {self._limits.head_s:g} s")
        else:
            self.transport.abort()

    def _refuse(self, status: int, detail: str) -> None:
        """Answer before any application could, and hang up."""
        self._metrics.refused(status)
        request_id = uuid4().hex
        body = document(status, detail, request_id)
        head = (
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n"
            f"content-type: {MEDIA_TYPE}\r\ncontent-length: {len(body)}\r\n"
            f"{HEADER.lower()}: {request_id}\r\nconnection: close\r\n"
        )
        retry = "retry-after: 1\r\n" if status == HTTPStatus.SERVICE_UNAVAILABLE else ""
        self.transport.write(f"{head}{retry}\r\n".encode() + body)
        with suppress(OSError):  # what is left unread the kernel would answer with a reset
            os.read(self.transport.get_extra_info("socket").fileno(), HEAD_BYTES)
        self.transport.close()

    async def _only_health(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] in HEALTH:
            await self.config.loaded_app(scope, receive, send)
            return
        self._metrics.refused(503)
        correlation_id.set(uuid4().hex)
        headers = {**RETRY_AFTER, "Connection": "close", HEADER: correlation_id.get() or ""}
        await problem(503, FULL, headers=headers)(scope, receive, send)
