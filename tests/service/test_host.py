"""What the workers of one host share."""

from pathlib import Path

from service.host import Host


def test_one_worker_of_a_host_builds_at_a_time(tmp_path: Path) -> None:
    """Whoever comes first, until it is done; workers of another folder do not matter."""
    first, second, other = Host(tmp_path / "a"), Host(tmp_path / "a"), Host(tmp_path / "b")
    with first.alone() as alone, second.alone() as also, other.alone() as elsewhere:
        assert (alone, also, elsewhere) == (True, False, True)
    with second.alone() as alone:
        assert alone
