"""The closed loop: Locust's users, each of whom waits for an answer before the next request.

Locust is what operators know; what it measures leaves out whoever would have come while the service
stalled. It patches the whole interpreter (gevent), so it has a process of its own, which runs
`loadtest/locustfile.py` and hands its record over as a file.
"""

import asyncio
import sys
import tempfile
from pathlib import Path

import orjson

from loadtest.drive import LOOKS, Outcome, Plan, climbed, swapping
from loadtest.errors import ServiceRefused
from loadtest.metrics import watched
from loadtest.record import Record
from loadtest.scenarios import Scenario
from loadtest.task import Task

LOCUSTFILE = Path(__file__).with_name("locustfile.py")
GRACE_S = 60.0  # for Locust to start and to end
LAST_WORDS = 300  # characters


async def drive_closed(scenario: Scenario, plan: Plan) -> Outcome:
    """Run one scenario with Locust's users.

    Raises:
        ServiceRefused: nobody answers at the start, another model is not taken, or Locust fails.
    """
    async with plan.address.caller() as caller:
        await caller.json("GET", "/readyz")
    with tempfile.TemporaryDirectory(prefix="couple-") as folder:
        task = _task(scenario, plan, Path(folder))
        marks: list[tuple[float, str]] = []
        async with (
            watched(plan.address, max(1.0, plan.seconds / LOOKS)) as series,
            swapping(scenario, plan, lambda moment, text: marks.append((moment, text))),
        ):
            await _locust(task, plan.address.url)
        record = _record(task)
    record.marks = marks
    climb = climbed(record, plan) if scenario.name == "ramp" else None
    return Outcome(scenario, plan.rate, record, series, plan.objectives, climb, loop="closed")


def _record(task: Task) -> Record:
    return Record.decode(orjson.loads(Path(task.record or "").read_bytes()))


def _task(scenario: Scenario, plan: Plan, folder: Path) -> Task:
    tags = folder / "tags.txt"
    tags.write_text("\n".join(plan.traffic.tags))
    return Task(
        str(tags),
        scenario.name,
        plan.rate,
        plan.seconds,
        ",".join(one.text for one in plan.objectives),
        plan.traffic.stored,
        plan.seed,
        plan.address.key,
        str(folder / "record.json"),
    )


async def _locust(task: Task, url: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--headless", "--only-summary"),
        *("--host", url, "--loglevel", "WARNING", "--exit-code-on-error", "0"),
        env=task.environment(),
        cwd=LOCUSTFILE.parent.parent,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(task.seconds + GRACE_S):
            said, _ = await process.communicate()
    except TimeoutError as error:
        raise ServiceRefused(f"Locust did not end {GRACE_S:g} s after its time") from error
    finally:
        if process.returncode is None:
            process.kill()
    if process.returncode:
        words = said.decode(errors="replace").strip()[-LAST_WORDS:]
        raise ServiceRefused(f"Locust ended with exit code {process.returncode}: {words}")
