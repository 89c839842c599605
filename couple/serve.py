"""`couple serve`: the online service, one process tree."""

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer


def serve(
    bundle: Annotated[
        Path | None, typer.Option(help="the bundle's folder", envvar="COUPLE_BUNDLE")
    ] = None,
    embedded: Annotated[bool, typer.Option("--embedded", help="bring a Valkey of our own")] = False,
    store: Annotated[Path, typer.Option(help="the embedded store's folder")] = Path(
        ".couple/store"
    ),
    workers: Annotated[int, typer.Option(min=1, max=256, help="processes that answer")] = 1,
    host: Annotated[str | None, typer.Option(help="address to bind")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="port to bind")] = None,
) -> None:
    """Serve a bundle over HTTP until SIGTERM or Ctrl-C, then drain.

    The store is any Redis ≥ 7 or Valkey at COUPLE_REDIS_URL, or with --embedded one of our own
    that keeps its data in --store and stops with the service. Options win over COUPLE_* variables.

    Example: couple serve --bundle .couple/demo/bundle --embedded --workers 2
    """
    from service.embedded import embedded_store
    from service.server import serve as run
    from service.settings import Settings

    given: dict[str, Any] = {"bundle": bundle, "host": host, "port": port}
    given = {name: value for name, value in given.items() if value is not None}
    with ExitStack() as stack:
        if embedded:
            given["redis_url"] = stack.enter_context(embedded_store(store))
        run(Settings(**given), workers)
