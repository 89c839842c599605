"""`/recommend`: candidates for one user."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Request
from redis.exceptions import RedisError
from starlette.responses import Response

from service.answers import RecommendAnswer
from service.auth import Allowed
from service.explain import explain
from service.parts import Parts, parts_of
from service.recommender import Answer, Ask
from service.requests import RecommendBody
from service.routes.wire import BODY, answer, documented, read, takes
from service.sequence import LogSequence

router = APIRouter(tags=["recommend"], dependencies=[Depends(Allowed("recommend"))])


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
    after = None if x_couple_after is None else LogSequence.parse(x_couple_after)
    found = await parts.recommender.recommend(_ask(body, after))
    return answer(
        user_id=body.user_id,
        candidates=await _candidates(parts, found, body.explain),
        model={"name": parts.model.manifest.model, "version": parts.model.manifest.version},
        experiments=[],
        sequence=str(found.sequence) if found.sequence else None,
        degraded=found.degraded,
    )


def _ask(body: RecommendBody, after: LogSequence | None) -> Ask:
    history = None if body.history is None else [item.watched() for item in body.history]
    return Ask(
        user_id=body.user_id,
        k=body.k,
        exclude_seen=body.exclude_seen,
        exclude=body.exclude_item_ids,
        filters=body.filters,
        history=history,
        after=after,
    )


async def _candidates(parts: Parts, found: Answer, explained: bool) -> list[dict[str, Any]]:
    candidates: list[dict[str, Any]] = [
        {"item_id": item_id, "score": score, "channel": "model"}
        for item_id, score in found.candidates
    ]
    if explained:
        reasons = await _reasons(parts, found)
        for candidate in candidates:
            candidate["reasons"] = {"tags": reasons.get(candidate["item_id"], [])}
    return candidates


async def _reasons(parts: Parts, found: Answer) -> dict[str, list[dict[str, object]]]:
    """None when Redis does not say what the candidates are."""
    try:
        items = await parts.catalogue.items([item_id for item_id, _ in found.candidates])
    except RedisError:
        return {}
    return explain(parts.model, found.history, items)
