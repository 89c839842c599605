"""`couple bundle …`: look at a bundle without serving it."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Look at a bundle without serving it.", no_args_is_help=True)


@app.callback()
def bundle() -> None:
    """Look at a bundle without serving it."""


@app.command()
def verify(
    path: Annotated[Path, typer.Argument(metavar="BUNDLE", help="the bundle's folder")],
) -> None:
    """Check every file of a bundle and replay its probe through both towers.

    Exit code 2 and one sentence naming the file when something is wrong.

    Example: couple bundle verify .couple/demo/bundle
    """
    from bundle import open_bundle, replay
    from service.towers import OnnxTowers

    opened = open_bundle(path)
    error = replay(opened.probe, opened.manifest, OnnxTowers(opened))
    manifest = opened.manifest
    typer.echo(f"{path}: intact, the probe replays (largest error {error:.1e})")
    typer.echo(f"model    {manifest.model}")
    typer.echo(f"version  {manifest.version}")
    typer.echo(
        f"vectors  D = {manifest.dim}, {manifest.interests} per user, norm {manifest.norm:g}; "
        f"histories of {manifest.max_items} items with {manifest.max_tags} tags"
    )
    typer.echo(f"tags     {manifest.vocabulary_size:,}")
    if manifest.towers.read_items:
        typer.echo(
            f"items    {manifest.catalogue_size:,} known by id, of which the newest "
            f"{manifest.max_history} of a history are read"
        )
    typer.echo(f"domains  {', '.join(manifest.target_domains)}")
