"""`/admin`: what operators ask a replica."""

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from service.answers import DigestAnswer
from service.auth import Allowed
from service.parts import parts_of
from service.routes.wire import answer, documented

router = APIRouter(prefix="/admin", tags=["admin"], dependencies=[Depends(Allowed("admin"))])


@router.get("/digest", responses=documented(401, 403, answer=DigestAnswer))
async def get_digest(request: Request) -> Response:
    """What this replica holds of the catalogue, to be compared with another's."""
    facts = parts_of(request).facts
    digest = facts.shelf.digest
    sequence = str(facts.sequence) if facts.sequence else None
    return answer(sequence=sequence, count=digest.count, hash=digest.hash)
