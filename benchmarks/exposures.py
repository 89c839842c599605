"""What the record of every recommendation costs a saturated worker, in processor time a request.

Two services over one store answer the same users in turn, as shipped and in an experiment of two
arms; one of them keeps no record. Processor time, not requests a second: it is what bounds them on
a worker that has a core to itself, and other work on the machine does not move it. The smaller the
catalogue and `k`, the cheaper a request and the dearer a record beside it.

    python benchmarks/exposures.py [--bundle FOLDER] [--items N] [--rounds R] [--seconds S]
"""

import argparse
import asyncio
import platform
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

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
EXPERIMENT = {
    "name": "test",
    "layer": "default",
    "slots": [0, 10_000],
    "salt": "s1",
    "arms": [{"name": "control", "weight": 0.5}, {"name": "treatment", "weight": 0.5}],
}


async def define(port: int) -> None:
    """Put the experiment, which both services take from the control stream."""
    body = orjson.dumps(EXPERIMENT)
    asked = Address("localhost", port, key=KEY).request("PUT", "/experiments/test", body)
    async with connected(port, 1) as (connection,):
        status, answer = await connection.ask(asked)
    assert status == 200, answer


def spent(contender: Contender, requests: Sequence[bytes], seconds: float) -> float:
    """Seconds of the processor that one request takes, its record included."""
    with contender.turn() as port:
        before = contender.cpu_seconds()
        outcome = run(saturate(port, requests, seconds))
        time.sleep(FLUSH_S)
        used = contender.cpu_seconds() - before
    assert not outcome.failed, "a request that was refused costs less"
    return used / len(outcome.took)


def row(contenders: dict[str, Contender], k: int, rounds: int, seconds: float) -> Row:
    """One size of answers: each one's best round, the one that was disturbed least.

    A round more, the first, warms up.
    """
    asked = replace(SHIPPED, asked={"k": k})
    requests = [asked.request(f"u{number}") for number in range(USERS)]
    found: dict[str, list[float]] = {name: [] for name in contenders}
    for turn in range(rounds + 1):
        for name in sorted(contenders, reverse=bool(turn % 2)):
            found[name].append(spent(contenders[name], requests, seconds))
    ours, bare = (min(found[name][1:]) for name in (RECORDED.name, BARE.name))
    return at_most(
        f"processor time a request, k = {k}, recorded",
        time_of(ours),
        f"not recorded {time_of(bare)}",
        ours / bare,
        MOST,
    )


def rows(bundle: Path, items: int, rounds: int, seconds: float) -> Iterator[Row]:
    """All of them, over a store of their own."""
    population = Population(open_bundle(bundle), items, USERS)
    with (
        tempfile.TemporaryDirectory(prefix="couple-") as folder,
        other_cores(),
        embedded_store(Path(folder) / "store") as redis,
    ):
        asyncio.run(serve_store.fill(redis, population))
        place = Place(bundle, redis, Path(folder))
        with running(place, (RECORDED, BARE)) as contenders:
            with contenders[RECORDED.name].turn() as port:
                asyncio.run(define(port))
            for k in KS:
                yield row(contenders, k, rounds, seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--bundle", type=Path, default=GOLDEN)
    parser.add_argument("--items", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each turn")
    given = parser.parse_args()
    table = list(rows(given.bundle.resolve(), given.items, given.rounds, given.seconds))
    print(f"{datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, Python {platform.python_version()}")
    print("\n".join([HEADER, *map(str, table)]))
    sys.exit(int(any(row.met is False for row in table)))


if __name__ == "__main__":
    main()
