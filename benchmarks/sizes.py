"""What a catalogue and its users take: bytes in Redis, in a worker and on disk, processor time.

The numbers that docs/sizing.md counts with. A real Valkey is filled as the service fills it, and
one worker, as shipped, serves from it. Bytes are what both say they hold; processor time is what
each says it used, the generator's not among it. Other work moves that too, by half where every core
is busy: caches and the halves of a core are shared.

    python benchmarks/sizes.py [--bundle FOLDER] [--items N] [--seconds S]
"""

import argparse
import asyncio
import os
import platform
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

import orjson

from benchmarks.serve import GOLDEN
from benchmarks.serve_contenders import KEY, SHIPPED, Contender, Place, Profile, other_cores
from benchmarks.serve_load import CONNECTIONS, request, saturate
from benchmarks.serve_population import Population, Tags
from benchmarks.serve_rows import WARM_S, run
from benchmarks.sizes_store import PATIENCE_S, Row, Store, in_redis
from bundle import open_bundle
from index.item_index import EXACT_UP_TO
from service import store
from service.catalogue import Catalogue, puts
from service.embedded import embedded_store
from service.settings import Settings, StoreUrl

USERS = 1_000  # who ask
CALL = 100  # items or events of a call
CALLS = 30  # different ones
WRITERS = 2  # at once
FOLLOWED = 5_000  # items that another host posts
CAUGHT_UP_S = 2.0  # until what was asked for is written, recorded and followed
SETTLING_S = 150.0  # in which upkeep comes round twice, and a snapshot is saved
SAVING = replace(SHIPPED, settings={"COUPLE_SNAPSHOT_INTERVAL_S": "1"})
RARE = replace(SHIPPED, settings={"COUPLE_RECOMMEND_WAIT_MS": "10000"})  # nobody is refused


@dataclass(frozen=True)
class Options:
    """What the command line says."""

    bundle: Path
    items: int
    seconds: float  # of each load


