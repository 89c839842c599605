"""`couple reproduce`: the paper's tables and figures on your data, as one HTML page."""

from pathlib import Path
from typing import Annotated

import typer

from couple.extras import requires, share_cores


def reproduce(
    data: Annotated[Path, typer.Option(help="a prepared data folder")],
    out: Annotated[Path, typer.Option(metavar="REPORT", help="the folder to write")],
    quick: Annotated[bool, typer.Option("--quick", help="a smoke run in minutes")] = False,
    seeds: Annotated[
        int | None, typer.Option(min=1, help="runs of each network in Tables 4 and 5 [3 and 2]")
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option(metavar="TABLE", help="table4, figure5, …; may be repeated")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="runs side by side [one a core]")
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="a setting of every run")
    ] = None,
    restart: Annotated[bool, typer.Option("--restart", help="train everything anew")] = False,
) -> None:
    """Train and judge every model and ablation; write REPORT/report.html and results.json.

    Tables: table4, table5, readings, beyond, figure4, figure5, figure8. A run that is recorded is
    not trained again, and one that was killed goes on where it was.

    Example: couple reproduce --data data --out report --quick
    """
    share_cores()
    with requires("report"):
        from trainer.reproduce.report import PAGE, Options
        from trainer.reproduce.report import reproduce as run

    settings = tuple(set_ or ())
    options = Options(
        settings, quick, seeds, tuple(only or ()), workers, restart,
        command=_command(quick, seeds, only or [], settings),
    )  # fmt: skip
    found = run(data, out, options)
    for failure in found.failures:
        typer.secho(f"failed: {failure.key}: {failure.message}", fg="red", err=True)
    for finding in found.findings:
        typer.echo(f"{finding.verdict:5} {finding.claim}. {finding.text}")
    typer.echo(f"{out / PAGE}")


def _command(quick: bool, seeds: int | None, only: list[str], settings: tuple[str, ...]) -> str:
    """The call as others would write it: without paths of this machine."""
    words = ["couple reproduce --data DATA --out REPORT"]
    words += ["--quick"] if quick else []
    words += [f"--seeds {seeds}"] if seeds else []
    words += [f"--only {name}" for name in only]
    words += [f"--set {setting}" for setting in settings]
    return " ".join(words)
