"""Count every request with its route, status and time, those that are turned away included."""

import time
from collections.abc import Awaitable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.metrics import Metrics
from service.route import route_of

METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})


class Counting:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, then count."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun, status = time.perf_counter(), 500  # where no answer begins, one of ours follows

        def note(message: Message) -> Awaitable[None]:  # no coroutine of its own: this is hot
            nonlocal status
            status = message.get("status", status)
            return send(message)

        try:
            await self._app(scope, receive, note)
        finally:
            method = scope["method"] if scope["method"] in METHODS else "other"
            took = time.perf_counter() - begun
            self._metrics.answered(method, route_of(scope), status, took)
