"""The seats of a host's workers: nobody's counts are lost, nobody's death is told as life."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from service.errors import StateUnusable
from service.seats import Seats
from tests.service.process import serving
from tests.service.test_metrics import figures


@contextmanager
def seat(folder: Path) -> Iterator[Seats]:
    taken = Seats(folder)
    taken.take()
    yield taken
    taken.leave()


def test_counts_are_the_sums_of_all_workers(tmp_path: Path) -> None:
    with seat(tmp_path) as one, seat(tmp_path) as other:
        one.tell({"a": 1, "b": 2}, {"up_0": 1})
        other.tell({"b": 3}, {"up_1": 1})
        told = one.heard()
        assert (one.number, other.number) == (0, 1)
        assert (told.counts, told.gauges) == ({"a": 1, "b": 5}, {"up_0": 1, "up_1": 1})
        assert other.heard() == told


def test_counts_stay_when_a_worker_goes_and_its_gauges_do_not(tmp_path: Path) -> None:
    with seat(tmp_path) as one:
        with seat(tmp_path) as other:
            other.tell({"a": 7}, {"up_1": 1})
        one.tell({"a": 1}, {"up_0": 1})
        assert one.heard().counts == {"a": 8}
        assert one.heard().gauges == {"up_0": 1}


def test_the_next_worker_counts_on_where_the_one_before_it_stopped(tmp_path: Path) -> None:
    """Seats are as many as workers lived at once, however many died."""
    with seat(tmp_path) as one:
        for lives in range(1, 4):
            with seat(tmp_path) as other:
                assert other.number == 1
                other.tell({"a": 10}, {})
                other.tell({"a": 10}, {})  # twice the same is the same
                assert one.heard().counts == {"a": 10 * lives}


@pytest.mark.parametrize(
    "found", [b"", b"{", b"[]", b'{"counts":{"a":"x"}}', b"\xff", b'{"format":0}']
)
def test_a_file_that_is_none_of_ours_counts_nothing(tmp_path: Path, found: bytes) -> None:
    """And the worker that takes its seat begins at nothing."""
    (tmp_path / "0.json").write_bytes(found)
    (tmp_path / "5.json").write_bytes(found)
    with seat(tmp_path) as one:
        one.tell({"a": 1}, {})
        assert one.heard().counts == {"a": 1}


def test_a_folder_that_goes_is_named(tmp_path: Path) -> None:
    """A folder that was deleted under us cannot be written: said, not hidden."""
    folder = tmp_path / "metrics"
    with seat(folder) as one:
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()
        with pytest.raises(StateUnusable, match="COUPLE_STATE"):
            one.tell({"a": 1}, {})


READY = ['couple_ready{worker="0"}', 'couple_ready{worker="1"}']


def total(found: dict[str, float]) -> float:
    return found['couple_requests_total{method="GET",route="/livez",status="200"}']


def test_any_worker_answers_for_all_and_none_forgets(
    variables: dict[str, str], tmp_path: Path
) -> None:
    """One of two is killed: counts never fall, its gauges go, the next takes its seat."""
    state = {"COUPLE_STATE": str(tmp_path / "state")}
    with serving(2, **variables, **state) as server:
        server.until(lambda: len(server.pids()) == 2)
        pids = server.pids()
        found = figures(server.get("/metrics"))
        assert [name for name in found if name.startswith("couple_ready")] == READY
        server.until(lambda: total(figures(server.get("/metrics"))) >= 80)
        before = total(figures(server.get("/metrics")))
        os.kill(min(pids), signal.SIGKILL)
        server.until(lambda: len(server.pids() - {min(pids)}) == 2)
        after = figures(server.get("/metrics"))
        assert total(after) > before
        assert [name for name in after if name.startswith("couple_ready")] == READY
        assert server.end()[0] == 0
