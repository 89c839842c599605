"""What the record of every recommendation costs a saturated worker, in processor time a request.

Three services over one store answer the same users in short turns, as shipped and in an experiment
of two arms; two of them keep no record, and what they differ by is what this cannot tell apart. It
is processor time, not requests a second: that is what bounds a worker with a core to itself, and
other work on the machine moves it less. Processes of the same code differ by some percent for as
long as they live, so all are started several times: a start gives the median of its rounds, the
table the median of the starts and, as the interval, the least and the greatest of them, between
which the true median lies with 97 % confidence where there are six. The smaller the catalogue and
`k`, the cheaper a request and the dearer a record beside it.

    python benchmarks/exposures.py [--bundle FOLDER] [--items N] [--starts N] [--rounds N]
                                   [--seconds S]
"""

import argparse
import asyncio
import platform
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

import orjson

from benchmarks import serve_store
from benchmarks.index_table import HEADER, Row, at_most, time_of
from benchmarks.serve import GOLDEN
from benchmarks.serve_contenders import KEY, SHIPPED, Contender, Place, other_cores, running
from benchmarks.serve_load import connected, saturate
from benchmarks.serve_population import Population
from benchmarks.serve_rows import run
from bundle import open_bundle
from loadtest.address import Address
from service.embedded import embedded_store

USERS = 500
KS = (20, 100)
MOST = 1.05  # times the processor time of a request without a record
FLUSH_S = 0.3  # after the last answer, until its record is written
PATIENT = {"COUPLE_RECOMMEND_WAIT_MS": "10000"}  # on a busy machine too nobody is refused
RECORDED = replace(SHIPPED, name="recorded", settings=PATIENT)
BARE = replace(SHIPPED, name="bare", settings={**PATIENT, "COUPLE_EXPOSURE_BUFFER": "0"})
CONTENDERS = (RECORDED, BARE, replace(BARE, name="again"))
EXPERIMENT = {
    "name": "test",
    "layer": "default",
    "slots": [0, 10_000],
    "salt": "s1",
    "arms": [{"name": "control", "weight": 0.5}, {"name": "treatment", "weight": 0.5}],
}


async def define(port: int) -> None:
    """Put the experiment, which all services take from the control stream."""
    body = orjson.dumps(EXPERIMENT)
    asked = Address("localhost", port, key=KEY).request("PUT", "/experiments/test", body)
    async with connected(port, 1) as (connection,):
        status, answer = await connection.ask(asked)
    assert status == 200, answer


@dataclass(frozen=True)
class Options:
    """What the command line says."""

    bundle: Path
    items: int
    starts: int
    rounds: int
    seconds: float  # of each turn


@dataclass(frozen=True)
class Cost:
    """Seconds of the processor that one request takes, in one round or as a median."""

    recorded: float
    bare: float
    again: float  # bare as well

    @property
    def ratio(self) -> float:
        """Of a request whose record is kept to one without."""
        return 2 * self.recorded / (self.bare + self.again)

    @property
    def noise(self) -> float:
        """The same where there is nothing to be found."""
        return self.again / self.bare


def spent(contender: Contender, requests: Sequence[bytes], seconds: float) -> float:
    """Seconds of the processor that one request takes in a turn, its record included."""
    with contender.turn() as port:
        before = contender.cpu_seconds()
        outcome = run(saturate(port, requests, seconds))
        time.sleep(FLUSH_S)
        used = contender.cpu_seconds() - before
    assert not outcome.failed, "a request that was refused costs less"
    return used / len(outcome.took)


def costs(contenders: dict[str, Contender], k: int, options: Options) -> list[Cost]:
    """Of each round. One more, the first, warms up; each round begins with another contender."""
    asked = replace(SHIPPED, asked={"k": k})
    requests = [asked.request(f"u{number}") for number in range(USERS)]
    names, found = list(contenders), []
    for turn in range(options.rounds + 1):
        order = names[turn % len(names) :] + names[: turn % len(names)]
        took = {name: spent(contenders[name], requests, options.seconds) for name in order}
        found.append(Cost(**took))
    return found[1:]


def measured(place: Place, options: Options) -> dict[int, list[list[Cost]]]:
    """The rounds of each start, by size of answers."""
    found: dict[int, list[list[Cost]]] = {k: [] for k in KS}
    for start in range(options.starts):
        with running(place, CONTENDERS) as contenders:
            if not start:
                with contenders[RECORDED.name].turn() as port:
                    asyncio.run(define(port))
            for k, starts in found.items():
                starts.append(costs(contenders, k, options))
    return found


def rows(k: int, starts: Sequence[Sequence[Cost]]) -> Iterator[Row]:
    """What the rounds of all starts say of one size of answers."""
    rounds = [cost for start in starts for cost in start]
    ratios = [median(cost.ratio for cost in start) for start in starts]
    noises = [median(cost.noise for cost in start) for start in starts]
    name, yardstick = (
        f"processor time a request, k = {k}",
        f"not recorded {time_of(median(c.bare for c in rounds))}",
    )
    ours = f"{time_of(median(c.recorded for c in rounds))}: {_interval(ratios)}"
    yield at_most(f"{name}, recorded", ours, yardstick, median(ratios), MOST)
    again = f"{time_of(median(c.again for c in rounds))}: {_interval(noises)}"
    yield Row(f"{name}, not recorded either", again, yardstick, median(noises))


def _interval(ratios: Sequence[float]) -> str:
    return f"{min(ratios):.3f} to {max(ratios):.3f} times"


def table(options: Options) -> list[Row]:
    """All rows, over a store of their own."""
    population = Population(open_bundle(options.bundle), options.items, USERS)
    with (
        tempfile.TemporaryDirectory(prefix="couple-") as folder,
        other_cores(),
        embedded_store(Path(folder) / "store") as redis,
    ):
        asyncio.run(serve_store.fill(redis, population))
        found = measured(Place(options.bundle, redis, Path(folder)), options)
    return [row for k, starts in found.items() for row in rows(k, starts)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--bundle", type=lambda text: Path(text).resolve(), default=GOLDEN)
    parser.add_argument("--items", type=int, default=10_000)
    parser.add_argument("--starts", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=0.8, help="of each turn")
    found = table(Options(**vars(parser.parse_args())))
    print(f"{datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, Python {platform.python_version()}")
    print("\n".join([HEADER, *map(str, found)]))
    sys.exit(int(any(row.met is False for row in found)))


if __name__ == "__main__":
    main()
