"""Run a scenario against a service: the door of this folder."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

from loadtest.address import Address
from loadtest.arrivals import Points, following
from loadtest.metrics import Series, watched
from loadtest.objectives import Objective
from loadtest.open_loop import OpenLoop, Shot
from loadtest.record import Record, Step
from loadtest.scenarios import STEPS, Climb, Scenario
from loadtest.swap import swap
from loadtest.tally import UNANSWERED, Tally
from loadtest.traffic import Traffic

CONNECTIONS = 600  # at most; a worker takes 800 unless told otherwise
PATIENCE_S = 10.0  # for answers after the last arrival
STEP_PATIENCE_S = 3.0  # the same after a step of a ramp
SHORTEST_STEP_S = 1.0
LOOKS = 60  # at /metrics, in a run
REST_S = 0.3  # after a step that broke

Mark = Callable[[float, str], None]  # seconds since the start, and what happened


@dataclass(frozen=True)
class Plan:
    """What is asked of whom, and what it must meet."""

    address: Address
    traffic: Traffic
    rate: float
    seconds: float
    objectives: tuple[Objective, ...]
    swap: str | None = None  # the bundle that takes over, relative to COUPLE_BUNDLES
    seed: int = 1


@dataclass(frozen=True)
class Outcome:
    """What a scenario gave; `climb` of a ramp."""

    scenario: Scenario
    rate: float
    record: Record
    series: Series
    objectives: tuple[Objective, ...]
    climb: Climb | None = None
    loop: str = "open"

    @property
    def judged(self) -> Tally:
        """What the objectives hold for: of a ramp its first step, at the rate asked for."""
        if self.climb:
            return next((s.tally for s in self.record.steps if s.rate == self.rate), Tally())
        return self.record.total

    @property
    def met(self) -> bool:
        """Whether every objective is met."""
        return bool(self.judged.count) and all(one.met(self.judged) for one in self.objectives)

    @property
    def verdicts(self) -> list[tuple[str, str, bool]]:
        """Each objective as it was given, what was found, and whether that meets it."""
        return [(one.text, one.shown(self.judged), one.met(self.judged)) for one in self.objectives]

    @property
    def summary(self) -> str:
        """One line."""
        tally = self.record.total
        parts = [f"{self.scenario.name}: {tally.count:,} requests, {tally.errors:,} errors"]
        if tally.good:
            parts += [f"p{p} {1000 * tally.percentile(p):.1f} ms" for p in (50, 99)]
        if self.climb:
            parts.append(self.climb.said)
        missed = [f"{text} missed ({found})" for text, found, met in self.verdicts if not met]
        return ", ".join(parts + missed)


async def drive(scenario: Scenario, plan: Plan) -> Outcome:
    """Run one scenario to its end.

    Raises:
        ServiceRefused: nobody answers at the start, or another model is not taken.
    """
    async with plan.address.caller() as caller:
        await caller.json("GET", "/readyz")
    run = Run(scenario, plan)
    async with (
        watched(plan.address, max(1.0, plan.seconds / LOOKS)) as series,
        swapping(scenario, plan, run.record.mark),
    ):
        await run.all()
    climb = climbed(run.record, plan) if scenario.name == "ramp" else None
    return Outcome(scenario, plan.rate, run.record, series, plan.objectives, climb)


def climbed(record: Record, plan: Plan) -> Climb:
    """Where a ramp broke, from its steps."""
    climb = Climb(plan.rate)
    for step in record.steps:
        climb.rate = step.rate
        climb.note(_held(step, plan))
    return climb


def _held(step: Step, plan: Plan) -> bool:
    return bool(step.tally.count) and all(one.met(step.tally) for one in plan.objectives)


@asynccontextmanager
async def swapping(scenario: Scenario, plan: Plan, mark: Mark) -> AsyncIterator[None]:
    """In the middle of a swap another model takes over; the block ends when it answers."""
    if scenario.name != "swap":
        yield
        return
    began = time.perf_counter()

    async def in_the_middle() -> None:
        await asyncio.sleep(plan.seconds / 2)
        await swap(
            plan.address, plan.swap or "", lambda text: mark(time.perf_counter() - began, text)
        )

    task = asyncio.create_task(in_the_middle())
    try:
        yield
        await task
    finally:
        task.cancel()


@dataclass
class Run:
    """One scenario on its way."""

    scenario: Scenario
    plan: Plan
    record: Record = field(init=False)
    climb: Climb = field(init=False)
    _began: float = field(default_factory=time.perf_counter)

    def __post_init__(self) -> None:
        self.record = Record(self.plan.seconds)
        self.climb = Climb(self.plan.rate)

    async def all(self) -> None:
        """To the end."""
        if self.scenario.name == "ramp":
            await self._ramp()
        else:
            points = self.scenario.points(self.plan.rate, self.plan.seconds)
            await self._stretch(points, PATIENCE_S)

    async def _ramp(self) -> None:
        """Step by step, until the breaking point is known or the time is over."""
        seconds = max(SHORTEST_STEP_S, self.plan.seconds / STEPS)
        while not self.climb.found and self._now() + seconds <= self.plan.seconds + seconds / 2:
            rate = self.climb.rate
            self.record.steps.append(Step(rate))
            await self._stretch([(0.0, rate), (seconds, rate)], STEP_PATIENCE_S)
            held = _held(self.record.steps[-1], self.plan)
            self.climb.note(held)
            if not held:
                await asyncio.sleep(REST_S)

    async def _stretch(self, points: Points, patience: float) -> None:
        """Arrivals along those points; the record goes on where it was."""
        self.record.started = self._now()
        seed = self.plan.seed + len(self.record.pauses)
        dues = following(points, seed)
        loop = OpenLoop(
            self.plan.address.connect, self._shots(seed), dues, most=CONNECTIONS, patience=patience
        )
        for due, shot in await loop.run():
            shot.note(due, loop.now(), UNANSWERED, b"")
        self.record.end_stretch(max(points[-1][0], loop.now()), loop.pauses)

    def _shots(self, seed: int) -> Iterator[Shot]:
        request = partial(self.plan.address.request, "POST")
        for call in self.plan.traffic.calls(dict(self.scenario.mix), seed):
            yield Shot(request(call.path, call.body), self.record.noting(call.kind))

    def _now(self) -> float:
        return time.perf_counter() - self._began
