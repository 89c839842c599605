"""Who may do what: bearer keys, known by their sha256, each with scopes."""

import hashlib
import hmac

from fastapi.security import HTTPBearer
from starlette.requests import Request

from service.access import CALLER
from service.errors import Forbidden, Unauthenticated
from service.parts import parts_of
from service.settings import Key, Scope


class Allowed(HTTPBearer):
    """A route's dependency: the caller's key must have the scope. Without keys all may pass."""

    def __init__(self, scope: Scope) -> None:
        super().__init__(description=f"a key with the scope `{scope}`", auto_error=False)
        self._scope = scope

    async def __call__(self, request: Request) -> None:  # type: ignore[override]  # checks only
        """Raise Unauthenticated or Forbidden."""
        keys = parts_of(request).settings.keys
        if not keys:
            return
        key = _find(keys, request.headers.get("authorization", ""))
        if key is None:
            raise Unauthenticated("send Authorization: Bearer KEY with a key that is configured")
        request.scope[CALLER] = key.name
        if self._scope not in key.scopes:
            raise Forbidden(f"this needs a key with the scope {self._scope}")


def _find(keys: tuple[Key, ...], header: str) -> Key | None:
    """Every key is compared, each in constant time."""
    scheme, _, token = header.partition(" ")
    digest = hashlib.sha256(token.strip().encode("latin-1")).hexdigest()
    matches = [key for key in keys if hmac.compare_digest(key.sha256, digest)]
    return matches[0] if matches and scheme.lower() == "bearer" else None
