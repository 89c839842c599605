"""`couple doctor`: is everything there that the service needs, and what to do where it is not."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from couple.findings import Finding

COLOURS = {"well": "green", "look": "yellow", "mend": "red"}


def doctor(
    bundle: Annotated[
        Path | None, typer.Option(help="the bundle's folder", envvar="COUPLE_BUNDLE")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, max=256, help="as `couple serve` will have")] = 1,
    items: Annotated[
        int | None, typer.Option(min=0, help="items that will be held [those of the store]")
    ] = None,
    json_: Annotated[bool, typer.Option("--json", help="one JSON document")] = False,
) -> None:
    """Look at the settings, the store, the bundle and this machine before they are needed.

    Each line says what was found and, unless all is well, what to do. Exit code 1 when something
    must be mended. It changes nothing; the settings are the COUPLE_* variables of `couple serve`.

    Example: COUPLE_REDIS_URL=redis://127.0.0.1:6379/0 couple doctor --bundle .couple/demo/bundle
    """
    import orjson

    from couple.examination import examine
    from service.settings import Settings

    given: dict[str, Any] = {} if bundle is None else {"bundle": bundle}
    found = examine(Settings(**given), workers, items)
    sick = any(finding.state == "mend" for finding in found)
    if json_:
        typer.echo(orjson.dumps({"well": not sick, "findings": found}).decode())
    else:
        for finding in found:
            _show(finding)
    if sick:
        raise typer.Exit(1)


def _show(finding: "Finding") -> None:
    typer.secho(f"{finding.state}  ", fg=COLOURS[finding.state], nl=False)
    advice = f": {finding.advice}" if finding.advice else ""
    typer.echo(f"{finding.about:<12} {finding.found}{advice}")
