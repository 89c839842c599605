"""`/models`: which models are live, and which of them answers."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from starlette.responses import Response

from service.answers import ModelAnswer, ModelsAnswer
from service.auth import Allowed
from service.parts import Parts, parts_of
from service.requests import ModelBody
from service.routes.wire import BODY, answer, documented, read, takes

router = APIRouter(tags=["models"], dependencies=[Depends(Allowed("admin"))])

Version = Annotated[str, Path(pattern="^[0-9a-f]{64}$")]


@router.get("/models", responses=documented(401, 403, answer=ModelsAnswer))
async def get_models(request: Request) -> Response:
    """The models of the process that answers, and their state there."""
    return _models(parts_of(request))


@router.post(
    "/models",
    responses={
        **documented(*BODY, 409, 503, answer=ModelAnswer),
        202: {"model": ModelAnswer, "description": "the bundle is sound; its index is being built"},
    },
    openapi_extra=takes(ModelBody),
)
async def post_model(request: Request) -> Response:
    """Verify a bundle below COUPLE_BUNDLES and bring it up, beside the model that answers."""
    parts, body = parts_of(request), await read(request, ModelBody)
    listed = await parts.rollout.load(body.path)
    coming = listed.state in {"loading", "failed"}
    return answer(202 if coming else 200, **vars(listed))


@router.post(
    "/models/{version}/activate",
    responses=documented(401, 403, 404, 409, 422, 503, answer=ModelsAnswer),
)
async def activate(request: Request, version: Version) -> Response:
    """Answer with this model from now on; answered itself when this process does."""
    await parts_of(request).rollout.activate(version)
    return _models(parts_of(request))


@router.post("/models/rollback", responses=documented(401, 403, 409, 503, answer=ModelsAnswer))
async def roll_back(request: Request) -> Response:
    """Answer with the previous model again, at once."""
    await parts_of(request).rollout.roll_back()
    return _models(parts_of(request))


@router.delete(
    "/models/{version}", responses=documented(401, 403, 404, 409, 422, 503, answer=ModelsAnswer)
)
async def delete_model(request: Request, version: Version) -> Response:
    """Let go of a model that does not answer, with its index and its snapshots."""
    await parts_of(request).rollout.drop(version)
    return _models(parts_of(request))


def _models(parts: Parts) -> Response:
    generations = parts.generations
    models = [vars(listed) for listed in generations.listed()]
    return answer(models=models, active=generations.active.version)
