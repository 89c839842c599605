"""`couple evaluate`: how well a checkpoint finds what was held out from it."""

from pathlib import Path
from typing import Annotated

import typer

from couple.extras import requires, share_cores


def evaluate(
    checkpoint: Annotated[Path, typer.Argument(metavar="CHECKPOINT", help="what train wrote")],
    data: Annotated[Path, typer.Option(help="the data folder it was trained on")],
    json_: Annotated[bool, typer.Option("--json", help="JSON instead of a table")] = False,
) -> None:
    """HR@k and NDCG@k against 100 sampled negatives, Recall@k over all cold items.

    Warm and cold users apart, beside a TF-IDF profile and chance in the same run.

    Example: couple evaluate checkpoint --data data --json
    """
    share_cores()
    with requires("train"):
        from couple.tables import figures
        from trainer.evaluation import evaluate as run

    report, _ = run(checkpoint, data)
    if json_:
        import json

        typer.echo(json.dumps(report, indent=2))
    else:
        figures(report)
