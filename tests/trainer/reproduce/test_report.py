"""The whole command on made-up data: runs, resumes, reports what failed."""

import json
import shutil
import time
from pathlib import Path

import polars as pl
import pytest

from tests.trainer.conftest import SMALL
from trainer import split_file
from trainer.errors import CheckpointError
from trainer.reproduce.plan import plan
from trainer.reproduce.record import load
from trainer.reproduce.report import Options, reproduce
from trainer.reproduce.results import Results, read_results

SETTINGS = tuple(
    setting for setting in SMALL if not setting.startswith(("threads", "save", "factors"))
)
OPTIONS = Options(SETTINGS, quick=True, only=("table5", "figure5", "figure8"), workers=2)


@pytest.fixture(scope="module")
def out(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of which one run was prevented: something else stands in its place."""
    folder = tmp_path_factory.mktemp("report")
    (blocked,) = _keys(OPTIONS, "table5/batch")
    (folder / "runs" / blocked).mkdir(parents=True)
    (folder / "runs" / blocked / "notes.txt").write_text("mine")
    reproduce(data, folder, OPTIONS, progress=False)
    return folder


def _keys(options: Options, name: str) -> list[str]:
    whole = plan(options.settings, quick=options.quick, only=options.only)
    return [run.key for row, runs in whole.rows for run in runs if row.name == name]


@pytest.fixture(scope="module")
def found(out: Path) -> Results:
    return read_results(out / "results.json")


def test_the_files_are_there(out: Path, data: Path, found: Results) -> None:
    """Page, results, tables, and the split that all runs were judged on."""
    assert (out / "report.html").read_text().startswith("<!doctype html>")
    assert (out / "results.md").read_text().startswith("## golden")
    assert split_file.read(out / "split.parquet").split == found.data.split_fingerprint
    assert found.data.judged["all"] == found.data.judged["warm"] + found.data.judged["cold"]


def test_rows_are_the_metrics_of_their_checkpoints(out: Path, found: Results) -> None:
    """Nothing is worked out twice in two ways."""
    base = found.line("table5/base")
    assert base is not None
    kept = json.loads((out / "runs" / base.keys[0] / "metrics.json").read_text())
    assert base.metrics["all"]["HR@10"].seeds == (kept["couple"]["all"]["HR@10"],)
    record = load(out / "runs", base.keys[0])
    assert record is not None
    assert record.peak_mb > 50
    assert record.seconds > 0
    assert record.alone is None  # the paper's recipe has no factors


def test_factors_are_judged_apart(out: Path, found: Results) -> None:
    """The default recipe's network alone is another ranking than the whole."""
    default = found.line("figure8/couple")
    assert default is not None
    record = load(out / "runs", default.keys[0])
    assert record is not None
    assert record.alone is not None
    assert record.alone["all"]["users"] == record.metrics["all"]["users"]
    assert record.alone != record.metrics


def test_a_run_that_fails_is_reported_and_stops_no_other(out: Path, found: Results) -> None:
    """Its row is empty, and the page says why."""
    (failure,) = found.failures
    assert failure.key in _keys(OPTIONS, "table5/batch")
    assert "notes.txt" in failure.message
    assert found.line("table5/batch") is None
    assert found.line("table5/queue") is not None
    assert failure.key in (out / "report.html").read_text()


def test_figures_have_their_points(found: Results) -> None:
    """Both trees of Figure 5, and somebody in Figure 8."""
    assert [cloud.row for cloud in found.clouds] == [
        "figure5/default/with", "figure5/default/without",
    ]  # fmt: skip
    assert found.cases
    assert found.findings


def test_what_is_recorded_is_not_run_again(out: Path, data: Path, found: Results) -> None:
    """A second call trains only what failed before, now that nothing is in its way."""
    (blocked,) = _keys(OPTIONS, "table5/batch")
    shutil.rmtree(out / "runs" / blocked)
    before = {path: path.stat().st_mtime_ns for path in (out / "runs").glob("*/*")}
    began = time.monotonic()
    again = reproduce(data, out, OPTIONS, progress=False)
    assert time.monotonic() - began < 60
    assert again.failures == ()
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert again.line("table5/base") == found.line("table5/base")


def test_other_data_are_refused(out: Path, data: Path, tmp_path: Path) -> None:
    """Runs of two data sets would make one table."""
    other = tmp_path / "data"
    shutil.copytree(data, other)
    table = pl.read_parquet(other / "interactions.parquet")
    table.head(len(table) - 20).write_parquet(other / "interactions.parquet")
    with pytest.raises(CheckpointError, match="other data"):
        reproduce(other, out, OPTIONS, progress=False)


def test_a_file_in_the_way_is_named(data: Path, tmp_path: Path) -> None:
    """The report's folder cannot be a file."""
    (tmp_path / "report").write_text("")
    with pytest.raises(CheckpointError, match="cannot be made"):
        reproduce(data, tmp_path / "report", OPTIONS, progress=False)
