"""`couple export`: checkpoint → verified bundle."""

from pathlib import Path
from typing import Annotated

import typer

from couple.extras import requires, share_cores


def export(
    checkpoint: Annotated[Path, typer.Argument(metavar="CHECKPOINT", help="what train wrote")],
    bundle: Annotated[Path, typer.Argument(metavar="BUNDLE", help="the folder to write")],
) -> None:
    """Split a checkpoint into two ONNX towers and verify them, as the service will.

    Nothing unverified ever stands under the bundle's name.

    Example: couple export checkpoint bundle
    """
    share_cores()
    with requires("train"):
        from exporter import export as run
    from service.towers import OnnxTowers

    manifest = run(checkpoint, bundle, OnnxTowers)
    typer.echo(f"{bundle}: {manifest.model} {manifest.version}")
    typer.echo(f"torch and ONNX agree to {manifest.parity_error:.1e}")
