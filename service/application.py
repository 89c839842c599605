"""FastAPI, and a short way past it to what is called far more often than all the rest.

FastAPI documents that endpoint and could serve it; what it does on the way, telemetry, routing and
working out arguments among it, takes as long as a part of the recommendation. The short way goes
through the same middleware of ours and ends in the same endpoint; errors meet the same handlers.
"""

from typing import Any

from fastapi import FastAPI
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from service.problem import HANDLERS


class Application(FastAPI):
    """An application with short ways."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.short: dict[tuple[str, str], ASGIApp] = {}  # by method and path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take the short way where there is one."""
        way = self.short.get((scope.get("method", ""), scope.get("path", "")))
        if way is None:
            await super().__call__(scope, receive, send)
        else:
            scope["app"] = self
            await way(scope, receive, send)

    def shorten(self, method: str, path: str, endpoint: ASGIApp) -> None:
        """Let these requests take it; all middleware has been added by now."""
        handlers = {kind: one for kind, one in HANDLERS.items() if kind is not Exception}
        way: ASGIApp = ExceptionMiddleware(endpoint, handlers)
        for layer, args, kwargs in reversed(self.user_middleware):
            way = layer(way, *args, **kwargs)
        self.short[method, path] = ServerErrorMiddleware(way, HANDLERS[Exception])
