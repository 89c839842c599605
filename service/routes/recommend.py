"""`/recommend`: candidates for one user, `/recommend/batch`: for several."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Request
from redis.exceptions import RedisError
from starlette.responses import Response
from starlette.routing import Route

from service.answers import RecommendAnswer, RecommendBatchAnswer
from service.auth import Allowed
from service.explain import explain
from service.item import Item
from service.parts import Parts, parts_of
from service.recommender import Answer, Ask
from service.requests import RecommendBatchBody, RecommendBody
from service.routes.candidates import after_of, tell
from service.routes.direct import Direct
from service.routes.wire import BODY, answer, documented, read, request_id, takes

ALLOWED = Allowed("recommend")
router = APIRouter(tags=["recommend"], dependencies=[Depends(ALLOWED)])


@router.post(
    "/recommend",
    responses=documented(*BODY, 409, answer=RecommendAnswer),
    openapi_extra=takes(RecommendBody),
)
async def post_recommend(
    request: Request, x_couple_after: Annotated[str | None, Header()] = None
) -> Response:
    """The best live items for a user; always an answer, and `degraded` says what it lacks."""
    parts, body = parts_of(request), await read(request, RecommendBody)
    after = after_of(x_couple_after)
    found = await parts.recommender.recommend(_ask(body), after)
    items = await _explained(parts, [found] if body.explain else [])
    return answer(**_result(body, found, items))


@router.post(
    "/recommend/batch",
    responses=documented(*BODY, 409, answer=RecommendBatchAnswer),
    openapi_extra=takes(RecommendBatchBody),
)
async def post_recommend_batch(
    request: Request, x_couple_after: Annotated[str | None, Header()] = None
) -> Response:
    """What /recommend answers to each request, in their order; one round trip for all users."""
    parts, body = parts_of(request), await read(request, RecommendBatchBody)
    after = after_of(x_couple_after)
    answers = await parts.recommender.recommend_all([_ask(one) for one in body.requests], after)
    pairs = list(zip(body.requests, answers, strict=True))
    items = await _explained(parts, [found for one, found in pairs if one.explain])
    results = []
    for one, found in pairs:
        if one.explain:
            await asyncio.sleep(0)  # explanations take milliseconds: others have their turn
        results.append(_result(one, found, items))
    return answer(results=results)


def _ask(body: RecommendBody) -> Ask:
    history = None if body.history is None else [item.watched() for item in body.history]
    return Ask(
        user_id=body.user_id,
        k=body.k,
        exclude_seen=body.exclude_seen,
        exclude=body.exclude_item_ids,
        filters=body.filters,
        history=history,
    )


def _result(body: RecommendBody, found: Answer, items: Mapping[str, Item]) -> dict[str, Any]:
    """One answer; `items` are those that candidates are explained by."""
    told = tell(found)
    if body.explain:
        mine = {item_id: items[item_id] for item_id in _by_model(found) if item_id in items}
        reasons = explain(found.model, found.history, mine) if mine else {}
        for candidate in told["candidates"]:
            candidate["reasons"] = {"tags": reasons.get(candidate["item_id"], [])}
    return {
        "request_id": request_id(),
        "user_id": body.user_id,
        **told,
        "experiments": [],
    }


def _by_model(found: Answer) -> list[str]:
    """The candidates that there are reasons for."""
    brought = zip(found.candidates, found.channels, strict=True)
    return [item_id for (item_id, _), channel in brought if channel == "model"]


async def _explained(parts: Parts, answers: Sequence[Answer]) -> dict[str, Item]:
    """What some answers are explained by; nothing when Redis does not say."""
    item_ids = {item_id: None for found in answers for item_id in _by_model(found)}
    try:
        return await parts.catalogue.items(list(item_ids))
    except RedisError:
        return {}


direct = Route("/recommend", Direct(ALLOWED, post_recommend), methods=["POST"])
