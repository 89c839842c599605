"""`couple simulate`: an A/B test rehearsed with users whose tastes are known."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

import typer

from couple.extras import requires, share_cores

if TYPE_CHECKING:
    from couple.simulation.rehearsals import Rehearsal
    from couple.simulation.stage import Stage
    from couple.simulation.visits import Plan
    from couple.simulation.world import World

Name = Literal["aa", "planted", "cold-start", "couple-vs-youtube"]
MOST_LIFT = 2.0
Lift = Annotated[
    float | None,
    typer.Option(min=-1, max=MOST_LIFT, help="of clicks in the treatment [planted: 0.2]"),
]
Demo = Annotated[
    Path, typer.Option(metavar="DIR", help="couple-vs-youtube: data and models, made if absent")
]


class Source(NamedTuple):
    """What a rehearsal with a data set's own users is made of."""

    demo: Path  # where the models lie, or will
    data: Path | None  # prepared; None: the demo's
    old: bool  # whether items that training saw stand beside the new ones


def simulate(
    experiment: Annotated[Name, typer.Option(help="which one is rehearsed")] = "planted",
    url: Annotated[str | None, typer.Option(help="a running service [one of its own]")] = None,
    key: Annotated[
        str | None, typer.Option(help="one with all three scopes", envvar="COUPLE_KEY")
    ] = None,
    bundle: Annotated[
        Path, typer.Option(help="what is served; its tags are spoken", envvar="COUPLE_BUNDLE")
    ] = Path(".couple/demo/bundle"),
    users: Annotated[int, typer.Option(min=20, help="made-up ones")] = 1000,
    visits: Annotated[int, typer.Option(min=1, help="of each user")] = 5,
    lift: Lift = None,
    seed: Annotated[int, typer.Option(min=0, help="of users, visits and clicks")] = 0,
    out: Annotated[Path, typer.Option(metavar="DIR", help="the folder to write")] = Path(
        ".couple/simulate"
    ),
    demo: Demo = Path(".couple/demo"),
    data: Annotated[Path | None, typer.Option(help="a prepared data folder of your own")] = None,
    old: Annotated[
        bool, typer.Option("--old", help="couple-vs-youtube: items that training saw stand beside")
    ] = False,
) -> None:
    """Users with known tastes visit a service, are shown what its arms recommend, and click.

    aa: two equal arms; planted: in one of two equal arms everything is clicked more often by
    --lift; cold-start: author-CF against the model beside it; couple-vs-youtube: the paper's test
    on the demo's data, both models trained first. Writes DIR/report.html, report.json and events.

    With --url a running service is visited: drain its events and report on them yourself.

    Example: couple simulate --experiment planted --bundle .couple/demo/bundle
    """
    share_cores()
    with requires("report"):
        from couple.simulation.rehearsals import REHEARSALS
        from couple.simulation.stage import SimulationFailed
        from couple.simulation.visits import Plan
    with requires("loadtest"):
        from loadtest.errors import LoadTestError
    rehearsal = REHEARSALS[experiment]
    plan = Plan(experiment, visits, rehearsal.lift if lift is None else lift, seed=seed)
    try:
        if url:
            _visit(rehearsal, plan, bundle, users, url, key)
        elif rehearsal.models:
            _of_data(rehearsal, plan, Source(demo, data, old), out)
        else:
            _made_up(rehearsal, plan, bundle, users, out)
    except LoadTestError as error:
        raise SimulationFailed(str(error)) from error


def _visit(
    rehearsal: "Rehearsal", plan: "Plan", bundle: Path, users: int, url: str, key: str | None
) -> None:
    """At a running service, which keeps what it is told."""
    from couple.simulation import stage
    from loadtest.address import Address

    if rehearsal.models:
        raise stage.SimulationFailed(
            f"{rehearsal.name} trains its models and serves them itself: leave --url out"
        )
    address, world = Address.of(url, key), stage.made_up(bundle, users, plan.seed)

    async def whole() -> None:
        await stage.put(address, rehearsal)
        await stage.drive(address, world, plan, typer.echo)

    asyncio.run(whole())
    typer.echo(
        f"next: couple events drain --out events; couple experiments report {rehearsal.name} "
        "--data events --control control --aa"
    )


def _made_up(rehearsal: "Rehearsal", plan: "Plan", bundle: Path, users: int, out: Path) -> None:
    """On a service of its own over one bundle."""
    from couple.simulation.stage import Stage, made_up

    world = made_up(bundle, users, plan.seed)
    _hold(Stage(bundle, (), out), rehearsal, world, plan)


def _of_data(rehearsal: "Rehearsal", plan: "Plan", given: Source, out: Path) -> None:
    """On a service of its own over models that are trained first, with the data's own users."""
    from rich.console import Console

    from couple import preparation
    from couple.simulation.households import households
    from couple.simulation.stage import Stage
    from trainer.evaluation import evaluate

    console, demo = Console(), given.demo
    source = given.data or preparation.prepared(console, demo / "data")
    first, *others = rehearsal.models
    preparation.trained(console, source, demo, first)
    for model in others:
        preparation.trained(console, source, demo / model, model)
    trial = evaluate(demo / "checkpoint", source)[1]
    world = households(trial, source, plan.seed, old=given.old)
    stage = Stage(demo / "bundle", tuple(f"{model}/bundle" for model in others), out)
    _hold(stage, rehearsal, world, plan)


def _hold(stage: "Stage", rehearsal: "Rehearsal", world: "World", plan: "Plan") -> None:
    from couple.experiments import show
    from couple.simulation.stage import PAGE

    found = stage.hold(rehearsal, world, plan, typer.echo)
    show(found)
    typer.echo(f"\n{rehearsal.verdict(found, plan.lift)}\n{stage.out / PAGE}")
