"""`couple experiments …`: what the arms of an experiment did to its users."""

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bundle.errors import CoupleError
from couple.extras import requires

if TYPE_CHECKING:
    from couple.abtest.report import Report

app = typer.Typer(help="Experiments of the service.", no_args_is_help=True)
DRAWS = 400  # of the A/A check
TIMEOUT_S = 30.0  # for Redis to answer


class WrongWeight(CoupleError):
    """A weight that is not ARM=NUMBER."""


class NotWritten(CoupleError):
    """A file of the report that cannot be written."""


class NotStored(CoupleError):
    """The store of COUPLE_REDIS_URL does not take the analysis."""


@app.callback()
def experiments() -> None:
    """Experiments of the service."""


@app.command()
def report(
    name: Annotated[str, typer.Argument(help="the experiment")],
    data: Annotated[Path, typer.Option(help="a folder of couple events drain")],
    control: Annotated[str | None, typer.Option(help="an arm [the first by name]")] = None,
    weight: Annotated[
        list[str] | None, typer.Option(metavar="ARM=WEIGHT", help="of each arm, if not all alike")
    ] = None,
    cold_days: Annotated[
        float, typer.Option(min=0, help="an item is cold so long after its publication")
    ] = 7.0,
    aa: Annotated[bool, typer.Option("--aa", help="divide the users at random 400 times")] = False,
    json: Annotated[Path | None, typer.Option(help="write every figure here")] = None,
    html: Annotated[Path | None, typer.Option(help="write a page here")] = None,
) -> None:
    """Print each arm's CTR and exposure of cold items, and its lift with a 95 % interval.

    Where COUPLE_REDIS_URL is set, GET /experiments/NAME/report shows it too.

    Example: couple experiments report couple-vs-youtube --data events --html report.html
    """
    with requires("report"):
        from couple.abtest.page import page
        from couple.abtest.report import Options
        from couple.abtest.report import report as run
    options = Options(control, _weights(weight or []), cold_days, DRAWS if aa else 0)
    found = run(data, name, options)
    show(found)
    if json:
        _write(json, found.model_dump_json(indent=1) + "\n")
    if html:
        _write(html, page(found))
    if "COUPLE_REDIS_URL" in os.environ:
        _store(found)


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise NotWritten(f"{path} cannot be written ({why}): name another file") from error


def _store(found: "Report") -> None:
    from redis.exceptions import RedisError

    from service.live import Live
    from service.settings import Settings
    from service.store import connect

    async def keep() -> None:
        async with connect(Settings(), TIMEOUT_S) as redis:
            await Live(redis).keep(found.name, found.model_dump_json())

    try:
        asyncio.run(keep())
    except (RedisError, OSError, ValueError) as error:
        raise NotStored(
            f"Redis did not take the analysis ({type(error).__name__}), the service goes on with "
            "the one before: set COUPLE_REDIS_URL to its store, or unset it"
        ) from error


def _weights(given: list[str]) -> dict[str, float]:
    weights = {}
    for text in given:
        arm, _, number = text.rpartition("=")
        try:
            weights[arm] = float(number)
        except ValueError:
            weights[arm] = 0.0
        if not arm or not 0 < weights[arm] <= 1:
            raise WrongWeight("a weight is ARM=NUMBER with a number up to 1, like control=0.5")
    return weights


def show(found: "Report") -> None:
    """Print its tables, and what is to be said of them."""
    from rich.console import Console
    from rich.table import Table

    from couple.abtest.sheets import checks, sheets, span

    console = Console()
    console.print(f"[bold]{found.name}[/]: {span(found)}", highlight=False)
    for sheet in sheets(found):
        table = Table(title=sheet.title, title_justify="left", box=None, padding=(0, 1, 0, 0))
        for place, column in enumerate(sheet.columns):
            table.add_column(column, justify="right" if place else "left", overflow="fold")
        for row in sheet.rows:
            table.add_row(*row)
        console.print(table)
        console.print(sheet.note, style="dim", markup=False, highlight=False)
    for check in checks(found):
        console.print(check.text, markup=False, highlight=False)
