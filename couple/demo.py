"""`couple demo`: the whole path on real data, from a fresh clone to a recommendation over HTTP.

Each step leaves a folder under --dir and is skipped when that folder is already there and still
belongs to what went before it.
"""

from pathlib import Path
from typing import Annotated

import typer

from couple.extras import requires, share_cores


def demo(
    exit_: Annotated[bool, typer.Option("--exit", help="stop after the figures")] = False,
    port: Annotated[int, typer.Option(min=1, max=65535, help="port on 127.0.0.1")] = 8000,
    folder: Annotated[Path, typer.Option("--dir", help="where everything it makes lies")] = Path(
        ".couple/demo"
    ),
    data: Annotated[Path | None, typer.Option(help="a prepared data folder of your own")] = None,
    restart: Annotated[bool, typer.Option("--restart", help="train anew")] = False,
) -> None:
    """Real data → train → export → embedded store → serve → ingest → recommendations with reasons.

    Only the cold items, those the training never saw, are posted as new; the held-out users get
    their histories as the evaluation leaves them. Then it prints how often the item they truly
    took next is found, beside chance and a TF-IDF profile, and keeps serving until Ctrl-C.

    Example: couple demo --exit
    """
    share_cores()
    with requires("demo"):
        from rich.console import Console

        from couple import preparation, showcase
        from service.server import bind
        from trainer.evaluation import evaluate
    bind("127.0.0.1", port).close()  # a taken port is better known before the training than after
    console = Console()
    source = data or preparation.prepared(console, folder / "data")
    preparation.trained(console, source, folder, restart=restart)
    with preparation.step(console, "judging on what was held out"):
        figures, trial = evaluate(folder / "checkpoint", source)
    showcase.forget_other_data(folder / "store", trial)
    with showcase.running(folder, port) as service:
        showcase.ingest(console, service, trial, folder / "store")
        showcase.show_users(console, service, trial)
        showcase.show_figures(console, figures)
        if not exit_:
            showcase.keep_serving(console, service, trial)
