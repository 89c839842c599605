"""A rehearsal from its beginning to its report: service, experiment, visits, drain, figures."""

import asyncio
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bundle import open_bundle
from bundle.errors import CoupleError
from couple.abtest.page import page
from couple.abtest.report import Options, Report, report
from couple.drain import Pace, drain
from couple.drained import LOCK, drained
from couple.serving import LOG, serving
from couple.simulation.made_up import MadeUp, Size
from couple.simulation.rehearsals import CONTROL, TREATMENT, Rehearsal
from couple.simulation.visits import Plan, fill, visit
from couple.simulation.world import World
from loadtest.address import Address
from loadtest.swap import load
from service.embedded import embedded_store
from service.settings import Settings
from service.store import connect

EVENTS, PAGE, FIGURES = "events", "report.html", "report.json"
TIMEOUT_S = 30.0  # for the store, when it is drained
DRAWS = 400  # of the A/A check
# How fast the service is, is not what is rehearsed: on a busy machine nobody is turned away.
PATIENT = {
    "COUPLE_RECOMMEND_WAIT_MS": "10000",
    "COUPLE_REDIS_TIMEOUT_MS": "10000",
    "COUPLE_REDIS_READ_TIMEOUT_MS": "10000",
}

Say = Callable[[str], None]


class SimulationFailed(CoupleError):
    """The rehearsal could not be held."""


@dataclass(frozen=True)
class Stage:
    """Where it takes place: a bundle, others to load beside it, and a folder to write."""

    bundle: Path
    others: tuple[str, ...]  # relative to the folder that `bundle` lies in
    out: Path

    def hold(self, rehearsal: Rehearsal, world: World, plan: Plan, say: Say) -> Report:
        """On a service with a store of its own; `say` is told what happens, line by line.

        Raises:
            ServiceFailed, ServiceRefused: it does not start, or refuses what it is sent.
            SimulationFailed: the folder holds other things, or cannot be made.
        """
        events = _emptied(self.out / EVENTS)
        with TemporaryDirectory(prefix="couple-") as folder, embedded_store(Path(folder)) as redis:
            settings = {
                **PATIENT,
                "COUPLE_REDIS_URL": redis,
                "COUPLE_BUNDLES": str(self.bundle.resolve().parent),
                "COUPLE_STATE": f"{folder}/state",
            }
            with serving(self.bundle, self.out / LOG, **settings) as url:
                asyncio.run(self._put(Address.of(url), rehearsal, say))
                asyncio.run(drive(Address.of(url), world, plan, say))
            # The service has ended, so whatever it had still to write down is in the store.
            asyncio.run(_drain(redis, events, say))
        return _told(self.out, report(events, rehearsal.name, _options(plan)))

    async def _put(self, address: Address, rehearsal: Rehearsal, say: Say) -> None:
        async with address.caller() as caller:
            for path in self.others:
                await load(caller, path, say)
        await put(address, rehearsal)


async def put(address: Address, rehearsal: Rehearsal) -> None:
    """Start the experiment; the same one again changes nothing. Raises ServiceRefused."""
    async with address.caller() as caller:
        await caller.json("PUT", f"/experiments/{rehearsal.name}", rehearsal.definition)


async def drive(address: Address, world: World, plan: Plan, say: Say) -> None:
    """Fill the service, then let everybody come. Raises ServiceRefused."""
    known = await fill(address, world)
    say(f"{known:,} of {len(world.items):,} items can be retrieved; {len(world.users):,} users")
    went = 0

    def count() -> None:
        nonlocal went
        went += 1
        if went % len(world.users) == 0:
            say(f"{went:,} visits")

    await visit(address, world, plan, count)


def made_up(bundle: Path, users: int, seed: int) -> World:
    """A world in the tags of a bundle."""
    opened = open_bundle(bundle)
    tags = (bundle / "tags.txt").read_text(encoding="utf-8").splitlines()
    domain = opened.manifest.target_domains[0]
    return MadeUp(tags, domain, seed).world(Size(users, max(300, users)))


def _options(plan: Plan) -> Options:
    weights = {CONTROL: 0.5, TREATMENT: 0.5}
    return Options(control=CONTROL, weights=weights, draws=DRAWS, seed=plan.seed)


async def _drain(redis: str, events: Path, say: Say) -> None:
    given: dict[str, Any] = {"redis_url": redis}
    with drained(events) as folder:
        async with connect(Settings(**given), TIMEOUT_S) as store:
            counts = await drain(store, folder, Pace(), say)
    told = ", ".join(f"{counts[kind]:,} {kind}" for kind in ("events", "recommendations"))
    say(f"drained {told}")


def _told(out: Path, found: Report) -> Report:
    (out / PAGE).write_text(page(found), encoding="utf-8")
    (out / FIGURES).write_text(found.model_dump_json(indent=1) + "\n")
    return found


def _emptied(events: Path) -> Path:
    """Without what an earlier rehearsal drained from a store that is gone."""
    if events.exists():
        if not (events / LOCK).is_file():
            raise SimulationFailed(f"{events} holds other things: name another --out")
        shutil.rmtree(events)
    out = events.parent
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise SimulationFailed(f"{out} cannot be made ({why}): name another --out") from error
    return events
