"""Slow, silent, endless and too many callers; and what a worker that stops says to the others."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from service.connection import HEAD_BYTES, SPARE, Limits
from service.listener import Loop
from service.settings import Settings
from tests.service.conftest import Configure
from tests.service.listening import Line, Listening, listening, request
from tests.service.running import until

pytestmark = pytest.mark.anyio

QUICK = Limits(head_s=0.3, body_s=0.3, connections=500)
ASK = b'{"user_id":"u1"}'


@pytest.fixture(scope="module")
def anyio_backend() -> tuple[str, dict[str, type[Loop]]]:
    """The loop that workers run on."""
    return "asyncio", {"loop_factory": Loop}


@pytest.fixture
def settings(configure: Configure) -> Settings:
    return configure(body_timeout_ms=round(QUICK.body_s * 1000))


@pytest.fixture
async def worker(settings: Settings) -> AsyncIterator[Listening]:
    async with listening(settings, QUICK) as made:
        yield made


async def trickle(line: Line, said: bytes, pause_s: float = 0.02) -> None:
    """A byte now and then, until cancelled."""
    while True:
        line.say(said)
        await asyncio.sleep(pause_s)


async def heard_while_trickling(line: Line, said: bytes) -> bytes:
    trickling = asyncio.create_task(trickle(line, said))
    try:
        return await line.ended()
    finally:
        trickling.cancel()


async def test_slow_heads_are_hung_up_on_and_keep_nobody_waiting(worker: Listening) -> None:
    """300 callers that send a byte now and then: all are gone, and others are served meanwhile."""
    slow = [await worker.connect(b"GET /livez HTTP/1.1\r\n") for _ in range(300)]
    waiting = [asyncio.create_task(heard_while_trickling(line, b"x")) for line in slow]
    good = await worker.connect()
    while not all(task.done() for task in waiting):
        good.say(request("/recommend", ASK))
        assert (await good.hear())[0] == 200
        await asyncio.sleep(0.02)
    for said in [await task for task in waiting]:
        assert said.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
        assert b"the head did not arrive within 0.3 s" in said


async def test_a_silent_caller_is_hung_up_on_without_a_word(worker: Listening) -> None:
    assert await (await worker.connect()).ended() == b""


async def test_line_ends_between_requests_keep_no_connection(worker: Listening) -> None:
    """They begin no request, but what begins one is due all the same."""
    line = await worker.connect(request())
    assert (await line.hear())[0] == 200
    assert b"408 Request Timeout" in await heard_while_trickling(line, b"\r\n")


async def test_a_body_that_trickles_is_answered_and_cut(worker: Listening) -> None:
    """Where it is read the answer is a 408; where it is not, the connection ends all the same."""
    line = await worker.connect(request("/recommend", b"{", announced=100))
    assert b"the body did not arrive within 0.3 s" in await heard_while_trickling(line, b" ")
    line = await worker.connect(request("/livez", announced=100))
    assert (await line.hear())[0] == 200
    assert await heard_while_trickling(line, b" ") == b""


async def test_a_head_without_end_is_refused(worker: Listening) -> None:
    """It would fill the memory long before its deadline."""
    line = await worker.connect(b"GET /livez HTTP/1.1\r\nx: " + b"x" * HEAD_BYTES)
    status, headers, problem = await line.hear()
    assert (status, headers["connection"]) == (431, "close")
    assert problem["detail"] == "a request's head may have 65536 bytes: send fewer"
    assert await line.ended() == b""


async def test_what_is_no_http_is_a_problem_like_any_other(worker: Listening) -> None:
    """With the request id that every answer has."""
    status, headers, problem = await (await worker.connect(b"hello\r\n\r\n")).hear()
    assert (status, headers["content-type"]) == (400, "application/problem+json")
    assert set(problem) == {"type", "title", "status", "detail", "request_id", "errors"}
    assert problem["request_id"] == headers["x-request-id"]


async def test_what_is_refused_before_any_route_is_counted(settings: Settings) -> None:
    """A head without end, no HTTP, a connection too many: each with its status."""
    async with listening(settings, Limits(10, 10, connections=1)) as worker:
        endless = b"GET /livez HTTP/1.1\r\nx: " + b"x" * HEAD_BYTES
        said = (request(), endless, b"hello\r\n\r\n", request("/recommend", ASK))
        heard = [await (await worker.connect(one)).hear() for one in said]
        assert [status for status, _, _ in heard] == [200, 431, 400, 503]
        for status in (431, 400, 503):
            assert worker.metrics.requests["other", "-", status] == 1


async def test_beyond_the_limit_only_health_is_told(settings: Settings) -> None:
    """A 503 that says when to come back; beyond the spare ones even before a word is said."""
    async with listening(settings, Limits(10, 10, connections=2)) as worker:
        kept = [await worker.connect(request()) for _ in range(2)]
        assert [(await line.hear())[0] for line in kept] == [200, 200]
        more = await worker.connect(request("/readyz"))
        assert (await more.hear())[0] == 200
        more.say(request("/recommend", ASK))
        status, headers, problem = await more.hear()
        assert (status, headers["retry-after"], headers["connection"]) == (503, "1", "close")
        assert problem["request_id"] == headers["x-request-id"]
        spare = [await worker.connect(request()) for _ in range(SPARE)]
        assert [(await line.hear())[0] for line in spare] == [200] * SPARE
        assert (await (await worker.connect()).hear())[0] == 503
        for line in [*kept, *spare]:
            await line.close()

        async def welcome() -> bool:
            line = await worker.connect(request("/recommend", ASK))
            return (await line.hear())[0] == 200

        await until(welcome)


async def test_a_flood_of_new_connections_is_answered(settings: Settings) -> None:
    """Whoever waits in the kernel's queue is counted like all others: served, or told to retry."""
    async with listening(settings, Limits(10, 10, connections=20)) as worker:
        flood = [worker.queue(request("/recommend", ASK)) for _ in range(400)]
        heard = [await (await worker.opened(one)).hear() for one in flood]
        assert {status for status, _, _ in heard} == {200, 503}
        assert {headers.get("retry-after") for status, headers, _ in heard if status == 503} == {
            "1"
        }


async def test_a_worker_that_stops_answers_once_more(settings: Settings) -> None:
    """Each connection that is kept is told to close by an answer; one in flight gets its own."""
    async with listening(settings, Limits(10, 10, 500)) as worker:
        idle, flying = await worker.connect(request()), await worker.connect(request())
        silent, fresh = await worker.connect(request()), await worker.connect()
        for line in (idle, flying, silent):
            assert (await line.hear())[1].get("connection") != "close"
        flying.say(request("/recommend", ASK[:5], announced=len(ASK)))
        await asyncio.sleep(0.05)
        worker.server.should_exit = True
        await until_refused(worker)
        flying.say(ASK[5:])
        for line in (idle, fresh):
            line.say(request("/recommend", ASK))
        for line in (flying, idle, fresh):
            status, headers, _ = await line.hear()
            assert (status, headers["connection"]) == (200, "close")
        assert await silent.ended() == b""


async def until_refused(worker: Listening) -> None:
    async def refused() -> bool:
        try:
            await worker.connect()
        except ConnectionRefusedError:
            return True
        return False

    await until(refused)
