"""`/metrics`: the figures of this host for Prometheus; no key, no Redis call, no user, no item."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from service.exposition import MEDIA_TYPE
from service.parts import parts_of
from service.routes.wire import PROBLEM

router = APIRouter(tags=["health"])
EXAMPLE = '# HELP couple_ready …\n# TYPE couple_ready gauge\ncouple_ready{worker="0"} 1\n'


@router.get(
    "/metrics",
    response_class=Response,
    responses={
        200: {"description": "docs/metrics.md", "content": {MEDIA_TYPE: {"example": EXAMPLE}}},
        503: {"description": "COUPLE_STATE cannot be written", "content": PROBLEM},
    },
)
async def get_metrics(request: Request) -> Response:
    """What all workers of this host counted, and what is so of those that live."""
    return Response(await parts_of(request).telling.text(), media_type=MEDIA_TYPE)
