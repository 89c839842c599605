"""The clock: Redis TIME, carried forward, never this machine's wall clock once it is synced."""

import time

import pytest

from service.clock import RESYNC_S, Clock
from tests.service.conftest import Configure
from tests.service.running import running

pytestmark = pytest.mark.anyio


class Monotonic:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


async def test_it_takes_the_time_in_the_middle_of_the_round_trip() -> None:
    """And carries it forward by the monotonic clock alone."""
    monotonic = Monotonic()
    clock = Clock(monotonic)

    async def read() -> float:
        monotonic.seconds += 0.2
        return 5_000_000.0

    await clock.sync(read)
    assert clock.now() == pytest.approx(5_000_000.1)
    monotonic.seconds += 60
    assert clock.now() == pytest.approx(5_000_060.1)


async def test_it_is_due_when_the_clocks_may_have_run_apart() -> None:
    """At first, and then at every interval."""
    monotonic = Monotonic()
    clock = Clock(monotonic)

    async def read() -> float:
        return 1.0

    assert clock.due()
    await clock.sync(read)
    assert not clock.due()
    monotonic.seconds += RESYNC_S
    assert clock.due()


async def test_a_read_that_fails_leaves_it_as_it_was() -> None:
    clock = Clock(Monotonic())
    before = clock.now()

    async def read() -> float:
        raise ConnectionError

    with pytest.raises(ConnectionError):
        await clock.sync(read)
    assert clock.now() == before


def test_before_the_first_sync_it_is_this_machines() -> None:
    assert abs(Clock().now() - time.time()) < 1


async def test_two_replicas_have_one_clock(configure: Configure) -> None:
    """Within the milliseconds of a round trip."""
    async with running(configure()) as one, running(configure()) as two:
        clocks = [client.app.state.parts.clock for client in (one, two)]
        assert abs(clocks[0].now() - clocks[1].now()) < 0.1
