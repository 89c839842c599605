"""`/events`: what users did."""

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from service.answers import EventsAnswer
from service.auth import Allowed
from service.parts import parts_of
from service.requests import EventsBody
from service.routes.wire import BODY, answer, documented, read, takes

router = APIRouter(tags=["events"], dependencies=[Depends(Allowed("ingest"))])


@router.post(
    "/events",
    responses=documented(*BODY, 429, 503, answer=EventsAnswer),
    openapi_extra=takes(EventsBody),
)
async def post_events(request: Request) -> Response:
    """Record events in order of arrival, each event id once."""
    parts, body = parts_of(request), await read(request, EventsBody)
    now = parts.clock.now()
    recorded = await parts.recorder.record([event.event(now) for event in body.events])
    counts = parts.metrics.events
    counts["accepted"] += recorded.accepted
    counts["duplicate"] += recorded.duplicates
    counts["rejected"] += len(recorded.rejected)
    return answer(
        accepted=recorded.accepted,
        duplicates=recorded.duplicates,
        rejected=[
            {"position": position, "reason": reason} for position, reason in recorded.rejected
        ],
    )
