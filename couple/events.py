"""`couple events …`: what users did, from the service's event stream to files."""

import asyncio
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from couple.extras import requires

app = typer.Typer(help="The event stream of a service.", no_args_is_help=True)
TIMEOUT_S = 30.0  # for Redis to answer; nobody waits for this command


@app.callback()
def events() -> None:
    """The event stream of a service."""


@app.command()
def drain(
    out: Annotated[Path, typer.Option(help="the folder to add to; it is the drain's alone")],
    follow: Annotated[bool, typer.Option("--follow", help="go on for ever")] = False,
    every: Annotated[
        float, typer.Option(min=0.01, help="with --follow: seconds between two looks")
    ] = 60.0,
    rows: Annotated[int, typer.Option(min=1, help="entries of one file, at most")] = 50_000,
) -> None:
    """Append the event stream to Parquet by day, each event exactly once; run it again to go on.

    The stream is that of COUPLE_REDIS_URL. A run that was killed goes on where it was. Users who
    were erased since go from the files of every day.

    Example: COUPLE_REDIS_URL=redis://127.0.0.1:6379/0 couple events drain --out events
    """
    with requires("drain"):
        from couple.drain import Pace
        from couple.drain import drain as run
        from couple.drained import Drained, drained
    from service.settings import Settings
    from service.store import connect

    async def whole(folder: Drained) -> Counter[str]:
        async with connect(Settings(), TIMEOUT_S) as redis:
            return await run(redis, folder, Pace(rows, every, follow), _say)

    with drained(out) as folder:
        counts = asyncio.run(whole(folder))
        typer.echo(_summary(out, counts))


def _say(text: str) -> None:
    typer.echo(text, err=True)


def _summary(out: Path, counts: Counter[str]) -> str:
    told = [f"{counts[kind]:,} {kind}" for kind in ("events", "recommendations")]
    if counts["users erased"]:
        told.append(f"{counts['users erased']:,} users erased")
        told.append(f"{counts['rows erased']:,} rows of theirs removed")
    if counts["unread"]:
        told.append(f"{counts['unread']:,} entries left out")
    return f"{out}: {', '.join(told)}"
