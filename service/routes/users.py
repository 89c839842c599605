"""`/users`: what is stored of a user, and its erasure."""

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from service.answers import EraseAnswer, HistoryAnswer
from service.auth import Allowed
from service.parts import parts_of
from service.routes.wire import answer, documented
from service.text import Id, format_time

router = APIRouter(tags=["users"], dependencies=[Depends(Allowed("ingest"))])


@router.get(
    "/users/{user_id:text}/history",
    responses=documented(401, 403, 422, 429, 503, answer=HistoryAnswer),
)
async def get_history(request: Request, user_id: Id) -> Response:
    """The stored history, newest first by arrival; empty for a user nobody knows."""
    past = await parts_of(request).histories.read(user_id)
    history = [
        {
            "item_id": item.item_id,
            "domain": item.domain,
            "timestamp": format_time(item.time),
            "title": item.title,
            "tags": item.tags,
            "author_id": item.author_id,
        }
        for item in past.history
    ]
    return answer(user_id=user_id, history=history)


@router.delete(
    "/users/{user_id:text}", responses=documented(401, 403, 422, 429, 503, answer=EraseAnswer)
)
async def delete_user(request: Request, user_id: Id) -> Response:
    """Erase history, seen list and event ids, and leave an erasure record in the event stream."""
    existed = await parts_of(request).recorder.erase(user_id)
    return answer(user_id=user_id, status="erased" if existed else "absent")
