"""What the service promises under load, beside a floor written by hand and the obvious build.

A real Valkey is filled with items and users; the floor, the obvious implementation and the service
(lean, and as shipped) then answer in turn over HTTP, ROUNDS rounds, one worker each, the generator
on the same machine. What each must reach stands in the table. The exit code says whether every
target was met, except after --quick.

    python benchmarks/serve.py [--bundle FOLDER] [--items N] [--rounds R] [--seconds S] [--quick]

Without --bundle the bundle of tests/golden is served, which is too small for figures worth quoting:
`python -m benchmarks.serve_bundle FOLDER` makes one of full size in a minute.
"""

import argparse
import asyncio
import platform
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

import faiss

from benchmarks import serve_bare, serve_ingest, serve_store, serve_swap
from benchmarks.index_table import HEADER, Row
from benchmarks.serve_contenders import LEAN, PROFILES, SHIPPED, Place, other_cores, running
from benchmarks.serve_load import saturate
from benchmarks.serve_population import Population
from benchmarks.serve_rows import Options, Race, faults, run
from bundle import open_bundle
from index.item_index import EXACT_UP_TO
from service.embedded import embedded_store

GOLDEN = Path(__file__).parent.parent / "tests" / "golden" / "bundle"
QUICK = Options(items=4_000, rounds=1, seconds=2.0, long_s=6.0, users=200)
SETTLING_S = 150.0  # in which upkeep comes round twice
ASKED_S = 5.0  # of queries before that


@contextmanager
def raced(bundle: Path, options: Options, folder: Path) -> Iterator[Race]:
    """Everything filled, started and settled."""
    population = Population(open_bundle(bundle), options.items, options.users)
    tell(f"{options.items:,} items, {options.users} users drawn")
    tell(f"bare faiss: {serve_bare.save_index(folder, population.ids, population.truth)}")
    with other_cores(), embedded_store(folder / "store") as redis:
        asyncio.run(serve_store.fill(redis, population))
        tell("store filled")
        served = serve_swap.copied(bundle, folder / "bundles")
        with running(Place(served, redis, folder), PROFILES) as contenders:
            race = Race(contenders, population, options)
            tell("all ready")
            if options.items > EXACT_UP_TO:
                settle(race)
            yield race


def settle(race: Race) -> None:
    """Let ours see its users, until its upkeep has set the index for them."""
    for profile in (LEAN, SHIPPED):
        contender = race.contenders[profile.name]
        deadline = time.monotonic() + SETTLING_S
        with contender.turn() as port:
            while not contender.tuned() and time.monotonic() < deadline:
                run(saturate(port, race.asked(profile.name), ASKED_S))
        tell(f"{profile.name} has settled")


def tell(what: object) -> None:
    """To whoever waits."""
    print(f"{datetime.now(UTC):%H:%M:%S} {what}", file=sys.stderr, flush=True)


def rows(race: Race) -> Iterator[Row]:
    """All of them, in order of what they disturb."""
    yield from race.rows()
    yield from serve_ingest.rows(race)
    yield from serve_swap.rows(race)
    yield faults(race.outcomes)


def announced(found: Iterator[Row]) -> Iterator[Row]:
    """The same rows, each told."""
    for row in found:
        tell(row)
        yield row


def options_of(given: argparse.Namespace) -> Options:
    if given.quick:
        return QUICK
    return Options(given.items, given.rounds, given.seconds, 60.0, 1000)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--bundle", type=Path, default=GOLDEN)
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=10.0, help="of each turn")
    parser.add_argument("--quick", action="store_true", help="one short round, no verdict")
    given = parser.parse_args()
    bundle, options = given.bundle.resolve(), options_of(given)
    with tempfile.TemporaryDirectory() as folder, raced(bundle, options, Path(folder)) as race:
        table = list(announced(rows(race)))
    manifest = open_bundle(given.bundle).manifest
    print(
        f"{datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, Python {platform.python_version()},"
        f" faiss {faiss.__version__},\n{manifest.model}, D = {manifest.dim}, "
        f"M = {manifest.max_history}: `python benchmarks/serve.py {' '.join(sys.argv[1:])}`\n"
    )
    print("\n".join([HEADER, *map(str, table)]))
    missed = any(row.met is False for row in table)
    sys.exit(int(missed and not given.quick))


if __name__ == "__main__":
    main()
