"""The open loop counts every request once, from when it was due, whatever the server does."""

import asyncio
import socket
from collections.abc import Iterator
from itertools import repeat

import pytest

from loadtest.address import Address
from loadtest.arrivals import Times, evenly
from loadtest.connection import HUNG_UP, Connection
from loadtest.open_loop import OpenLoop, Shot
from tests.loadtest.answering import BROKEN, FINE, fine, serving

SERVER = Address("127.0.0.1", 80)
ASKED = SERVER.request("POST", "/recommend", b'{"user_id":"u1"}')


class Noted:
    """What a loop said of its requests."""

    def __init__(self) -> None:
        self.due: list[float] = []
        self.took: list[float] = []
        self.statuses: list[int] = []

    def note(self, due: float, now: float, status: int, _: bytes) -> None:
        self.due.append(due)
        self.took.append(now - due)
        self.statuses.append(status)

    @property
    def shots(self) -> Iterator[Shot]:
        return repeat(Shot(ASKED, self.note))


async def driven(port: int, dues: Times, patience: float = 30.0) -> tuple[Noted, int]:
    """What was noted, and how many were never answered."""
    noted = Noted()
    connect = Address("127.0.0.1", port).connect
    left = await OpenLoop(connect, noted.shots, dues, patience=patience).run()
    return noted, len(left)


@pytest.mark.anyio
async def test_every_request_is_sent_and_noted_once() -> None:
    """The server receives what was to be sent, in the form it was given."""
    async with serving(fine) as (server, port):
        noted, left = await driven(port, evenly(400, 0.5))
    assert server.received == [ASKED] * 200
    assert (noted.statuses, left) == ([200] * 200, 0)
    assert sorted(noted.due) == evenly(400, 0.5).tolist()


@pytest.mark.anyio
async def test_a_stall_counts_from_when_requests_were_due() -> None:
    """One freeze of 0.4 s makes later requests late, though the server is quick with each."""
    thawed = asyncio.Event()

    async def answer(n: int) -> bytes:
        if n == 20:
            asyncio.get_running_loop().call_later(0.4, thawed.set)
        if n >= 20:
            await thawed.wait()
        return FINE

    async with serving(answer) as (_, port):
        noted, _ = await driven(port, evenly(200, 0.5))
    took = [pair[1] for pair in sorted(zip(noted.due, noted.took, strict=True))]
    assert len(took) == 100
    assert took[20] >= 0.39
    assert took[60] >= 0.39 - 40 / 200 - 0.01  # due 0.2 s into the freeze


@pytest.mark.anyio
async def test_a_server_that_never_answers_leaves_everything_unanswered() -> None:
    """Also what was due after no connection was free."""
    never = asyncio.Event()

    async def answer(_: int) -> bytes:
        await never.wait()
        return FINE

    async with serving(answer) as (_, port):
        noted, left = await driven(port, evenly(400, 0.25), patience=0.2)
        never.set()
    assert (noted.statuses, left) == ([], 100)


@pytest.mark.anyio
async def test_no_server_at_all_is_noted_for_each_request() -> None:
    """Nothing waits for a connection that cannot be made."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    noted, left = await driven(port, evenly(100, 0.2))
    assert (noted.statuses, left) == ([HUNG_UP] * 20, 0)


@pytest.mark.anyio
@pytest.mark.parametrize("said", [BROKEN.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n")])
async def test_a_server_that_closes_connections_is_connected_to_anew(said: bytes) -> None:
    """The answer before the end counts, and the next request goes another way."""

    async def answer(_: int) -> bytes:
        return said

    async with serving(answer) as (_, port):
        noted, left = await driven(port, evenly(200, 0.5))
    assert (noted.statuses, left) == ([500] * 100, 0)


@pytest.mark.anyio
async def test_what_is_no_http_is_a_hang_up() -> None:
    """It neither ends the loop nor is waited for."""

    async def answer(_: int) -> bytes:
        return b"hello\r\n\r\n"

    async with serving(answer) as (_, port):
        noted, left = await driven(port, evenly(100, 0.2))
    assert (noted.statuses, left) == ([HUNG_UP] * 20, 0)


class Nowhere(asyncio.Transport):
    """Takes everything."""

    def is_closing(self) -> bool:
        return False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        pass


@pytest.mark.anyio
@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 200 OK\r\nconTENT-length: 5\r\n\r\n[1,%d]",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[1\r\n3\r\n,%d]\r\n0\r\n\r\n",
    ],
    ids=["of a length", "in chunks"],
)
async def test_answers_in_pieces_are_read_whole(said: bytes) -> None:
    """Byte by byte, and the second answer is not taken for the first."""
    connection, found = Connection(), list[tuple[int, bytes]]()
    connection.connection_made(Nowhere())
    for n in range(2):
        connection.send(ASKED, lambda *one: found.append(one))
        for byte in said % n:
            connection.data_received(bytes([byte]))
    assert found == [(200, b"[1,0]"), (200, b"[1,1]")]


def test_a_request_names_its_host_and_key() -> None:
    """A path before ours stays before it; an IPv6 address is bracketed."""
    plain = Address.of("http://127.0.0.1:8000/couple/", "secret ")
    head = plain.request("GET", "/readyz").decode()
    assert head.startswith("GET /couple/readyz HTTP/1.1\r\nHost: 127.0.0.1:8000\r\n")
    assert "Authorization: Bearer secret\r\n" in head
    assert "secret" not in repr(plain)
    assert Address.of("https://[::1]").url == "https://[::1]:443"
