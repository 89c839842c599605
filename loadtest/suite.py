"""Some scenarios, one after the other, against one service: checked first, then filled, driven."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from loadtest.address import Address
from loadtest.closed_loop import drive_closed
from loadtest.drive import Outcome, Plan, drive
from loadtest.errors import ScenarioRefused
from loadtest.filling import erase, fill
from loadtest.objectives import objectives
from loadtest.report import describe
from loadtest.scenarios import scenario
from loadtest.traffic import Size, Traffic

Say = Callable[[str], None]


@dataclass(frozen=True)
class Options:
    """What the command line says."""

    scenarios: tuple[str, ...] = ("steady",)
    rate: float = 100.0
    seconds: float = 30.0  # of each
    slo: str = "p99=50ms,errors=0"
    swap: str | None = None
    fill: bool = True  # whether the service may be written to
    erase: bool = True  # whether it goes on without what was written
    closed: bool = False


class Suite:
    """Everything that can be refused is refused before a service is started or asked."""

    def __init__(self, options: Options, tags: Sequence[str]) -> None:
        """`tags` are some that the service knows, frequent ones first.

        Raises:
            ScenarioRefused, ObjectiveRefused: this cannot be run.
        """
        self._options = options
        self._scenarios = [scenario(name) for name in dict.fromkeys(options.scenarios)]
        self._objectives = objectives(options.slo)
        seconds = options.seconds * len(self._scenarios)
        size = Size.of(options.rate * options.seconds)
        self._traffic = Traffic(tags, size, seconds, stored=options.fill)
        for one in self._scenarios:
            if one.writes and not options.fill:
                raise ScenarioRefused(f"{one.name} writes to the service: allow it with --fill")
            if one.name == "swap" and not options.swap:
                raise ScenarioRefused("swap needs another bundle: name it with --swap")

    async def run(self, address: Address, say: Say) -> "Found":
        """Fill, drive, and take the users away again.

        Raises:
            ServiceRefused: nobody answers, or what is needed is not taken.
        """
        if not self._options.fill:
            return await self._drive(address, say)
        posted, known = await fill(address, self._traffic)
        say(f"{posted:,} items posted, {known:,} of them retrievable; {self._traffic.users}")
        try:
            return await self._drive(address, say)
        finally:
            if self._options.erase:
                await erase(address, self._traffic)

    async def _drive(self, address: Address, say: Say) -> "Found":
        options = self._options
        service = await describe(address)
        plan = Plan(
            address, self._traffic, options.rate, options.seconds, self._objectives, options.swap
        )
        outcomes = []
        for place, one in enumerate(self._scenarios):
            way = drive_closed if options.closed else drive
            outcomes.append(await way(one, replace(plan, seed=1 + 1000 * place)))
            say(outcomes[-1].summary)
        return Found(service, outcomes)


@dataclass(frozen=True)
class Found:
    """What the service said of itself before, and what each scenario gave."""

    service: dict[str, str]
    outcomes: list[Outcome]

    @property
    def met(self) -> bool:
        """Whether every objective of every scenario is met."""
        return all(outcome.met for outcome in self.outcomes)
