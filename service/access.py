"""One line of the log a request, of all or of a share: what was asked, by whose key, how it went.

Never whose history: the route stands there with the names of its parameters, not with their values.
"""

import logging
import random
import time
from typing import Any

from asgi_correlation_id import correlation_id
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.route import route_of

CALLER = "couple.caller"  # of a scope: the name of the key that was shown

log = logging.getLogger(__name__)


class AccessLog:
    """ASGI middleware; what fails with 5xx is always told."""

    def __init__(self, app: ASGIApp, share: float) -> None:
        self._app = app
        self._share = share

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, then tell."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun, status = time.perf_counter(), 500  # where no answer begins, one of ours follows

        async def note(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        try:
            await self._app(scope, receive, note)
        finally:
            if status >= 500 or random.random() < self._share:  # noqa: S311  # no secret
                _tell(scope, status, 1000 * (time.perf_counter() - begun))


def _tell(scope: Scope, status: int, ms: float) -> None:
    fields: dict[str, Any] = {
        "method": scope["method"],
        "route": route_of(scope),
        "status": status,
        "ms": round(ms, 3),
        "key": scope.get(CALLER),
        "request_id": correlation_id.get(),
    }
    log.info("%s %s %d %.1f ms key=%s id=%s", *fields.values(), extra={"fields": fields})
