"""Where a load test's page and figures go."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from loadtest.address import Address
from loadtest.drive import Outcome
from loadtest.errors import ReportRefused
from loadtest.page import About, page

PAGE = "loadtest.html"
RESULTS = "results.json"
SHOWN = 12  # characters of a version


def folder(out: Path) -> Path:
    """Make it; raise ReportRefused."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ReportRefused(f"{out} cannot be made ({_why(error)}): name another --out") from error
    return out


def write(out: Path, outcomes: Sequence[Outcome], service: dict[str, str], command: str) -> Path:
    """Write both; the path of the page. Raises ReportRefused."""
    date = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    found = {
        "date": date,
        "command": command,
        "service": service,
        "met": all(outcome.met for outcome in outcomes),
        "scenarios": [_told(outcome) for outcome in outcomes],
    }
    try:
        (out / RESULTS).write_bytes(orjson.dumps(found, option=orjson.OPT_INDENT_2) + b"\n")
        (out / PAGE).write_text(page(About(service, date, command), outcomes), encoding="utf-8")
    except OSError as error:
        raise ReportRefused(f"{out} cannot be written ({_why(error)})") from error
    return out / PAGE


async def describe(address: Address) -> dict[str, str]:
    """What a service says of itself; raises ServiceRefused."""
    async with address.caller() as caller:
        ready: dict[str, Any] = await caller.json("GET", "/readyz")
        asked = {"user_id": "loadtest-nobody", "k": 1}
        model = (await caller.json("POST", "/recommend", asked))["model"]
    return {
        "service": address.url,
        "model": f"{model['name']} {model['version'][:SHOWN]}",
        "items": f"{ready['items']:,}",
        "redis": str(ready["redis"]),
    }


def _told(outcome: Outcome) -> dict[str, Any]:
    climb = outcome.climb
    tally = outcome.record.total
    return {
        "name": outcome.scenario.name,
        "loop": outcome.loop,
        "rate": outcome.rate,
        "met": outcome.met,
        "objectives": [
            {"objective": text, "found": found, "met": met} for text, found, met in outcome.verdicts
        ],
        "held": climb.held if climb else None,
        "broke": climb.broke if climb else None,
        "requests": tally.count,
        "errors": tally.errors,
        "degraded": tally.degraded,
        "milliseconds": {
            f"p{percent:g}": round(1000 * tally.percentile(percent), 3)
            for percent in (50, 90, 99, 99.9, 100)
        },
        "record": outcome.record.encode(),
    }


def _why(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
