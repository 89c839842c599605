"""`/similar`: items like an item."""

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Request
from starlette.responses import Response

from service.answers import SimilarAnswer
from service.auth import Allowed
from service.parts import parts_of
from service.recommender import Like
from service.requests import SimilarBody
from service.routes.candidates import after_of, tell
from service.routes.wire import BODY, answer, documented, read, takes

router = APIRouter(tags=["recommend"], dependencies=[Depends(Allowed("recommend"))])


@router.post(
    "/similar",
    responses=documented(*BODY, 404, 409, 429, answer=SimilarAnswer),
    openapi_extra=takes(SimilarBody),
)
async def post_similar(
    request: Request, x_couple_after: Annotated[str | None, Header()] = None
) -> Response:
    """The live items nearest to an item of the catalogue, or to one that has these tags."""
    parts, body = parts_of(request), await read(request, SimilarBody)
    like = Like(body.item_id, body.tags or [], body.k, body.exclude_item_ids, body.filters)
    found = await parts.recommender.similar(like, after_of(x_couple_after))
    return answer(**tell(found))
