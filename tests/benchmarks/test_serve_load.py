"""The generator counts every answer once, from when it was due, and says which were none."""

import asyncio
from itertools import cycle

import numpy as np
import pytest

from benchmarks.serve_load import CONNECTIONS, Outcome, answers, arrive, request, saturate
from loadtest.arrivals import evenly
from tests.loadtest.answering import BROKEN, FINE, fine, serving

ASKED = request("/recommend", b'{"user_id":"u1"}')


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


@pytest.mark.anyio
async def test_every_request_is_answered_and_counted_once() -> None:
    """What the server got is what was sent, and as often as the outcome says."""
    async with serving(fine) as (server, port):
        outcome = await arrive(port, cycle([ASKED]), evenly(400, 0.5))
    assert server.received == [ASKED] * 200
    assert (len(outcome.took), outcome.failed, outcome.unanswered) == (200, 0, 0)
    assert outcome.seconds >= 199 / 400


@pytest.mark.anyio
async def test_what_is_no_200_is_counted_as_failed() -> None:
    """Every fourth answer is a 500."""

    async def answer(n: int) -> bytes:
        return FINE if n % 4 else BROKEN

    async with serving(answer) as (_, port):
        outcome = await arrive(port, cycle([ASKED]), evenly(200, 0.5))
    assert (len(outcome.took), outcome.failed) == (100, 25)


@pytest.mark.anyio
async def test_the_body_of_each_answer_in_order() -> None:
    """One request at a time."""

    async def answer(n: int) -> bytes:
        return b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n%d" % n

    async with serving(answer) as (_, port):
        assert await answers(port, [ASKED, ASKED]) == [b"0", b"1"]


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
