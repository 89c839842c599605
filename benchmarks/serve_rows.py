"""The rows of `benchmarks/serve.py`: what is driven, in which turn, and what must come out."""

from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from statistics import median
from typing import Any, TypeVar

import numpy as np
import orjson
import uvloop

from benchmarks.catalogue import numbers_of
from benchmarks.index_table import Row, at_most, time_of
from benchmarks.serve_bare import TARGET
from benchmarks.serve_contenders import FLOOR, LEAN, OBVIOUS, PROFILES, SHIPPED, Contender
from benchmarks.serve_load import CONNECTIONS, Outcome, answers, arrive, saturate
from benchmarks.serve_population import Population
from benchmarks.yardsticks import K, Rows
from loadtest.arrivals import at_random

LEAN_SHARE, SHIPPED_SHARE, OBVIOUS_FACTOR = 0.8, 0.65, 2.5
HALF, MOST = 0.5, 0.7  # of saturation
OPEN_FACTOR, OPEN_S = 1.5, 10e-3
GROWTH_FACTOR, GROWTH_S = 1.5, 1e-3  # of the median, from the first sixth to the last
WARM_S = 0.5
SLOWEST = 10.0  # requests a second that are asked for however slow a machine is

T = TypeVar("T")
Drive = Callable[[int], Coroutine[Any, Any, Outcome]]


@dataclass(frozen=True)
class Options:
    """What the command line says."""

    items: int
    rounds: int
    seconds: float
    long_s: float  # of the load that must not grow
    users: int
    items_rate: int = 5000  # new items a second that must be taken
    beside: int = 500  # recommendations a second beside what else goes on


@dataclass(frozen=True)
class Race:
    """Contenders, the people who ask, and how long."""

    contenders: dict[str, Contender]
    population: Population
    options: Options
    outcomes: list[Outcome] = field(default_factory=list)
    cpu: dict[str, list[float]] = field(default_factory=dict)  # seconds a request, saturated

    def rows(self) -> Iterator[Row]:
        """Those of recommendations alone."""
        yield from self._recall()
        rates = self._saturated()
        yield from ratios(rates)
        yield from processor(self.cpu)
        yield from self._open(rates)
        yield from self._growth(rates)

    def asked(self, name: str) -> list[bytes]:
        """One request of each user."""
        profile = self.contenders[name].profile
        return [profile.request(user.user_id) for user in self.population.users]

    def drive(self, name: str, load: Drive) -> Outcome:
        """One contender's turn, warmed first."""
        with self.contenders[name].turn() as port:
            self.outcomes.append(run(saturate(port, self.asked(name), WARM_S)))
            self.outcomes.append(run(load(port)))
        return self.outcomes[-1]

    def recall(self, name: str) -> float:
        """By score, of what a contender answers to every user."""
        with self.contenders[name].turn() as port:
            bodies = run(answers(port, self.asked(name)))
        return self.population.truth.recall([found(body) for body in bodies])

    def _recall(self) -> Iterator[Row]:
        floor = self.recall(FLOOR.name)
        shown = f"floor {floor:.4f}"
        for name in (LEAN.name, OBVIOUS.name):
            ours = self.recall(name)
            met = min(ours, floor) >= TARGET
            yield Row(f"recall@{K}, {name}", f"{ours:.4f}", shown, None, f"both ≥ {TARGET}", met)

    def _saturated(self) -> dict[str, list[float]]:
        """Requests a second of each contender in each round."""
        rates: dict[str, list[float]] = {profile.name: [] for profile in PROFILES}
        for _ in range(self.options.rounds):
            for name, found_rates in rates.items():
                before = self.contenders[name].cpu_seconds()
                found_rates.append(self._saturating(name).rate)
                answered = sum(len(outcome.took) for outcome in self.outcomes[-2:])
                cpu = self.contenders[name].cpu_seconds() - before
                self.cpu.setdefault(name, []).append(cpu / answered)
        return rates

    def _saturating(self, name: str) -> Outcome:
        requests, seconds = self.asked(name), self.options.seconds
        return self.drive(name, lambda port: saturate(port, requests, seconds))

    def _open(self, rates: dict[str, list[float]]) -> Iterator[Row]:
        """At half of what each can do."""
        names = (FLOOR.name, LEAN.name, SHIPPED.name)
        found: dict[str, list[float]] = {name: [] for name in names}
        for turn in range(self.options.rounds):
            for name in names:
                outcome = self.arriving(name, HALF * median(rates[name]), turn)
                found[name].append(outcome.percentile(99))
        floor = median(found[FLOOR.name])
        for name in names[1:]:
            ours, rate = median(found[name]), HALF * median(rates[name])
            yield bounded(f"p99 at {rate:.0f}/s, {name}", ours, floor, OPEN_FACTOR, OPEN_S)

    def arriving(self, name: str, rate: float, seed: int, seconds: float = 0.0) -> Outcome:
        """One contender's answers to so many a second."""
        dues = at_random(max(rate, SLOWEST), seconds or self.options.seconds, seed)
        requests = self.asked(name)
        return self.drive(name, lambda port: arrive(port, cycle(requests), dues))

    def _growth(self, rates: dict[str, list[float]]) -> Iterator[Row]:
        """Near what it can do, for long: the median of the first sixth and of the last."""
        seconds = self.options.long_s
        rate = MOST * median(rates[SHIPPED.name])
        outcome = self.arriving(SHIPPED.name, rate, 99, seconds)
        first = outcome.percentile(50, 0, seconds / 6)
        last = outcome.percentile(50, seconds * 5 / 6)
        yield bounded(
            f"median of the last sixth of {seconds:.0f} s at {rate:.0f}/s, {SHIPPED.name}",
            last,
            first,
            GROWTH_FACTOR,
            first + GROWTH_S,
        )


