"""A file on its way to a service: a few requests at a time, each noted when it has arrived.

Rows are noted in the file's order, so a run that is killed has at most those in flight to send
again, and the next one needs to know no more than how many arrived.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

from couple.client import Client, Outcome
from couple.item_rows import ItemRows, Row
from couple.receipt import Receipt

IN_FLIGHT = 4  # requests
SHOWN_ID = 40  # characters


async def ship(rows: ItemRows, client: Client, receipt: Receipt, size: int) -> None:
    """Send what the receipt does not hold yet; progress and refused rows appear on stderr.

    Raises:
        ImportFailed, WrongFile: see `Client.send` and `ItemRows.batches`.
    """
    before, began = receipt.rows, time.monotonic()
    with _progress() as progress:
        shown = progress.add_task("", total=rows.count, completed=before, rate="")
        batches = rows.batches(before, size)
        async with client.session, aclosing(arrivals(client, batches)) as arrived:
            async for count, outcome in arrived:
                for row, reason in outcome.refused:
                    progress.console.print(_refusal(row, reason), markup=False, highlight=False)
                receipt.add(count, outcome.counts)
                rate = (receipt.rows - before) / max(time.monotonic() - began, 1e-9)
                progress.update(shown, completed=receipt.rows, rate=f"{rate:,.0f} rows/s")


async def arrivals(
    client: Client, batches: Iterable[list[Row]]
) -> AsyncGenerator[tuple[int, Outcome], None]:
    """Send batches, some at once; how many rows each had and what became of them, in order."""
    flying: deque[tuple[int, asyncio.Task[Outcome]]] = deque()
    try:
        for rows in batches:
            flying.append((len(rows), asyncio.create_task(client.send(rows))))
            if len(flying) == IN_FLIGHT:
                yield flying[0][0], await flying[0][1]
                flying.popleft()
        while flying:
            yield flying[0][0], await flying[0][1]
            flying.popleft()
    finally:
        await _give_up([task for _, task in flying])


async def _give_up(tasks: list["asyncio.Task[Outcome]"]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _progress() -> Progress:
    """A bar where a person can see it."""
    console = Console(stderr=True, soft_wrap=True)
    return Progress(
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    )


def _refusal(row: Row, reason: str) -> str:
    number, item = row
    name = repr(item.get("item_id"))
    return f"row {number:,}, item {name[:SHOWN_ID]}, is refused: {reason}"
