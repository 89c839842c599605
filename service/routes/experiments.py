"""`/experiments`: how users are divided, and what each part of them gets."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request
from starlette.responses import Response

from service.answers import EndAnswer, ExperimentAnswer, ExperimentsAnswer, ReportAnswer
from service.auth import Allowed
from service.errors import BodyRefused, NotFound, Place
from service.experiment import SPELLING, Experiment
from service.experiments import Experiments
from service.parts import parts_of
from service.routes.wire import BODY, answer, documented, read, takes

router = APIRouter(tags=["experiments"], dependencies=[Depends(Allowed("admin"))])

Name = Annotated[str, Path(pattern=SPELLING, max_length=64)]


@router.get("/experiments", responses=documented(401, 403, answer=ExperimentsAnswer))
async def get_experiments(request: Request) -> Response:
    """All definitions: those that run, and the last that ended: their names and salts are taken."""
    state = parts_of(request).generations.experiments
    return answer(
        revision=state.revision,
        experiments=list(map(_told, state.running)),
        ended=list(map(_told, state.ended)),
    )


@router.get(
    "/experiments/{name}", responses=documented(401, 403, 404, 422, answer=ExperimentAnswer)
)
async def get_experiment(request: Request, name: Name) -> Response:
    """One definition, as it can be put again."""
    return _definition(parts_of(request).generations.experiments, name)


@router.put(
    "/experiments/{name}",
    responses=documented(*BODY, 409, 503, answer=ExperimentAnswer),
    openapi_extra=takes(Experiment),
)
async def put_experiment(request: Request, name: Name) -> Response:
    """Have it from now on, on every worker; answered when this process has it."""
    given = await read(request, Experiment)
    if given.name != name:
        raise BodyRefused(
            422, "the request breaks the contract: see `errors`", [Place("name", "As in the path")]
        )
    return _definition(await parts_of(request).rollout.define(given), name)


@router.delete(
    "/experiments/{name}", responses=documented(401, 403, 404, 422, 503, answer=EndAnswer)
)
async def delete_experiment(request: Request, name: Name) -> Response:
    """End it: its users get what everybody gets. Its name and salt stay its own for long."""
    parts = parts_of(request)
    for one in await parts.rollout.end(name):
        await parts.live.forget(one)
    return answer(name=name, status="ended")


@router.get(
    "/experiments/{name}/report", responses=documented(401, 403, 404, 422, 503, answer=ReportAnswer)
)
async def get_report(request: Request, name: Name) -> Response:
    """Each arm's figures so far, and the last analysis of `couple experiments report`."""
    parts = parts_of(request)
    one = _found(parts.generations.experiments, name)
    arms, analysis = await parts.live.arms(one), await parts.live.analysis(name)
    return answer(name=name, arms=arms, analysis=analysis)


def _definition(state: Experiments, name: str) -> Response:
    status = "running" if name in state.by_name else "ended"
    return answer(revision=state.revision, status=status, experiment=_told(_found(state, name)))


def _found(state: Experiments, name: str) -> Experiment:
    for one in (*state.running, *state.ended):
        if one.name == name:
            return one
    raise NotFound("no experiment has this name: see GET /experiments")


def _told(one: Experiment) -> dict[str, Any]:
    return one.model_dump(mode="json")
