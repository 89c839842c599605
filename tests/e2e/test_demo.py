"""The whole path by its front door, on a small data set made up for it."""

import re
from pathlib import Path

import httpx
import polars as pl
import pytest

from tests.e2e.running import free_port, run, start, stop, wait_ready
from tests.golden.data import write_data


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the demo's first run leaves everything."""
    folder = tmp_path_factory.mktemp("demo")
    write_data(folder / "prepared", users=300)
    return folder


@pytest.fixture(scope="module")
def first(folder: Path) -> str:
    """What the first run prints."""
    return demo(folder)


def demo(folder: Path) -> str:
    """`couple demo --exit` on the prepared data, at a free port."""
    options = ["--data", folder / "prepared", "--dir", folder / "demo", "--port", str(free_port())]
    result = run("demo", "--exit", *map(str, options))
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_it_goes_from_data_to_recommendations_with_reasons(first: str) -> None:
    assert re.search(r"\d+ of \d+ new items can be retrieved", first)
    assert "a warm user" in first
    assert "never took anything of video" in first
    assert "←" in first, "each recommendation names the tags that carried it"


def test_it_prints_the_figures_beside_chance_and_tfidf(first: str) -> None:
    figures = {
        name: [float(cell) for cell in re.findall(r"0\.\d{3}", line)]
        for line in first.splitlines()
        for name in ("couple", "tfidf", "chance")
        if name in line and "│" in line
    }
    assert set(figures) == {"couple", "tfidf", "chance"}
    assert all(len(row) == 3 for row in figures.values()), "all, warm and cold users"


def test_a_second_run_reuses_what_exists_and_says_the_same(folder: Path, first: str) -> None:
    weights = folder / "demo" / "checkpoint" / "weights.safetensors"
    before = weights.stat().st_mtime_ns
    again = demo(folder)
    assert weights.stat().st_mtime_ns == before
    assert "exporting" in first
    assert "exporting" not in again
    assert figures_of(again) == figures_of(first)


def figures_of(printed: str) -> str:
    return printed[printed.index("HR@10 on cold items") :]


def test_the_paper_s_test_is_rehearsed_on_the_same_data(
    folder: Path, first: str, tmp_path: Path
) -> None:
    """YouTube DNN is trained beside COUPLE, both answer, and the report compares them."""
    where = ("--data", folder / "prepared", "--demo", folder / "demo", "--out", tmp_path)
    options = ("--experiment", "couple-vs-youtube", "--visits", "1")
    result = run("simulate", *options, *where)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "COUPLE is trained already" in result.stdout
    assert re.search(r"COUPLE against YouTube DNN: CTR [+-][\d.]+ % \[", result.stdout)
    versions = pl.read_parquet(tmp_path / "events" / "day=*/*/recommendations.parquet")["version"]
    assert versions.n_unique() == 2


def test_it_keeps_serving_until_it_is_told_to_end(folder: Path, first: str) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    options = ["--data", folder / "prepared", "--dir", folder / "demo", "--port", port]
    process = start("demo", *options, log=folder / "demo.log")
    try:
        wait_ready(url, process)
        answer = httpx.post(f"{url}/recommend", json={"user_id": "nobody", "k": 3}).json()
        twins = pl.read_parquet(folder / "prepared" / "items.parquet", columns=["item_id", "tags"])
        mine = [{"item_id": f"mine-{one}", "tags": tags} for one, tags in twins.rows()]
        assert httpx.post(f"{url}/items", json={"items": mine}, timeout=60).status_code == 200
        assert len(answer["candidates"]) == 3
        assert answer["degraded"] == ["no_history"]
    finally:
        assert stop(process) == 0
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/livez")
    assert "mine-" in demo(folder), "what was posted beside the demo's items is shown as well"
