"""The generations of this process: those that live, those that are coming, the one that answers.

What there should be the plan says (`service.plan`), how one comes to life the engine. Here is when:
what the plan wants is brought up beside traffic, the active one is swapped by one assignment as
soon as it lives, and what nobody wants any more is let go after that.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from bundle import BundleMissing, CoupleError
from service import background
from service.engine import Engine
from service.experiments import Experiments
from service.generation import Generation
from service.plan import Named, Own, Plan
from service.tail import Tail

RETRY_S = 30.0  # after a bundle that this host cannot open: its mount may come late

State = Literal["loading", "failed", "ready", "previous", "active"]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Listed:
    """What an operator sees of one model; `bytes` is about what it takes of this process."""

    name: str
    version: str
    state: State
    items: int
    bytes: int
    reason: str | None = None  # why it failed


@dataclass
class Rising:
    """A generation on its way."""

    named: Named
    task: "asyncio.Task[None]"
    reason: str | None = None


@dataclass(frozen=True)
class Given:
    """The bundle a process was started with, and where it finds others."""

    generation: Generation
    folder: Path
    bundles: Path

    @property
    def own(self) -> Own:
        path, name = self.folder.resolve(), self.generation.model.manifest.model
        root = self.bundles.resolve()
        below = str(path.relative_to(root)) if path.is_relative_to(root) else None
        return Own(self.generation.version, Named(name=name, path=below))


class Generations:
    """Whoever answers asks for `active` once, at the start, and uses nothing of another."""

    def __init__(self, given: Given, engine: Engine, tail: Tail) -> None:
        """Nothing is brought up before the first `pursue`."""
        self.active = given.generation
        self.settled = False  # until what requests are answered with lives, or cannot here
        self.own = given.own
        self.bundles = given.bundles
        self._given = (given.generation.model, given.folder)
        self._engine = engine
        self._tail = tail
        self._plan = Plan()
        self._live: dict[str, Generation] = {}
        self._rising: dict[str, Rising] = {}

    @property
    def live(self) -> Sequence[Generation]:
        """All that hold the catalogue and follow the log."""
        return tuple(self._live.values())

    @property
    def domains(self) -> set[str]:
        """Those of which any model that lives recommends items."""
        live = (self.active, *self._live.values())
        return {domain for one in live for domain in one.model.manifest.target_domains}

    @property
    def ready(self) -> bool:
        """Whether this process holds the catalogue, by the model that should answer."""
        return self._tail.ready and self.settled and self.active.sequence is not None

    @property
    def tasks(self) -> Sequence["asyncio.Task[None]"]:
        """One for each model that is coming; it ends when that has come."""
        return [rising.task for rising in self._rising.values()]

    @property
    def experiments(self) -> Experiments:
        """Those that divide the users now."""
        return self._plan.experiments

    def find(self, version: str) -> Generation | None:
        """One that lives."""
        return self._live.get(version)

    @property
    def wanted(self) -> list[str]:
        """Versions there should be, the active one first."""
        return self._plan.wanted(self.own.version)

    def pursue(self, plan: Plan) -> None:
        """Make it so: at once where what it takes is there, else as soon as it is."""
        self._plan = plan
        for version, rising in list(self._rising.items()):
            if version not in self.wanted or rising.named != self._named(version):
                self._rising.pop(version).task.cancel()
        for version in self.wanted:
            if version not in self._live and version not in self._rising:
                task = background.start(self._raise(version))
                self._rising[version] = Rising(self._named(version), task)
        self._settle()

    def listed(self) -> list[Listed]:
        """Every model that is wanted, or still answers."""
        versions = dict.fromkeys([*self.wanted, *self._live])
        return [self._describe(version) for version in versions]

    def _describe(self, version: str) -> Listed:
        name, live = self._named(version).name, self._live.get(version)
        if live is not None:
            return Listed(name, version, self._rank(version), live.count, live.bytes)
        rising = self._rising.get(version)  # none before the first plan is known
        reason = rising.reason if rising else None
        return Listed(name, version, "failed" if reason else "loading", 0, 0, reason)

    async def close(self) -> None:
        """Stop bringing up what is on its way."""
        await asyncio.gather(*(background.cancel(task) for task in self.tasks))

    def _rank(self, version: str) -> State:
        if version == self.active.version:
            return "active"
        return "previous" if version == self._plan.previous else "ready"

    def _named(self, version: str) -> Named:
        if version in self._plan.models:
            return self._plan.models[version]
        if version == self.own.version:
            return self.own.named
        return Named(name=self._live[version].model.manifest.model, path=None)

    def _settle(self) -> None:
        """Swap when what should answer lives, then let go of what nobody wants."""
        wanted = self.wanted
        target = self._live.get(wanted[0])
        self.settled = self.settled or self._settled()
        if target is not None and target is not self.active:
            log.info("model %s answers in place of %s", target.version, self.active.version)
            self.active = target
        for version in self._live.keys() - wanted - {self.active.version}:
            self._engine.drop(self._live.pop(version))

    def _settled(self) -> bool:
        """Whether the active model and those of arms live, or cannot on this host."""
        failed = {version for version, rising in self._rising.items() if rising.reason}
        return {self.wanted[0], *self.experiments.versions} <= self._live.keys() | failed

    async def _raise(self, version: str) -> None:
        """Bring one up, however often it takes."""
        while True:
            try:
                return await self._bring_up(version, first=not self._live)
            except CoupleError as error:
                log.error("model %s does not come up: %s", version, error)
                self._rising[version].reason = str(error)
                self.settled = self.settled or self._settled()
            await asyncio.sleep(RETRY_S)

    async def _bring_up(self, version: str, *, first: bool) -> None:
        folder = self._folder(version)
        generation = await self._open(version, folder)
        self._rising[version].reason = None
        astray = partial(self._lose, generation)
        try:
            if first and version == self.wanted[0]:
                await self._engine.fill(generation, astray)
            else:
                await self._engine.raise_(generation, folder, astray)
            self._live[version] = generation
        finally:
            if version not in self._live:
                self._engine.drop(generation)
        self._rising.pop(version, None)
        self._settle()

    def _lose(self, generation: Generation) -> bool:
        """Whether one that the log does not lead on is brought up again beside traffic. What
        answers, or is still being filled, is filled where it is.
        """
        version = generation.version
        if generation is self.active or self._live.get(version) is not generation:
            return False
        log.info("model %s is brought up again: the log no longer leads it on", version[:12])
        del self._live[version]
        self.pursue(self._plan)
        return True

    async def _open(self, version: str, folder: Path) -> Generation:
        if version == self.active.version:
            return self.active  # what this process was started with, still empty
        if version == self.own.version:
            return self._engine.make(self._given[0])
        return await self._engine.open(folder, version)

    def _folder(self, version: str) -> Path:
        if version == self.own.version:
            return self._given[1]
        path = self._named(version).path
        if path is None:
            raise BundleMissing(
                "its bundle is not below COUPLE_BUNDLES, only processes started with it have it"
            )
        return self.bundles / path
