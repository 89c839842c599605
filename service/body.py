"""A request's body → a checked model, or a refusal that names every place and echoes nothing."""

import asyncio
from collections.abc import Iterator
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect, Request

from service.errors import BodyRefused, Place
from service.experiment import Experiment
from service.requests import EventsBody, ItemsBody, ModelBody, RecommendBatchBody, SimilarBody

B = TypeVar("B", bound=BaseModel)

MOST_PLACES = 1000  # named in one answer
MOST_ERRORS = 100_000  # listed to find those; listing a million takes seconds and gigabytes


async def read(request: Request, model: type[B], limit: int, timeout_s: float) -> B:
    """Receive, decode and check a JSON body.

    Raises:
        BodyRefused: not JSON (400), too slow (408), too large (413), of another media type (415),
            or against the model (422).
    """
    _check_media_type(request)
    data = await _receive(request, limit, timeout_s)
    try:
        return model.model_validate_json(data)
    except ValidationError as error:
        raise _refusal(error) from None  # the error holds the input; nothing may log it


def _check_media_type(request: Request) -> None:
    media_type = request.headers.get("content-type", "application/json").split(";")[0].strip()
    if media_type.lower() != "application/json":
        raise BodyRefused(415, "the body must be JSON: send Content-Type: application/json")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise BodyRefused(415, "the body must not be compressed: send it without Content-Encoding")


async def _receive(request: Request, limit: int, timeout_s: float) -> bytes:
    try:
        async with asyncio.timeout(timeout_s):
            return await _collect(request, limit)
    except TimeoutError as error:
        raise BodyRefused(408, f"the body did not arrive within {timeout_s:g} s") from error
    except ClientDisconnect as error:
        raise BodyRefused(400, "the body ended before its end") from error


async def _collect(request: Request, limit: int) -> bytes:
    """Stop at the limit, announced or not, so that nobody fills the memory."""
    too_large = BodyRefused(413, f"the body is larger than {limit} bytes: send less in one call")
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > limit:
        raise too_large
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > limit:
            raise too_large
    return bytes(data)


def _refusal(error: ValidationError) -> BodyRefused:
    if error.error_count() > MOST_ERRORS:
        detail = f"the request breaks the contract in {error.error_count()} places: see /docs"
        return BodyRefused(422, detail, [Place("body", "More mistakes than can be listed")])
    found = error.errors(include_url=False, include_context=False, include_input=False)
    if found[0]["type"] == "json_invalid":
        return BodyRefused(400, f"the body is not JSON in UTF-8: {found[0]['msg']}")
    places = [Place(place(line["loc"]), _advice(line)) for line in found[:MOST_PLACES]]
    unique = list(dict.fromkeys(places))
    return BodyRefused(422, "the request breaks the contract: see `errors`", unique)


def _advice(line: Any) -> str:
    if line["type"] == "extra_forbidden":
        return "A field that does not exist here: see /docs for those that do"
    if line["type"] == "string_pattern_mismatch":
        return "String should have no control characters"
    return str(line["msg"])


def place(location: tuple[int | str, ...]) -> str:
    """("items", 3, "tags", 0) → "items[3].tags[0]", cut where a name is the caller's own."""
    path = ""
    for part in location:
        if isinstance(part, str) and part not in _FIELDS:
            break
        path += f"[{part}]" if isinstance(part, int) else f".{part}"
    return path.removeprefix(".") or "body"


def _names(schema: Any) -> Iterator[str]:
    """Every field name of a JSON schema."""
    for definition in (schema, *schema.get("$defs", {}).values()):
        yield from definition.get("properties", {})


_FIELDS = frozenset(
    name
    for model in (ItemsBody, EventsBody, RecommendBatchBody, SimilarBody, ModelBody, Experiment)
    for name in _names(model.model_json_schema())
)
