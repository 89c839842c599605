"""`couple items …`: a catalogue in bulk, over HTTP like any other caller's."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from couple.extras import requires

if TYPE_CHECKING:
    from couple.receipt import Receipt

app = typer.Typer(help="The items of a running service.", no_args_is_help=True)


@app.callback()
def items() -> None:
    """The items of a running service."""


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE.parquet", help="the items")],
    url: Annotated[str, typer.Option(help="the running service")] = "http://127.0.0.1:8000",
    key: Annotated[
        str | None, typer.Option(help="one with the scope ingest", envvar="COUPLE_KEY")
    ] = None,
    state: Annotated[
        Path | None, typer.Option(help="notes what is acknowledged [FILE.parquet.import.json]")
    ] = None,
    batch: Annotated[int, typer.Option(min=1, max=1000, help="items a request")] = 500,
    patience: Annotated[
        float, typer.Option(min=0, help="seconds to try again while the service is busy or away")
    ] = 60.0,
    restart: Annotated[bool, typer.Option("--restart", help="send every row again")] = False,
) -> None:
    """Post every row of a Parquet file; a run that was killed goes on where it was.

    Columns: item_id, domain, tags (a list of text; may be empty where there is a title), and as
    you have them title, author_id, published_at, expires_at, attributes, version. Rows that the
    service refuses are named and left out; the exit code is then 1.

    Example: COUPLE_KEY=… couple items import items.parquet --url http://127.0.0.1:8000
    """
    with requires("demo"):
        from couple.client import Client
        from couple.item_rows import ItemRows
        from couple.receipt import Receipt
        from couple.shipment import ship
    client = Client(url, key, patience)
    rows = ItemRows(file)
    where = state or file.with_name(f"{file.name}.import.json")
    receipt = Receipt.of(where, rows.fingerprint(), url, restart=restart)
    if rows.ignored:
        typer.echo(f"columns that are not read: {', '.join(rows.ignored)}", err=True)
    if receipt.rows:
        typer.echo(f"{where}: {receipt.rows:,} rows were acknowledged before", err=True)
    if receipt.rows < rows.count:
        asyncio.run(ship(rows, client, receipt, batch))
    typer.echo(_summary(file, receipt))
    if receipt.counts["refused"]:
        raise typer.Exit(1)


def _summary(file: Path, receipt: "Receipt") -> str:
    counts = receipt.counts
    kinds = ("created", "updated", "unchanged", "stale", "refused")
    told = [f"{counts[kind]:,} {kind}" for kind in kinds if counts[kind]]
    if silent := counts["not retrievable"]:
        told.append(f"{silent:,} that the model in service cannot recommend")
    done = f"{file}: {receipt.rows:,} rows sent to {receipt.url}"
    return f"{done}: {', '.join(told)}" if told else done
