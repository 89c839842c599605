"""How fast the recall comes, beside bare faiss and hnswlib; and that weak clusters keep it."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.index_stage import TARGET, Options, Stage, Tuned, as_rows, searching
from benchmarks.index_table import Row, Timing, at_most, race
from benchmarks.yardsticks import Hnsw, K

FASTER_THAN_FAISS, FASTER_THAN_HNSW = 1.25, 3.0
LEAST = 0.95  # recall that hnswlib is compared at, if not at ours


def search(stage: Stage) -> Iterator[Row]:
    """Users of a clustered catalogue."""
    recall = stage.truth.recall_of(as_rows(searching(stage.index)))
    yield reached(f"recall@{K}, {len(stage.items):,} clustered items", recall, stage)
    equal = Tuned(stage.bare.ivf, *stage.bare.ivf.tuned(stage.truth, recall))
    racers = {"ours": searching(stage.index), "bare": stage.bare.search, "equal": equal.search}
    timings = race(racers, stage.queries, stage.options.rounds)
    yield _beside_faiss("search p50, faiss tuned to .99", timings["ours"], timings["bare"], stage)
    ratio = timings["ours"].ratio(timings["equal"])
    shown = f"{equal}: {timings['equal']}"
    yield Row("search p50, faiss at our recall", str(timings["ours"]), shown, ratio)


def hnswlib(stage: Stage) -> Iterator[Row]:
    """The same users, beside a graph that is as right."""
    hnsw = Hnsw(stage.matrix, Path(tempfile.gettempdir()))
    recall = stage.truth.recall_of(as_rows(searching(stage.index)))
    width = hnsw.tune(stage.truth, max(recall, LEAST))
    racers = {"ours": searching(stage.index), "hnsw": hnsw.search}
    timings = race(racers, stage.queries, stage.options.rounds)
    ratio = timings["hnsw"].ratio(timings["ours"])
    reaches = f"hnswlib M 16, ef {width}, recall {stage.truth.recall_of(hnsw.search):.4f}"
    yield Row(
        "search p50, hnswlib at our recall (its time / ours)",
        str(timings["ours"]),
        f"{reaches}: {timings['hnsw']}",
        ratio,
        f"≥ {FASTER_THAN_HNSW:g} times",
        ratio >= FASTER_THAN_HNSW,
    )


def weak(options: Options) -> Iterator[Row]:
    """Users of a catalogue whose tags have no topics: the recall holds, at whatever cost."""
    stage = Stage(options, clustered=False)
    racers = {"ours": searching(stage.index), "bare": stage.bare.search}
    timings = race(racers, stage.queries, options.rounds)
    recall = stage.truth.recall_of(as_rows(searching(stage.index)))
    yield reached(f"recall@{K}, weakly clustered", recall, stage)
    shown = _beside_faiss("search p50, weakly clustered", timings["ours"], timings["bare"], stage)
    yield Row(shown.name, shown.ours, shown.yardstick, shown.ratio)


def reached(name: str, recall: float, stage: Stage) -> Row:
    """The recall of ours against its target, beside bare faiss's of the same users."""
    bare = f"{stage.bare}: {stage.truth.recall_of(stage.bare.search):.4f}"
    return Row(name, f"{recall:.4f}", bare, None, f"≥ {TARGET}", recall >= TARGET)


def _beside_faiss(name: str, ours: Timing, bare: Timing, stage: Stage) -> Row:
    shown = f"{stage.bare}: {bare}"
    return at_most(name, str(ours), shown, ours.ratio(bare), FASTER_THAN_FAISS)
