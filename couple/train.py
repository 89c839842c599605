"""`couple train`: a data folder → a checkpoint."""

import resource
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from couple.extras import requires, share_cores


def train(
    data: Annotated[Path, typer.Option(help="a prepared data folder, or drained events")],
    out: Annotated[Path, typer.Option(metavar="CHECKPOINT", help="the folder to write")],
    model: Annotated[
        str,
        typer.Option(metavar="NAME", help="couple, a rival, or a model without a network"),
    ] = "couple",
    seed: Annotated[int | None, typer.Option(min=0, help="weights, batches and dropout")] = None,
    split: Annotated[
        Literal["paper", "cold", "none"] | None,
        typer.Option(help="what to hold out; by default what the data set's own file says"),
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="any other setting")
    ] = None,
    restart: Annotated[bool, typer.Option("--restart", help="begin anew")] = False,
    logs: Annotated[Path | None, typer.Option(metavar="DIR", help="write TensorBoard logs")] = None,
) -> None:
    """Train a model; a run that was killed goes on where it was, to the same weights.

    --model: couple, dssm, deepconn, youtube, ican, sasrec, comirec (these export and serve);
    tfidf, popularity, icf, icf-mf (these are judged only).

    --split paper: every user's last target item is cold and held out. --split cold: a seeded 15 %
    of the target items is. --split none: everything is learned from, for production.

    --set recipe=paper is the paper's configuration; `trainer/config.py` gives every setting with
    the reason for its value.
    In two processes: torchrun --standalone --nproc-per-node 2 -m couple train … (docs/scaling.md).

    Example: couple train --data data --out checkpoint --set epochs=2
    """
    share_cores()
    with requires("train"):
        from couple.tables import figures
        from trainer import processes
        from trainer.config import Config
        from trainer.towers import NETWORKS
        from trainer.train import train as run

    given = {"model": model, "seed": seed, "split": split}
    options = [f"{key}={value}" for key, value in given.items() if value is not None]
    config = Config.with_overrides([*options, *(set_ or [])])
    with processes.joined():
        report = run(data, out, config, restart=restart, logs=logs)
        if not processes.leads():
            return
    figures(report)
    typer.echo(f"peak memory {peak_megabytes():,.0f} MB")
    typer.echo(f"{out}: finished; next: {_next(data, out, served=config.model in NETWORKS)}")


def _next(data: Path, out: Path, *, served: bool) -> str:
    return f"couple export {out} bundle" if served else f"couple evaluate {out} --data {data}"


def peak_megabytes() -> float:
    """The most memory this process has had resident."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / 1024**2 if sys.platform == "darwin" else most / 1024
