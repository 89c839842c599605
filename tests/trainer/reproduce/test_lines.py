"""Rows of tables are means over seeds, checked by hand."""

import math

from trainer.reproduce.lines import line_of, over_seeds, value_of
from trainer.reproduce.plan import run_of
from trainer.reproduce.record import Failure, Record
from trainer.reproduce.rows import Row

ROW = Row("beyond/default", "as it is", ())
RUNS = (run_of(["seed=0"]), run_of(["seed=1"]))


def record(key: str, hit: float, *, seconds: float, resumed: bool = False) -> Record:
    return Record(
        key=key, settings=(), data_fingerprint="d", split_fingerprint="s", seconds=seconds,
        resumed=resumed, peak_mb=100.0, metrics={"all": {"users": 4.0, "HR@10": hit}},
        alone={"all": {"users": 4.0, "HR@10": hit / 2}}, leaves=None,
        whole_pool={"all": {"users": 4.0, "HR@10": 0.0}},
    )  # fmt: skip


def test_mean_and_sample_deviation() -> None:
    """.2 and .4: mean .3, deviation √.02."""
    found = value_of([0.2, 0.4])
    assert math.isclose(found.mean, 0.3)
    assert found.sd is not None
    assert math.isclose(found.sd, math.sqrt(0.02))
    assert found.seeds == (0.2, 0.4)
    assert value_of([0.2]).sd is None


def test_a_row_is_the_mean_of_its_runs() -> None:
    """Metrics of the whole model or of its network alone; times of runs in one go only."""
    found = {
        RUNS[0].key: record(RUNS[0].key, 0.2, seconds=10.0),
        RUNS[1].key: record(RUNS[1].key, 0.4, seconds=99.0, resumed=True),
    }
    line = line_of(ROW, RUNS, dict(found))
    assert math.isclose(line.metrics["all"]["HR@10"].mean, 0.3)
    assert line.seconds == 10.0
    alone = line_of(Row("table4/alone/couple", "COUPLE", (), alone=True), RUNS, dict(found))
    assert math.isclose(alone.metrics["all"]["HR@10"].mean, 0.15)


def test_a_failed_run_is_left_out_and_a_row_without_runs_is_empty() -> None:
    """The others' mean stands."""
    failed = Failure(key=RUNS[0].key, settings=(), message="no")
    one = line_of(ROW, RUNS, {failed.key: failed, RUNS[1].key: record(RUNS[1].key, 0.4, seconds=1)})
    assert one.keys == (RUNS[1].key,)
    assert one.metrics["all"]["HR@10"].seeds == (0.4,)
    none = line_of(ROW, RUNS, {failed.key: failed})
    assert (none.metrics, none.keys, none.seconds) == ({}, (), None)
    assert over_seeds([]) == {}
