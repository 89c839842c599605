"""What the workers of one host share."""

from math import inf
from pathlib import Path

from service.host import Host


def test_one_worker_of_a_host_builds_at_a_time(tmp_path: Path) -> None:
    """Whoever comes first, until it is done; workers of another folder do not matter."""
    first, second, other = Host(tmp_path / "a"), Host(tmp_path / "a"), Host(tmp_path / "b")
    with first.alone() as alone, second.alone() as also, other.alone() as elsewhere:
        assert (alone, also, elsewhere) == (True, False, True)
    with second.alone() as alone:
        assert alone


def test_a_snapshot_that_goes_while_it_is_looked_at_is_none(tmp_path: Path) -> None:
    """A name that leads nowhere stands for one that was listed, and gone when it was looked at."""
    host = Host(tmp_path)
    snapshots = host.snapshots("v")
    (snapshots / "000000000001").mkdir(parents=True)
    assert 0 <= host.age("v") < 60
    (snapshots / "000000000002").symlink_to(tmp_path / "nowhere")
    assert host.age("v") == inf
    assert host.age("another") == inf
