"""A request's body → a checked model, or a refusal that names every place and echoes nothing."""

import asyncio
import codecs
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import islice
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect, Request

from service.entries import Span, spans
from service.errors import BodyRefused, Place
from service.experiment import Experiment
from service.requests import EventsBody, ItemsBody, ModelBody, RecommendBatchBody, SimilarBody
from service.turns import in_turns

B = TypeVar("B", bound=BaseModel)

LISTS: dict[type[BaseModel], str] = {ItemsBody: "items", EventsBody: "events"}  # may be long
MOST_LISTED = 1000  # entries that they may have
WHOLE = 65_536  # bytes that are checked at once: some milliseconds at most
AT_ONCE = 20  # entries of a larger body that are checked at once, fewer if that is more
MOST_PLACES = 1000  # named in one answer
MOST_ERRORS = 100_000  # listed to find those; listing a million takes seconds and gigabytes


async def read(request: Request, model: type[B], limit: int, timeout_s: float) -> B:
    """Receive, decode and check a JSON body.

    Raises:
        BodyRefused: not JSON (400), too slow (408), too large (413), of another media type (415),
            or against the model (422).
    """
    _check_media_type(request)
    return await _check(await _receive(request, limit, timeout_s), model)


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


async def _check(data: bytes, model: type[B]) -> B:
    """A long list in parts, between which others have their turn; all of it is judged."""
    checked: list[B] = []
    refused = Refusal(model)
    async for start, part in in_turns(await _parts(data, LISTS.get(model))):
        try:
            checked.append(_judged(model, part, data))
        except ValidationError as error:  # it holds the input: nothing may log it
            refused.add(error, start)
    refused.check()
    if len(checked) == 1:
        return checked[0]
    name = LISTS[model]
    entries = [entry for part in checked for entry in getattr(part, name)]
    return checked[0].model_copy(update={name: entries})


def _judged(model: type[B], part: str | bytes, data: bytes) -> B:
    """Raises ValidationError; where a part is no JSON, it says where in the whole that is."""
    try:
        return model.model_validate_json(part)
    except ValidationError as error:
        if error.error_count() == 1 and error.errors()[0]["type"] == "json_invalid":
            return model.model_validate_json(data)
        raise


async def _parts(data: bytes, name: str | None) -> Iterable[tuple[int, str | bytes]]:
    """Where each part of the list begins, and the body with no more of it than that."""
    if not name or len(data) <= WHOLE:
        return [(0, data)]
    try:
        chunks = (data[at : at + WHOLE] for at in range(0, len(data), WHOLE))
        text = "".join([some async for some in in_turns(codecs.iterdecode(chunks, "utf-8"))])
        ends = islice(spans(text, name), MOST_LISTED + 1)
        found = [span async for span in in_turns(ends)]
    except (ValueError, RecursionError):
        return [(0, data)]
    if len(found) > MOST_LISTED:
        return [(0, data)]
    return _cut(text, name, found)


def _cut(text: str, name: str, found: Sequence[Span]) -> Iterator[tuple[int, str]]:
    at_once = max(1, min(AT_ONCE, WHOLE * len(found) // len(text)))
    for start in range(0, len(found), at_once):
        mine = found[start : start + at_once]
        yield start, f'{{"{name}":[{text[mine[0][0] : mine[-1][1]]}]}}'


class Refusal:
    """What is wrong with a body, part by part."""

    def __init__(self, model: type[BaseModel]) -> None:
        self._model = model
        self._count = 0
        self._places: dict[Place, None] = {}  # in order, each once

    def add(self, error: ValidationError, start: int) -> None:
        """What is wrong with a part; its list begins with entry `start` of the whole.

        Raises:
            BodyRefused: it is not JSON.
        """
        self._count += error.error_count()
        if self._count > MOST_ERRORS or len(self._places) >= MOST_PLACES:
            return
        found = error.errors(include_url=False, include_context=False, include_input=False)
        if found[0]["type"] == "json_invalid":
            raise BodyRefused(400, f"the body is not JSON in UTF-8: {found[0]['msg']}") from None
        for line in found[:MOST_PLACES]:
            advice = _advice(line, _spellings(self._model))
            self._places[Place(place(_moved(line["loc"], start)), advice)] = None

    def check(self) -> None:
        """Raise BodyRefused unless there is nothing wrong."""
        if self._count > MOST_ERRORS:
            detail = f"the request breaks the contract in {self._count} places: see /docs"
            raise BodyRefused(422, detail, [Place("body", "More mistakes than can be listed")])
        if self._count:
            places = list(self._places)[:MOST_PLACES]
            raise BodyRefused(422, "the request breaks the contract: see `errors`", places)


def _moved(location: tuple[int | str, ...], start: int) -> tuple[int | str, ...]:
    """("items", 3, …) of a part → ("items", start + 3, …)."""
    if len(location) > 1 and isinstance(location[1], int):
        return (location[0], start + location[1], *location[2:])
    return location


def _advice(line: Any, fields: Mapping[str, str]) -> str:
    if line["type"] == "extra_forbidden":
        meant = fields.get(_plain(str(line["loc"][-1])))
        hint = f" (did you mean {meant}?)" if meant and meant != line["loc"][-1] else ""
        return f"A field that does not exist here: see /docs for those that do{hint}"
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


def _plain(name: str) -> str:
    """The same for userId, User_IDs and user_id."""
    return name.lower().replace("_", "").removesuffix("s")


@cache
def _spellings(model: type[BaseModel]) -> Mapping[str, str]:
    """Fields anywhere in a model, by what remains of how people spell them."""
    return {_plain(name): name for name in _names(model.model_json_schema())}


_FIELDS = frozenset(
    name
    for model in (ItemsBody, EventsBody, RecommendBatchBody, SimilarBody, ModelBody, Experiment)
    for name in _names(model.model_json_schema())
)
