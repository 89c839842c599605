"""`/livez` and `/readyz`: no key, no Redis call."""

import os

from fastapi import APIRouter, Request
from starlette.responses import Response

from service.answers import LiveAnswer, ReadyAnswer
from service.parts import parts_of
from service.routes.wire import answer

router = APIRouter(tags=["health"])


@router.get("/livez", responses={200: {"model": LiveAnswer}, 503: {"model": LiveAnswer}})
async def livez(request: Request) -> Response:
    """The process answers, and what it does in the background goes on."""
    parts = parts_of(request)
    alive = not any(task.done() for task in (*parts.background, *parts.generations.tasks))
    return answer(200 if alive else 503, status="alive" if alive else "broken", pid=os.getpid())


@router.get("/readyz", responses={200: {"model": ReadyAnswer}, 503: {"model": ReadyAnswer}})
async def readyz(request: Request) -> Response:
    """The probe replayed and the log was caught up with; a Redis lost later only degrades."""
    parts = parts_of(request)
    active = parts.generations.active
    sequence = active.sequence if parts.generations.ready else None
    ready = "ready" if sequence else "starting"
    status = "leaving" if request.app.state.leaving else ready
    return answer(
        200 if status == "ready" else 503,
        status=status,
        sequence=str(sequence) if sequence else None,
        items=active.count,
        redis="connected" if parts.tail.connected else "unavailable",
    )
