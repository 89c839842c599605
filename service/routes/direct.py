"""An endpoint as an ASGI application, for the short way to it (`service.application`)."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from service.auth import Allowed

Endpoint = Callable[[Request, str | None, str | None], Awaitable[Response]]


class Direct:
    """One endpoint that reads a request and two headers of ours, as an ASGI application."""

    def __init__(self, allowed: Allowed, endpoint: Endpoint) -> None:
        self._allowed = allowed
        self._endpoint = endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check the caller's key, and answer."""
        scope["endpoint"] = self._endpoint
        request = Request(scope, receive)
        await self._allowed(request)
        headers = request.headers
        after, arm = headers.get("x-couple-after"), headers.get("x-couple-arm")
        response = await self._endpoint(request, after, arm)
        await response(scope, receive, send)
