"""Filtered searches, from every second item to one in ten thousand, and along a topic."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from benchmarks.catalogue import SHARES
from benchmarks.index_stage import TARGET, Stage, as_rows, searching
from benchmarks.index_table import Row, race, time_of, timed
from benchmarks.yardsticks import Truth, scanning

LIMIT = 1.25  # times the better yardstick
NEAREST = 0.01  # share of the items that the section has which stands for a topic
JUDGED = 200  # users that recall is measured on, and others that faiss is tuned on


def filters(stage: Stage) -> Iterator[Row]:
    """A row for each share that is independent of the vectors, and one of a topic."""
    for number, (name, share) in enumerate(SHARES.items()):
        mask = stage.items.languages == number
        yield from _row(stage, f"filter on {share:.2%}", {"language": name}, mask)
    counts = np.bincount(stage.items.sections) / len(stage.items)
    section = int(np.abs(counts - NEAREST).argmin())
    name, mask = f"filter on {counts[section]:.2%}, a few topics", stage.items.sections == section
    yield from _row(stage, name, {"section": f"s{section}"}, mask)


def _row(
    stage: Stage, name: str, attributes: dict[str, str], mask: NDArray[np.bool_]
) -> Iterator[Row]:
    rows = np.flatnonzero(mask)
    if not len(rows):
        return  # a small catalogue has none of the rarest
    search = searching(stage.index, attributes)
    first = timed(search, stage.queries[0])
    tuning = Truth(stage.matrix, stage.tuning.queries[:JUDGED], rows)
    probes, bare = stage.bare.ivf.tuned(tuning, TARGET, mask)
    racers = {"ours": search, "scan": scanning(stage.matrix, rows), "bare": bare}
    timings = race(racers, stage.queries, stage.options.rounds)
    recall = Truth(stage.matrix, stage.queries[:JUDGED], rows).recall_of(as_rows(search))
    ours, scan, faiss = (timings[racer] for racer in racers)
    ratio = max(ours.ratio(scan), ours.ratio(faiss))  # against whichever is better
    yield Row(
        f"{name} ({len(rows):,} items)",
        f"{ours}; first use {time_of(first)}; recall {recall:.4f}",
        f"scan {time_of(scan.p50)}; faiss nprobe {probes} {time_of(faiss.p50)}",
        ratio,
        f"recall ≥ {TARGET}, ≤ {LIMIT:g} times",
        recall >= TARGET and ratio <= LIMIT,
    )
