"""`/items`: the content pipeline's side of the catalogue."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from service.answers import DeleteAnswer, ItemAnswer, ItemsAnswer
from service.auth import Allowed
from service.catalogue import Change, Written, puts
from service.errors import BodyRefused, NotFound, Place
from service.item import Item
from service.model import Model
from service.parts import Parts, parts_of
from service.replica import Replica, reached
from service.requests import ItemsBody
from service.routes.wire import BODY, answer, documented, read, takes
from service.text import INT64, Id, format_time
from service.turns import in_turns

router = APIRouter(tags=["items"], dependencies=[Depends(Allowed("ingest"))])


@router.post(
    "/items",
    responses=documented(*BODY, 429, 503, answer=ItemsAnswer),
    openapi_extra=takes(ItemsBody),
)
async def post_items(request: Request) -> Response:
    """Create and update items, all or none; answers once this replica recommends them."""
    parts, body = parts_of(request), await read(request, ItemsBody)
    _check_distinct([item.item_id for item in body.items])
    model = parts.generations.active.model
    domain = model.manifest.target_domains[0]
    items = [item.item(domain) async for item in in_turns(body.items)]
    changes = puts(items, [item.version for item in body.items])
    written, applied = await _write(parts, changes)
    pairs = zip(items, written.statuses, strict=True)
    results = [_result(model, item, status) async for item, status in in_turns(pairs)]
    for one in results:
        known, unknown = len(one["known_tags"]), len(one["unknown_tags"])
        parts.metrics.posted(known, unknown, retrievable=one["retrievable"])
    return answer(
        sequence=str(written.sequence),
        durability=parts.tail.durability,
        applied=applied,
        results=results,
    )


@router.get(
    "/items/{item_id:text}", responses=documented(401, 403, 404, 422, 429, 503, answer=ItemAnswer)
)
async def get_item(request: Request, item_id: Id) -> Response:
    """The facts of one item."""
    parts = parts_of(request)
    stored = await parts.catalogue.get(item_id)
    if stored is None or stored.item.expired(parts.clock.now()):
        raise NotFound("the catalogue holds no such item")
    item = stored.item
    times = {
        "published_at": format_time(item.published_at),
        "expires_at": format_time(item.expires_at),
    }
    retrievable = {one.version: one.model.retrievable(item) for one in parts.generations.live}
    return answer(**{**vars(item), **times}, version=stored.version, retrievable=retrievable)


@router.delete(
    "/items/{item_id:text}", responses=documented(401, 403, 422, 429, 503, answer=DeleteAnswer)
)
async def delete_item(
    request: Request,
    item_id: Id,
    version: Annotated[int | None, Query(ge=-INT64, lt=INT64)] = None,
) -> Response:
    """Delete one item; its tombstone keeps late upserts out."""
    written, applied = await _write(parts_of(request), [Change("delete", item_id, version)])
    (status,), sequence = written.statuses, str(written.sequence)
    return answer(item_id=item_id, status=status, sequence=sequence, applied=applied)


async def _write(parts: Parts, changes: Sequence[Change]) -> tuple[Written, bool]:
    """Write to the log; → whether what this worker answers from has applied it in time."""
    written = await parts.catalogue.write(changes)
    generations = parts.generations
    indexes = [one.replica for one in (generations.active, *generations.live)]
    # But none that is still on its way.
    answering: list[Replica[Any]] = [parts.facts, *dict.fromkeys(indexes)]
    timeout_s = parts.settings.apply_timeout_ms / 1000
    return written, await reached(answering, written.sequence, timeout_s)


def _result(model: Model, item: Item, status: str) -> dict[str, Any]:
    found = model.reading(item)
    result = {
        "item_id": item.item_id,
        "status": status,
        "known_tags": found.known,
        "unknown_tags": found.unknown,
        "retrievable": model.offers(item) and bool(found.ids),
    }
    return {**result, "stand_in_tags": found.stand_ins} if found.stand_ins else result


def _check_distinct(item_ids: Sequence[str]) -> None:
    first: dict[str, int] = {}
    places = [
        Place(f"items[{n}].item_id", f"The same id as items[{first[item_id]}]: send each once")
        for n, item_id in enumerate(item_ids)
        if first.setdefault(item_id, n) != n
    ]
    if places:
        raise BodyRefused(422, "the request breaks the contract: see `errors`", places)
