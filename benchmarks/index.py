"""What the index promises, measured: speed, recall, memory, changes, restarts and filters.

Every row stands beside its yardstick from the same run. One thread searches; what races is timed in
turn, ROUNDS rounds, and medians are shown. Vectors are made up as an item tower would put them (see
catalogue.py). The exit code says whether every target was met, except after --quick.

    python benchmarks/index.py [--items N] [--rounds R] [--turnovers T] [--only PART …] [--quick]
"""

import argparse
import platform
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

if __name__ == "__main__":
    # This file has the name of the package that it measures, which Python would find first.
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

import faiss

from benchmarks import index_churn, index_filters, index_memory, index_restart, index_speed
from benchmarks.index_stage import Options, Stage
from benchmarks.index_table import HEADER, Row

ITEMS, ROUNDS, TURNOVERS = 1_000_000, 5, 10

# In this order: the churn comes last of those that share an index, because it changes the items.
SHARING: dict[str, Callable[[Stage], Iterator[Row]]] = {
    "search": index_speed.search,
    "hnswlib": index_speed.hnswlib,
    "filters": index_filters.filters,
    "restart": index_restart.restart,
    "churn": index_churn.churn,
}
ALONE: dict[str, Callable[[Options], Iterator[Row]]] = {
    "weak": index_speed.weak,
    "size": index_memory.size,
    "turnover": index_memory.turnover,
}


def rows(options: Options, parts: list[str]) -> Iterator[Row]:
    """The rows of the chosen parts."""
    stage = Stage(options)
    for name in filter(parts.__contains__, SHARING):
        print(f"         {name} …", file=sys.stderr, flush=True)
        yield from SHARING[name](stage)
    del stage
    for name in filter(parts.__contains__, ALONE):
        print(f"         {name} …", file=sys.stderr, flush=True)
        yield from ALONE[name](options)


def announced(found: Iterator[Row]) -> Iterator[Row]:
    """The same rows, each told to whoever waits."""
    began = time.perf_counter()
    for row in found:
        print(f"{time.perf_counter() - began:6.0f} s {row}", file=sys.stderr, flush=True)
        yield row


def main() -> None:
    parts = [*SHARING, *ALONE]
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--items", type=int, default=ITEMS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--turnovers", type=int, default=TURNOVERS)
    parser.add_argument("--only", nargs="+", choices=parts, default=parts)
    parser.add_argument("--quick", action="store_true", help="one short round, no verdict")
    given = parser.parse_args()
    rounds, turnovers = (1, 1) if given.quick else (given.rounds, given.turnovers)
    faiss.omp_set_num_threads(1)
    options = Options(given.items, rounds, given.quick, turnovers)
    table = list(announced(rows(options, given.only)))
    print(
        f"{datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, Python {platform.python_version()},"
    )
    print(f"faiss {faiss.__version__}: `python benchmarks/index.py {' '.join(sys.argv[1:])}`\n")
    print("\n".join([HEADER, *map(str, table)]))
    missed = any(row.met is False for row in table)
    sys.exit(int(missed and not given.quick))


if __name__ == "__main__":
    main()
