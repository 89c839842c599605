"""The service's own figures under load: /metrics in Prometheus' text form, now and then.

A service that has no /metrics is no error: the report says so.
"""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from loadtest.address import Address, Caller
from loadtest.errors import ServiceRefused

LINE = re.compile(r"([a-zA-Z_:][\w:]*)(?:\{.*\})? ([-+]?[\d.eE+-]+|[+-]?Inf|NaN)(?: \d+)?")
TYPE = re.compile(r"# TYPE ([\w:]+) (\w+)")
OTHERS = ("_bucket", "_created")  # of no use as a line


@dataclass
class Series:
    """Sums over all labels: name → (seconds since the start, value)."""

    kinds: dict[str, str] = field(default_factory=dict)
    values: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    why: str = ""  # there are none

    def add(self, moment: float, text: str) -> None:
        """One answer of /metrics."""
        self.kinds |= dict(TYPE.findall(text))
        sums: dict[str, float] = {}
        for line in text.splitlines():
            if (found := LINE.fullmatch(line)) and not found[1].endswith(OTHERS):
                sums[found[1]] = sums.get(found[1], 0.0) + float(found[2])
        for name, value in sums.items():
            self.values.setdefault(name, []).append((moment, value))

    def kind(self, name: str) -> str:
        """`counter` for whatever only rises, else what the service says."""
        for end in ("_total", "_sum", "_count"):
            if name.endswith(end):
                return "counter"
        return self.kinds.get(name, "untyped")


@asynccontextmanager
async def watched(address: Address, pause_s: float) -> AsyncIterator[Series]:
    """Look every so often until the block ends."""
    series = Series()
    task = asyncio.create_task(_watch(address, series, pause_s))
    try:
        yield series
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _watch(address: Address, series: Series, pause_s: float) -> None:
    began = time.perf_counter()
    async with address.caller() as caller:
        while not series.why:
            await _look(caller, series, began)
            await asyncio.sleep(pause_s)


async def _look(caller: Caller, series: Series, began: float) -> None:
    """One look; a service that does not answer now is asked again later."""
    with suppress(ServiceRefused):
        status, body = await caller.call("GET", "/metrics")
        if status != 200 and not series.values:
            series.why = f"/metrics is answered {status}"
        elif status == 200:
            series.add(time.perf_counter() - began, body.decode(errors="replace"))