class Bench:
    """One worker over the filled store."""

    def __init__(self, held: Store, population: Population, place: Place, seconds: float) -> None:
        self._held = held
        self._population = population
        self._place = place
        self._seconds = seconds

    def rows(self) -> Iterator[Row]:
        """Cold, then from its snapshot, then under each kind of load."""
        count = len(self._population.tags)
        with ExitStack() as stack:
            worker, seconds = self._started(SAVING, stack)
            yield Row("worker: to ready, catalogue embedded", started(worker, seconds))
            yield Row("worker: memory then", f"{memory(worker, 'VmRSS') / 1e6:,.0f} MB")
            yield Row("worker: most memory until then", f"{memory(worker, 'VmHWM') / 1e6:,.0f} MB")
            size = self._snapshot()
            yield Row("disk: a snapshot", f"{size / count:,.0f} B an item")
        with ExitStack() as stack:
            worker, seconds = self._started(RARE, stack)
            yield Row("worker: to ready, from the snapshot", started(worker, seconds))
            with worker.turn() as port:
                yield from self._loads(worker, port)
            yield Row("worker: memory at the end", f"{memory(worker, 'VmRSS') / 1e6:,.0f} MB")

    def _started(self, profile: Profile, stack: ExitStack) -> tuple[Contender, float]:
        began = time.perf_counter()
        worker = Contender(profile, self._place)
        stack.callback(worker.stop)
        worker.wait()
        return worker, time.perf_counter() - began

    def _snapshot(self) -> int:
        """Bytes of the newest, once there is one."""
        deadline = time.monotonic() + SETTLING_S
        while not (found := list(self._place.folder.glob("*.state/indexes/*/0*/manifest.json"))):
            assert time.monotonic() < deadline, "no snapshot was saved"
            time.sleep(0.2)
        return sum(path.stat().st_size for path in max(found).parent.iterdir())

    def _loads(self, worker: Contender, port: int) -> Iterator[Row]:
        asked = [RARE.request(user.user_id) for user in self._population.users]
        run(saturate(port, asked, WARM_S))
        if len(self._population.tags) > EXACT_UP_TO:
            settle(worker, port, asked)
        yield from self._cost("a recommendation, k = 100", worker, self._sent(port, asked, 1))
        each = self._held.entry_bytes()
        yield Row("Redis: a recommendation in the event stream", f"{each:,.0f} B")
        yield from self._cost("an event", worker, self._sent(port, self._events(), CALL))
        yield from self._cost("an item", worker, self._sent(port, self._items(), CALL))
        yield from self._cost("an item that another posted", worker, self._followed)

    def _cost(self, name: str, worker: Contender, work: Callable[[], int]) -> Iterator[Row]:
        """Processor time of the worker and of Redis for each of what `work` counts."""
        before = worker.cpu_seconds(), self._held.seconds
        count = work()
        time.sleep(CAUGHT_UP_S)
        after = worker.cpu_seconds(), self._held.seconds
        ours, theirs = ((b - a) / count * 1e6 for a, b in zip(before, after, strict=True))
        yield Row(f"processor time of {name}", f"worker {ours:,.0f} µs, Redis {theirs:,.0f} µs")

    def _sent(self, port: int, requests: Sequence[bytes], each: int) -> Callable[[], int]:
        """For `seconds`; counts what the answers were about, `each` of them about so many."""

        def send() -> int:
            callers = CONNECTIONS if each == 1 else WRITERS
            outcome = run(saturate(port, requests, self._seconds, callers))
            assert not outcome.failed, f"{outcome.failed} refused, which costs less"
            return each * len(outcome.took)

        return send

    def _events(self) -> list[bytes]:
        """Calls of clicks, each click of another user."""
        found = []
        for number, user in enumerate(self._population.users[:CALLS]):
            clicks = list(self._population.clicks(user))
            lines = [clicks[place % len(clicks)] for place in range(CALL)]
            events = [
                {
                    "user_id": f"new{number}-{place}",
                    "item_id": one.item_id,
                    "type": "click",
                    "domain": one.domain,
                    "tags": one.tags,
                }
                for place, one in enumerate(lines)
            ]
            found.append(request("/events", orjson.dumps({"events": events}), KEY))
        return found

    def _items(self) -> list[bytes]:
        """Calls of items, all new at first and changed later."""
        tags = self._population.fresh(CALL * CALLS, seed=5)
        items = self._population.items(tags, first=10**9)
        facts = [{name: fact for name, fact in vars(one).items() if fact} for one in items]
        for one in facts:
            one["published_at"] = datetime.fromtimestamp(one["published_at"], UTC).isoformat()
        calls = (facts[start : start + CALL] for start in range(0, len(facts), CALL))
        return [request("/items", orjson.dumps({"items": call}), KEY) for call in calls]

    def _followed(self) -> int:
        """Items that come by the log alone."""
        tags = self._population.fresh(FOLLOWED, seed=6)
        asyncio.run(self._post(tags))
        return len(tags)

    async def _post(self, tags: Tags) -> None:
        settings = Settings(redis_url=StoreUrl(self._held.url))
        items = list(self._population.items(tags, first=2 * 10**9))
        async with store.connect(settings, PATIENCE_S) as redis:
            catalogue = Catalogue(redis, settings.log_retention_s)
            for start in range(0, len(items), CALL):
                batch = items[start : start + CALL]
                await catalogue.write(puts(batch, [None] * len(batch)))


def settle(worker: Contender, port: int, asked: Sequence[bytes]) -> None:
    """Let it see its users, until its upkeep has set the index for them."""
    deadline = time.monotonic() + SETTLING_S
    while not worker.tuned() and time.monotonic() < deadline:
        run(saturate(port, asked, WARM_S))


def started(worker: Contender, seconds: float) -> str:
    """What it took to get ready: of the processor with its children, and on the clock."""
    fields = Path(f"/proc/{worker.pid}/stat").read_text().rpartition(")")[2].split()
    used = sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
    return f"{used:.1f} s of the processor ({seconds:.0f} s)"


def memory(worker: Contender, field: str) -> int:
    """Bytes by a line of the kernel's account of the process."""
    status = Path(f"/proc/{worker.pid}/status").read_text()
    found = re.search(rf"{field}:\s+(\d+) kB", status)
    assert found
    return int(found[1]) * 1024


def rows(options: Options, folder: Path) -> Iterator[Row]:
    """All of them."""
    population = Population(open_bundle(options.bundle), options.items, USERS)
    with other_cores(), embedded_store(folder / "store") as url:
        held = Store(url)
        yield from in_redis(held, population)
        place = Place(options.bundle, url, folder)
        yield from Bench(held, population, place, options.seconds).rows()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--bundle", type=lambda text: Path(text).resolve(), default=GOLDEN)
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each load")
    options = Options(**vars(parser.parse_args()))
    dim = open_bundle(options.bundle).manifest.dim
    print(f"{datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, D = {dim}, {options.items:,} items")
    with tempfile.TemporaryDirectory(prefix="couple-") as folder:
        for row in rows(options, Path(folder)):
            print(row, flush=True)


if __name__ == "__main__":
    main()