def run(load: Coroutine[Any, Any, T]) -> T:
    """To its end, on the fastest loop."""
    return uvloop.run(load)


def found(body: bytes) -> Rows:
    """The row numbers of an answer's candidates."""
    ids = [candidate["item_id"] for candidate in orjson.loads(body)["candidates"]]
    return np.resize(numbers_of(ids), len(ids))


def ratios(rates: dict[str, list[float]]) -> Iterator[Row]:
    """Requests a second, and the median over the rounds of the ratio in each."""
    goals = (
        (LEAN.name, FLOOR.name, LEAN_SHARE),
        (SHIPPED.name, FLOOR.name, SHIPPED_SHARE),
        (LEAN.name, OBVIOUS.name, OBVIOUS_FACTOR),
        (SHIPPED.name, OBVIOUS.name, OBVIOUS_FACTOR),
    )
    for name, yardstick, goal in goals:
        ratio = median(np.array(rates[name]) / np.array(rates[yardstick]))
        yield Row(
            f"requests/s, {CONNECTIONS} at once, {name}",
            f"{median(rates[name]):.0f}",
            f"{yardstick} {median(rates[yardstick]):.0f}",
            float(ratio),
            f"≥ {goal:g} times",
            bool(ratio >= goal),
        )


def processor(cpu: dict[str, list[float]]) -> Iterator[Row]:
    """Processor time a request, warming included: promises nothing, but bears a busy machine."""
    floor = median(cpu[FLOOR.name])
    for name in (LEAN.name, SHIPPED.name, OBVIOUS.name):
        ours = median(cpu[name])
        yield Row(
            f"processor time a request, {name}",
            time_of(ours),
            f"floor {time_of(floor)}",
            ours / floor,
        )


def bounded(name: str, ours: float, yardstick: float, factor: float, seconds: float) -> Row:
    """A time that must stay within a factor of its yardstick, or within a time of its own."""
    limit = max(factor * yardstick, seconds)
    row = at_most(name, time_of(ours), time_of(yardstick), ours / yardstick, factor)
    target = f"≤ {factor:g} times or {time_of(seconds)}"
    return Row(row.name, row.ours, row.yardstick, row.ratio, target, ours <= limit)


def faults(outcomes: Sequence[Outcome]) -> Row:
    """Answers that were none, and whether the generator kept its own time."""
    asked = sum(len(outcome.took) + outcome.unanswered for outcome in outcomes)
    failed = sum(outcome.failed + outcome.unanswered for outcome in outcomes)
    pauses = [pause for outcome in outcomes for pause in outcome.pauses]
    shown = f"generator's pauses: p99 {time_of(float(np.percentile(pauses, 99)))}"
    return Row("answers that were no 200", f"{failed} of {asked}", shown, None, "0", failed == 0)
