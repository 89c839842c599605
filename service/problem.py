"""Every error as `application/problem+json` (RFC 9457). The one place that knows status codes."""

import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import orjson
from asgi_correlation_id import correlation_id
from fastapi.exceptions import RequestValidationError
from redis.exceptions import RedisError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from service import errors
from service.errors import BodyRefused, Place, ServiceError

MEDIA_TYPE = "application/problem+json"
HEADER = "X-Request-Id"
RETRY_AFTER = {"Retry-After": "1"}
CHALLENGE = {"WWW-Authenticate": 'Bearer realm="couple"'}
STATUSES: dict[type[ServiceError], tuple[int, Mapping[str, str]]] = {
    errors.SequenceMalformed: (422, {}),
    errors.SequenceForeign: (409, {}),
    errors.NotFound: (404, {}),
    errors.ModelRefused: (422, {}),
    errors.ModelConflict: (409, {}),
    errors.ModelLate: (503, RETRY_AFTER),
    errors.PlanNewer: (503, RETRY_AFTER),
    errors.StateUnusable: (503, RETRY_AFTER),
    errors.ExperimentRefused: (422, {}),
    errors.ExperimentConflict: (409, {}),
    errors.Busy: (429, RETRY_AFTER),
    errors.Unauthenticated: (401, CHALLENGE),
    errors.Forbidden: (403, CHALLENGE),
}
DETAILS = {
    404: "there is nothing at this path: see /docs",
    405: "this path does not know this method: see /docs",
}

log = logging.getLogger(__name__)


def problem(
    status: int,
    detail: str,
    places: Sequence[Place] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """One error, for people and programs."""
    body = document(status, detail, correlation_id.get() or "", places)
    return Response(body, status, headers, MEDIA_TYPE)


def document(status: int, detail: str, request_id: str, places: Sequence[Place] = ()) -> bytes:
    """The body of a problem."""
    return orjson.dumps(
        {
            "type": "about:blank",
            "title": HTTPStatus(status).phrase,
            "status": status,
            "detail": detail,
            "request_id": request_id,
            "errors": places,
        }
    )


async def _body(_: Request, error: BodyRefused) -> Response:
    return problem(error.status, str(error), error.places)


async def _service(_: Request, error: ServiceError) -> Response:
    status, headers = STATUSES[type(error)]
    return problem(status, str(error), headers=headers)


async def _redis(_: Request, error: RedisError) -> Response:
    log.warning("redis: %s: %s", type(error).__name__, _said(error))
    return problem(503, "the store does not take this now: retry", headers=RETRY_AFTER)


def _said(error: RedisError) -> str:
    """What Redis said, without the command: its arguments are ids and histories of people."""
    said = str(error).rpartition(" of pipeline caused error: ")[2]
    return said.partition(", with args beginning with")[0]


async def _parameters(_: Request, error: RequestValidationError) -> Response:
    places = [Place(str(line["loc"][-1]), line["msg"]) for line in error.errors()]
    return problem(422, "a parameter breaks the contract: see `errors`", places)


async def _http(_: Request, error: HTTPException) -> Response:
    detail = DETAILS.get(error.status_code, HTTPStatus(error.status_code).description)
    return problem(error.status_code, detail, headers=error.headers)


async def _unforeseen(_: Request, error: Exception) -> Response:
    """A bug of ours. This answer leaves outside the middleware, so it names its request itself."""
    headers = {HEADER: correlation_id.get() or ""}
    return problem(500, "this is a bug of the service: report the request id", headers=headers)


# Every exception that can leave a route.
HANDLERS: dict[int | type[Exception], Callable[[Request, Any], Coroutine[Any, Any, Response]]] = {
    BodyRefused: _body,
    ServiceError: _service,
    RedisError: _redis,
    RequestValidationError: _parameters,
    HTTPException: _http,
    Exception: _unforeseen,
}
