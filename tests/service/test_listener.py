"""How connections are taken from a queue: a long one in a few turns, and none after close."""

import asyncio
import errno
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from service.listener import Listener, Loop
from service.server import bind
from tests.service.running import until

pytestmark = pytest.mark.anyio

TURNS = 20  # of the loop; one connection a turn would be as many


@pytest.fixture(scope="module")
def anyio_backend() -> tuple[str, dict[str, type[Loop]]]:
    """The loop that workers run on."""
    return "asyncio", {"loop_factory": Loop}


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with bind("127.0.0.1", 0) as made:
        made.setblocking(False)
        yield made


class Taking:
    """Makes greeters and counts them."""

    def __init__(self) -> None:
        self.taken = self.told = 0

    def __call__(self) -> "Greeter":
        self.taken += 1
        return Greeter(self)

    async def until_taken(self, count: int) -> None:
        async def taken() -> bool:
            return self.taken == count

        await until(taken)


class Greeter(asyncio.Protocol):
    """Says a word to whoever is taken, and hangs up."""

    def __init__(self, taking: Taking) -> None:
        self._taking = taking

    def connection_made(self, transport: Any) -> None:
        transport.write(b"welcome")
        transport.close()

    def shutdown(self) -> None:
        """It is told that its worker stops."""
        self._taking.told += 1


async def end(*servers: Any) -> None:
    for server in servers:
        server.close()
        await server.wait_closed()
    await asyncio.sleep(0)  # for what was written


def queue(listening: socket.socket, callers: int) -> list[socket.socket]:
    """Connections that the kernel has taken, and nobody else yet."""
    return [socket.create_connection(listening.getsockname()) for _ in range(callers)]


def greeted(callers: list[socket.socket]) -> bool:
    """Whether each has heard the word; hangs up."""
    heard = {caller.recv(64) for caller in callers}
    for caller in callers:
        caller.close()
    return heard == {b"welcome"}


async def test_a_long_queue_is_taken_in_a_few_turns(listening: socket.socket) -> None:
    """Hundreds that wait are counted, and may be told to come back, before the next is answered."""
    taking = Taking()
    server = await asyncio.get_running_loop().create_server(taking, sock=listening)
    callers = queue(listening, 500)
    for _ in range(TURNS):
        await asyncio.sleep(0)
    assert taking.taken == 500
    await end(server)
    assert greeted(callers)


async def test_a_short_queue_is_shared_between_workers(listening: socket.socket) -> None:
    """Of two on one socket neither takes all at once."""
    workers = [Taking(), Taking()]
    loop = asyncio.get_running_loop()
    with listening.dup() as same:
        servers = [
            await loop.create_server(workers[0], sock=listening),
            await loop.create_server(workers[1], sock=same),
        ]
        callers = queue(listening, 4)

        async def all_taken() -> bool:
            return sum(one.taken for one in workers) == 4

        await until(all_taken)
        assert all(one.taken for one in workers)
        await end(*servers)
    assert greeted(callers)


async def test_a_closed_listener_takes_nobody(listening: socket.socket) -> None:
    """Who comes then waits for another worker: the socket is not ours to close."""
    taking = Taking()
    loop = asyncio.get_running_loop()
    (await loop.create_server(taking, sock=listening)).close()
    callers = queue(listening, 3)
    for _ in range(TURNS):
        await asyncio.sleep(0)
    assert taking.taken == 0
    other = await loop.create_server(taking, sock=listening)
    await taking.until_taken(3)
    await end(other)
    assert greeted(callers)


async def test_who_has_come_before_it_closes_is_served(listening: socket.socket) -> None:
    """The kernel would reset them; and they are told, as uvicorn tells those that are open."""
    taking = Taking()
    server = await asyncio.get_running_loop().create_server(taking, sock=listening)
    callers = queue(listening, 100)
    await end(server)
    assert taking.taken == taking.told == 100
    assert greeted(callers)


class Poor(socket.socket):
    """Its process has no descriptor left, for a while."""

    failures = 3

    def accept(self) -> Any:
        if self.failures:
            self.failures -= 1
            raise OSError(errno.EMFILE, "Too many open files")
        return super().accept()


async def test_a_worker_without_descriptors_tries_again(
    listening: socket.socket, caplog: pytest.LogCaptureFixture
) -> None:
    """It says so, does not spin, and whoever waited is taken in the end."""
    taking = Taking()
    with Poor(fileno=listening.dup().detach()) as poor:
        server = Listener(asyncio.get_running_loop(), taking, poor, pause_s=0.01)
        callers = queue(listening, 2)
        await taking.until_taken(2)
        await end(server)
    assert greeted(callers)
    assert caplog.messages == ["no connection can be taken for a moment: Too many open files"] * 3
