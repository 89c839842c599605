"""What a load test does: how often is asked, for what, and what happens meanwhile.

steady  one rate
spike   one rate, five times that for a tenth of the time, and the rate again
soak    a day's wave between half the rate and the whole, for as long as you give it
mixed   one rate; of twenty calls sixteen recommend, three bring ten events each, one twenty items
swap    one rate; in the middle another model is loaded and takes over
ramp    steps: the rate doubles until the objectives are missed, then the gap is halved

Arrivals are a Poisson process: callers know nothing of one another.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import cos, pi

from loadtest.arrivals import Points
from loadtest.errors import ScenarioRefused
from loadtest.traffic import EVENTS, ITEMS, RECOMMEND

SPIKE = 5.0
SPIKE_FROM, SPIKE_TO = 0.4, 0.5  # of the time
WAVE_POINTS = 48
STEPS = 15  # of a ramp, at most
CLOSE = 1.1  # a ramp ends when what broke is no more than this times what held


@dataclass(frozen=True)
class Scenario:
    """One of those above."""

    name: str
    says: str
    mix: Mapping[str, float] = field(default_factory=lambda: {RECOMMEND: 1.0})

    @property
    def writes(self) -> bool:
        """Whether it changes what the service holds."""
        return set(self.mix) != {RECOMMEND}

    def points(self, rate: float, seconds: float) -> Points:
        """How the rate goes; a ramp's steps are each steady."""
        if self.name == "spike":
            first, last = SPIKE_FROM * seconds, SPIKE_TO * seconds
            high = SPIKE * rate
            return [(0, rate), (first, rate), (first, high), (last, high), (last, rate),
                    (seconds, rate)]  # fmt: skip
        if self.name == "soak":
            shares = [place / WAVE_POINTS for place in range(WAVE_POINTS + 1)]
            return [(s * seconds, rate * (0.75 - 0.25 * cos(2 * pi * s))) for s in shares]
        return [(0, rate), (seconds, rate)]


SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario("steady", "One rate."),
        Scenario("spike", "One rate, five times that for a tenth of the time, then as before."),
        Scenario("soak", "A day's wave between half the rate and the whole."),
        Scenario(
            "mixed",
            "Of twenty calls sixteen recommend, three bring ten events, one brings twenty items.",
            {RECOMMEND: 0.8, EVENTS: 0.15, ITEMS: 0.05},
        ),
        Scenario("swap", "One rate; in the middle another model is loaded and takes over."),
        Scenario("ramp", "The rate doubles until the objectives are missed, then halves the gap."),
    )
}


def scenario(name: str) -> Scenario:
    """Raises ScenarioRefused."""
    if name not in SCENARIOS:
        raise ScenarioRefused(f"there is no scenario {name!r}: choose from {', '.join(SCENARIOS)}")
    return SCENARIOS[name]


class Climb:
    """The rates of a ramp, each chosen by how the last went."""

    def __init__(self, rate: float) -> None:
        self.rate = rate  # of the next step
        self.held: float | None = None  # the highest that met the objectives
        self.broke: float | None = None  # the lowest that did not

    def note(self, met: bool) -> None:
        """What came of the step."""
        if met:
            self.held = max(self.held or 0.0, self.rate)
        else:
            self.broke = min(self.broke or self.rate, self.rate)
        if self.broke is None:
            self.rate *= 2
        elif self.held is None:
            self.rate /= 2
        else:
            self.rate = (self.held * self.broke) ** 0.5

    @property
    def found(self) -> bool:
        """Whether what held and what broke are close."""
        return bool(self.held and self.broke and self.broke <= CLOSE * self.held)

    @property
    def said(self) -> str:
        """Where it broke, for people."""
        if self.broke is None:
            return f"{self.held or 0:,.0f}/s held: the breaking point lies beyond"
        if self.held is None:
            return f"{self.broke:,.0f}/s broke: the breaking point lies below"
        return f"{self.held:,.0f}/s held, {self.broke:,.0f}/s broke"
