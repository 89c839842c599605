"""What an operator asks of the models and experiments, and how every worker follows.

Whatever is asked becomes a plan in the control stream. This process follows that stream like any
other, also for what was asked of itself, so all of them see the same plans in the same order.
"""

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path

from redis.exceptions import RedisError

from service import thread
from service.control import Control, Seen
from service.errors import ModelConflict, ModelLate, ModelRefused
from service.experiment import Experiment
from service.experiments import Experiments
from service.generations import Generations, Listed
from service.host import Host
from service.plan import Named, Plan
from service.sequence import START, Position, from_id
from service.verifier import Limits, verify

PAUSE_S = 0.2  # before Redis is asked again
PATIENCE_S = 5.0  # until this process has followed

log = logging.getLogger(__name__)


class Rollout:
    """The operator's side of `Generations`; calls may raise RedisError, ModelLate or PlanNewer."""

    def __init__(
        self, control: Control, generations: Generations, bundles: Path, limits: Limits, most: int
    ) -> None:
        """`bundles` is where paths begin; `most` bounds the models that are live at once."""
        self._control = control
        self._generations = generations
        self._bundles = bundles
        self._limits = limits
        self._most = most
        self._seen: Seen | None = None
        self._moved = asyncio.Event()
        self._verifying = asyncio.Lock()

    async def run(self, control: Control, host: Host, block_ms: int) -> None:
        """Follow the stream until cancelled, through a connection that may block."""
        while True:
            try:
                seen = await control.read()
                if seen != self._seen:
                    self._follow(seen)
                    await thread.run(partial(host.tidy, self._generations.wanted), "tidy")
                await control.wait(seen, block_ms)
            except (RedisError, OSError):  # the tail says when Redis is away
                await asyncio.sleep(PAUSE_S)

    async def load(self, path: str) -> Listed:
        """Verify a bundle, and have it brought up everywhere.

        Raises:
            ModelRefused: it cannot be served, or does not lie below COUPLE_BUNDLES.
            ModelConflict: there are as many models as there may be.
        """
        folder = self._folder(path)
        async with self._verifying:  # one at a time: it takes a core
            found = await verify(folder, self._bundles, self._limits)
        named = Named(name=found.name, path=str(folder.relative_to(self._bundles.resolve())))
        make = partial(self._with, version=found.version, named=named)
        await self._change(f"load {found.version} from {named.path}", make)
        for listed in self._generations.listed():
            if listed.version == found.version:
                return listed
        raise ModelConflict("it was dropped again meanwhile: load it once more")

    async def activate(self, version: str) -> None:
        """Answer with a model from now on, here and, as soon as they have it, everywhere.

        Raises:
            NotFound: there is no such model.
            ModelConflict: this process does not have it yet.
        """
        await self._change(f"activate {version}", partial(self._activated, version=version))

    async def roll_back(self) -> None:
        """Answer with the previous model again.

        Raises:
            ModelConflict: there is none, or this process does not have it yet.
        """
        await self._change("roll back", self._rolled_back)

    async def drop(self, version: str) -> None:
        """Let go of a model.

        Raises:
            NotFound: there is no such model.
            ModelConflict: it is the one that answers.
        """
        own = self._generations.own
        await self._change(f"drop {version}", lambda plan: plan.drop(version, own))

    async def define(self, given: Experiment) -> Experiments:
        """Have an experiment, or have it otherwise; what there is then.

        Raises:
            ExperimentRefused: it names a bundle that is no model here.
            ExperimentConflict: what runs, or ran, does not allow it.
            ModelConflict: this process does not have the model of an arm yet.
        """
        made = partial(self._defined, given=given)
        return (await self._change(f"define experiment {given.name}", made)).experiments

    async def end(self, name: str) -> list[Experiment]:
        """End an experiment; those that ended so long ago that they are forgotten for it.

        Raises:
            NotFound: none of this name runs.
        """
        before = self._generations.experiments.ended
        after = await self._change(f"end experiment {name}", lambda plan: plan.end(name))
        kept = {one.name for one in (*after.experiments.running, *after.experiments.ended)}
        return [one for one in before if one.name not in kept]

    def _folder(self, path: str) -> Path:
        root = self._bundles.resolve()
        try:
            folder = (root / path).resolve()
            exists = folder.is_dir()
        except (OSError, RuntimeError) as error:  # too long, or a circle of links
            raise ModelRefused("this path cannot be looked at: name a folder") from error
        if folder == root or not folder.is_relative_to(root):
            raise ModelRefused("the path leads out of COUPLE_BUNDLES: name a folder below it")
        if not exists:
            raise ModelRefused("COUPLE_BUNDLES has no such folder: name one below it")
        return folder

    def _with(self, plan: Plan, version: str, named: Named) -> Plan:
        wanted = plan.wanted(self._generations.own.version)
        if version in wanted and plan.models.get(version, named) == named:
            return plan
        if version not in wanted and len(wanted) >= self._most:
            raise ModelConflict(
                f"{len(wanted)} models are live, as many as COUPLE_MAX_GENERATIONS allows, and "
                f"take {self._bytes()} bytes of each worker: DELETE /models/VERSION of one before"
            )
        return plan.load(version, named)

    def _bytes(self) -> int:
        return sum(generation.bytes for generation in self._generations.live)

    def _activated(self, plan: Plan, version: str) -> Plan:
        after = plan.activate(version, self._generations.own)
        self._check_ready(after.active)
        return after

    def _rolled_back(self, plan: Plan) -> Plan:
        after = plan.roll_back()
        self._check_ready(after.active)
        return after

    def _defined(self, plan: Plan, given: Experiment) -> Plan:
        after = plan.define(given, self._generations.own)
        self._check_ready(*after.experiments.by_name[given.name].versions)
        return after

    def _check_ready(self, *versions: str | None) -> None:
        """Only what this process could answer with may become active, or an arm."""
        if any(one and self._generations.find(one) is None for one in versions):
            raise ModelConflict(
                "this model is not ready here: ask again when GET /models says that it is"
            )

    async def _change(self, done: str, make: Callable[[Plan], Plan]) -> Plan:
        """Write a plan down, and wait until this process has followed."""
        seen = await self._control.change(done, make)
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self._until(_position(seen))
        except TimeoutError as error:
            raise ModelLate("it is written down and will happen: ask what holds now") from error
        return seen.plan

    async def _until(self, wanted: Position) -> None:
        while self._seen is None or _position(self._seen) < wanted:
            await self._moved.wait()

    def _follow(self, seen: Seen) -> None:
        if seen.newer:
            log.warning(
                "entry %s of the control stream is of a newer version of the service: this worker "
                "keeps the models and experiments it has until it is upgraded",
                seen.newer,
            )
        if self._seen is None or not seen.newer:
            self._generations.pursue(seen.plan)
        self._seen = seen
        self._moved.set()
        self._moved = asyncio.Event()


def _position(seen: Seen) -> Position:
    return from_id(seen.entry) if seen.entry else START
