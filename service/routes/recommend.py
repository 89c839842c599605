"""`/recommend`: candidates for one user, `/recommend/batch`: for several."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Header, Request
from redis.exceptions import RedisError
from starlette.responses import Response

from service.answers import RecommendAnswer, RecommendBatchAnswer
from service.auth import Allowed
from service.errors import ExperimentRefused
from service.experiments import NOBODY, Assignment
from service.explain import explain
from service.item import Item
from service.parts import Parts, parts_of
from service.recommender import Answer, Ask
from service.requests import RecommendBatchBody, RecommendBody
from service.routes.candidates import after_of, tell
from service.routes.direct import Direct
from service.routes.wire import BODY, answer, documented, read, request_id, takes
from service.turns import in_turns

ALLOWED = Allowed("recommend")
MAY_FORCE = Allowed("admin")
After = Annotated[str | None, Header()]
ForcedArms = Annotated[str | None, Header(description="`experiment=arm`, for QA; scope `admin`")]
router = APIRouter(tags=["recommend"], dependencies=[Depends(ALLOWED)])


@router.post(
    "/recommend",
    responses=documented(*BODY, 409, 429, answer=RecommendAnswer),
    openapi_extra=takes(RecommendBody),
)
async def post_recommend(
    request: Request, x_couple_after: After = None, x_couple_arm: ForcedArms = None
) -> Response:
    """The best live items for a user; always an answer, and `degraded` says what it lacks."""
    parts, body = parts_of(request), await read(request, RecommendBody)
    after, forced = after_of(x_couple_after), await _forced(request, x_couple_arm)
    found = await parts.recommender.recommend(_ask(body, forced), after)
    parts.exposures.note(request_id(), body.user_id, found)
    items = await _explained(parts, [found] if body.explain else [])
    return answer(**_result(body, found, items))


@router.post(
    "/recommend/batch",
    responses=documented(*BODY, 409, 429, answer=RecommendBatchAnswer),
    openapi_extra=takes(RecommendBatchBody),
)
async def post_recommend_batch(
    request: Request, x_couple_after: After = None, x_couple_arm: ForcedArms = None
) -> Response:
    """What /recommend answers to each request, in their order; one round trip for all users."""
    parts, body = parts_of(request), await read(request, RecommendBatchBody)
    after, forced = after_of(x_couple_after), await _forced(request, x_couple_arm)
    asks = [_ask(one, forced) for one in body.requests]
    answers = await parts.recommender.recommend_all(asks, after)
    pairs = list(zip(body.requests, answers, strict=True))
    items = await _explained(parts, [found for one, found in pairs if one.explain])
    results = []
    async for one, found in in_turns(pairs):
        parts.exposures.note(request_id(), one.user_id, found)
        results.append(orjson.Fragment(orjson.dumps(_result(one, found, items))))
    return answer(results=results)


async def _forced(request: Request, header: str | None) -> Mapping[str, str]:
    """Arms by experiment, of `X-Couple-Arm`; who sends it needs the scope `admin` too.

    The live report is told before the answer is given, so that nothing of it counts.

    Raises:
        Forbidden: the key does not have it.
        ExperimentRefused: the header is not what it should be.
    """
    if header is None:
        return NOBODY
    await MAY_FORCE(request)
    pairs = [part.strip().partition("=") for part in header.split(",")]
    forced = {experiment: arm for experiment, _, arm in pairs}
    if not all(forced) or not all(forced.values()) or len(forced) < len(pairs):
        raise ExperimentRefused("X-Couple-Arm is experiment=arm, or several of them with commas")
    parts = parts_of(request)
    with suppress(RedisError):  # it cannot be told of impressions either
        await parts.live.force(request_id(), parts.clock.now())
    return forced


def _ask(body: RecommendBody, forced: Mapping[str, str]) -> Ask:
    history = None if body.history is None else [item.watched() for item in body.history]
    return Ask(
        user_id=body.user_id,
        k=body.k,
        exclude_seen=body.exclude_seen,
        exclude=body.exclude_item_ids,
        filters=body.filters,
        history=history,
        forced=forced,
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
        "experiments": [_told(one) for one in found.arms],
    }


def _by_model(found: Answer) -> list[str]:
    """The candidates that there are reasons for."""
    brought = zip(found.candidates, found.channels, strict=True)
    return [item_id for (item_id, _), channel in brought if channel == "model"]


def _told(drawn: Assignment) -> dict[str, Any]:
    told = {"name": drawn.experiment, "arm": drawn.arm.name, "bucket": drawn.bucket}
    return {**told, "forced": True} if drawn.forced else told


async def _explained(parts: Parts, answers: Sequence[Answer]) -> dict[str, Item]:
    """What some answers are explained by; nothing when Redis does not say."""
    item_ids = {item_id: None for found in answers for item_id in _by_model(found)}
    try:
        return await parts.catalogue.items(list(item_ids))
    except RedisError:
        return {}


direct = Direct(ALLOWED, post_recommend)
