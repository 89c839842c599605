"""What the report is measured on: a folder as the drain leaves it, with a lift that is found."""

from pathlib import Path

import pytest

from benchmarks import report as benchmark
from couple.abtest.report import Options, report
from couple.drained import drained


def test_a_folder_holds_as_many_events_as_were_asked_for(tmp_path: Path) -> None:
    """Over two weeks in two arms; to the drain it is one of its own."""
    events = benchmark.fill(tmp_path, 100_000)
    assert events == pytest.approx(100_000, rel=0.02)
    with drained(tmp_path) as folder:
        assert folder.position is not None
    found = report(tmp_path, benchmark.NAME, Options())
    assert sum(arm.impressions + arm.clicks for arm in found.arms) == events
    assert found.lifts[0].relative == pytest.approx(0.1, abs=0.1)
    assert found.left_out == {}
