"""The generator counts every answer once, from when it was due, and says which were none."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from itertools import cycle

import numpy as np
import pytest

from benchmarks.serve_load import (
    CONNECTIONS,
    Connection,
    Outcome,
    answers,
    arrive,
    at_random,
    evenly,
    length_of,
    request,
    saturate,
)

Answer = Callable[[int], Awaitable[bytes]]  # to the n-th request, from 0

ASKED = request("/recommend", b'{"user_id":"u1"}')
FINE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
BROKEN = b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n"


class Server:
    """Speaks HTTP as far as the generator does; remembers what it was sent."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self.received: list[bytes] = []
        self.callers: set[asyncio.Task[None]] = set()

    def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.callers.add(asyncio.create_task(self._serve(reader, writer)))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                body = await reader.readexactly(length_of(head[:-4]))
                self.received.append(head + body)
                writer.write(await self._answer(len(self.received) - 1))
        await hang_up(writer)


@asynccontextmanager
async def serving(answer: Answer) -> AsyncIterator[tuple[Server, int]]:
    server = Server(answer)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    async with listening:
        yield server, listening.sockets[0].getsockname()[1]
    await asyncio.gather(*server.callers)


async def hang_up(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()


class Nowhere(asyncio.Transport):
    """Takes everything."""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        pass


async def fine(_: int) -> bytes:
    return FINE


def test_percentiles_are_those_of_the_answers() -> None:
    """Exact, over all and over a part of the run; the rate leaves failures out."""
    outcome = Outcome()
    for n in range(101):
        outcome.note(due=n / 100, now=n / 100 + n / 1000, status=500 if n == 50 else 200)
    assert outcome.percentile(50) == pytest.approx(0.050)
    assert outcome.percentile(99) == pytest.approx(0.099)
    assert outcome.percentile(50, 0.5, 0.601) == pytest.approx(0.055)
    assert np.isnan(outcome.percentile(50, 2))
    assert outcome.failed == 1
    assert outcome.rate == pytest.approx(100 / 1.1)


def test_arrivals_have_the_rate_asked_for() -> None:
    """By the clock exactly, at random on average, the same for the same seed."""
    assert evenly(50, 2).tolist() == [n / 50 for n in range(100)]
    dues = at_random(1000, 20, 1)
    assert len(dues) == 20_000
    assert dues[-1] == pytest.approx(20, rel=0.03)
    assert np.diff(dues).std() == pytest.approx(1e-3, rel=0.05)
    assert np.array_equal(dues, at_random(1000, 20, 1))


@pytest.mark.anyio
async def test_every_request_is_answered_and_counted_once() -> None:
    """What the server got is what was sent, and as often as the outcome says."""
    async with serving(fine) as (server, port):
        outcome = await arrive(port, cycle([ASKED]), evenly(400, 0.5))
    assert server.received == [ASKED] * 200
    assert (len(outcome.took), outcome.failed, outcome.unanswered) == (200, 0, 0)
    assert outcome.seconds >= 199 / 400


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
        outcome = await arrive(port, cycle([ASKED]), evenly(200, 0.5))
    took = [pair[1] for pair in sorted(zip(outcome.due, outcome.took, strict=True))]
    assert len(took) == 100
    assert took[20] >= 0.39
    assert took[60] >= 0.39 - 40 / 200 - 0.01  # due 0.2 s into the freeze


@pytest.mark.anyio
async def test_what_is_no_200_is_counted_as_failed() -> None:
    """Every fourth answer is a 500."""

    async def answer(n: int) -> bytes:
        return FINE if n % 4 else BROKEN

    async with serving(answer) as (_, port):
        outcome = await arrive(port, cycle([ASKED]), evenly(200, 0.5))
    assert (len(outcome.took), outcome.failed) == (100, 25)


@pytest.mark.anyio
async def test_answers_in_pieces_are_read_whole() -> None:
    """Head and body arrive apart, and the second answer is not taken for the first."""

    async def answer(n: int) -> bytes:
        return b"HTTP/1.1 200 OK\r\nconTENT-length: 5\r\n\r\n[1,%d]" % n

    connection, found = Connection(), list[tuple[int, bytes]]()
    connection.connection_made(Nowhere())
    for n in range(2):
        connection.send(ASKED, lambda *one: found.append(one))
        for byte in await answer(n):
            connection.data_received(bytes([byte]))
    assert found == [(200, b"[1,0]"), (200, b"[1,1]")]
    async with serving(answer) as (_, port):
        assert await answers(port, [ASKED, ASKED]) == [b"[1,0]", b"[1,1]"]


@pytest.mark.anyio
async def test_a_closed_loop_keeps_every_connection_busy() -> None:
    """At 20 ms an answer 32 connections get at most 1,600 a second; each answer is counted."""

    async def answer(_: int) -> bytes:
        await asyncio.sleep(0.02)
        return FINE

    async with serving(answer) as (server, port):
        outcome = await saturate(port, [ASKED], 0.5)
    assert outcome.rate <= 1_600
    assert CONNECTIONS < len(outcome.took) == len(server.received)
    assert (outcome.failed, outcome.unanswered) == (0, 0)
    assert min(outcome.took) >= 0.019
