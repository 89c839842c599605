"""How a route is documented and how it answers."""

from typing import Any, TypeVar

import orjson
from asgi_correlation_id import correlation_id
from pydantic import BaseModel
from starlette.convertors import PathConvertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import Response

from service import body
from service.experiment import Experiment
from service.parts import parts_of
from service.problem import MEDIA_TYPE
from service.requests import ModelBody, RecommendBody, SimilarBody

B = TypeVar("B", bound=BaseModel)

SCHEMAS = "#/components/schemas/"
PROBLEMS = {
    400: "the body is not JSON",
    401: "no key, or an unknown one",
    403: "a key without the scope",
    404: "no such item, model or experiment",
    408: "the body did not arrive in time",
    409: "a sequence of another store, or the models or experiments there are do not allow it",
    413: "the body is too large",
    415: "the body is not application/json",
    422: "the request breaks the contract",
    429: "more is asked than can be answered in time; retry after Retry-After seconds",
    503: "the store does not take this now; retry after Retry-After seconds",
}
PROBLEM: dict[str, Any] = {MEDIA_TYPE: {"schema": {"$ref": f"{SCHEMAS}Problem"}}}
SMALL = (RecommendBody, SimilarBody, ModelBody, Experiment)  # what is asked one by one
BODY = (400, 401, 403, 408, 413, 415, 422)


class Text(PathConvertor):
    """Whatever a path ends with: line breaks too, which are then refused as part of an id."""

    regex = "(?s:.*)"


register_url_convertor("text", Text())


def documented(*statuses: int, answer: type[BaseModel]) -> dict[int | str, dict[str, Any]]:
    """`responses=` of a route: its answer and the problems it may meet."""
    problems: dict[int | str, dict[str, Any]] = {
        status: {"description": PROBLEMS[status], "content": PROBLEM} for status in statuses
    }
    return {200: {"model": answer}, **problems}


def takes(model: type[BaseModel]) -> dict[str, Any]:
    """`openapi_extra=` of a route that reads a body."""
    schema = {"schema": {"$ref": f"{SCHEMAS}{model.__name__}"}}
    return {"requestBody": {"required": True, "content": {"application/json": schema}}}


async def read(request: Request, model: type[B]) -> B:
    """The request's body, checked within the limits of the settings."""
    settings = parts_of(request).settings
    small = model in SMALL
    limit = settings.recommend_body_limit_bytes if small else settings.body_limit_bytes
    return await body.read(request, model, limit, settings.body_timeout_ms / 1000)


def request_id() -> str:
    """The id of the request that is being answered."""
    return correlation_id.get() or ""


def answer(code: int = 200, /, **fields: Any) -> Response:
    """JSON with the request's id in front."""
    encoded = orjson.dumps({"request_id": request_id(), **fields})
    return Response(encoded, code, media_type="application/json")
