"""What is turned away, what never is, and how long a queue is let grow."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import httpx
import pytest

from service.admission import FEW, Budget
from tests.service.conftest import Configure
from tests.service.running import Client, ok, refused, running, until

pytestmark = pytest.mark.anyio

ASK = b'{"user_id":"u1"}'
EVENT = b'{"events":[{"user_id":"u1","item_id":"i","type":"click","tags":["wok"]}]}'


@asynccontextmanager
async def flying(client: Client, path: str, body: bytes, calls: int) -> AsyncIterator[None]:
    """Some calls whose bodies are not complete before the block is left; then all are answered."""
    begun, enough = 0, asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        nonlocal begun
        yield body[:5]
        begun += 1
        await enough.wait()
        yield body[5:]

    async def all_begun() -> bool:
        return begun == calls

    tasks = [asyncio.create_task(client.post(path, content=slowly())) for _ in range(calls)]
    await until(all_begun)
    try:
        yield
    finally:
        enough.set()
        for answer in await asyncio.gather(*tasks):
            assert answer.status_code == 200, answer.text


def turned_away(response: httpx.Response) -> None:
    detail = "more is asked than can be answered in time: retry after Retry-After seconds"
    assert refused(response, 429)["detail"] == detail
    assert response.headers["retry-after"] == "1"


async def check_open(client: Client) -> None:
    for path in ("/livez", "/readyz", "/openapi.json"):
        assert (await client.get(path)).status_code == 200


async def test_a_flood_of_recommendations_leaves_ingestion_alone(configure: Configure) -> None:
    """One more than the limit is a 429 of every recommending route, and of no other."""
    async with running(configure(recommend_in_flight=2)) as client:
        async with flying(client, "/recommend", ASK, 2):
            for path in ("/recommend", "/recommend/batch", "/similar"):
                turned_away(await client.post(path, content=ASK))
            ok(await client.post("/events", content=EVENT))
            ok(await client.get("/users/u1/history"))
            await check_open(client)
        ok(await client.post("/recommend", content=ASK))


async def test_a_flood_of_ingestion_leaves_recommendations_alone(configure: Configure) -> None:
    async with running(configure(ingest_in_flight=3)) as client:
        async with flying(client, "/events", EVENT, 3):
            turned_away(await client.post("/items", content=b"{}"))
            turned_away(await client.post("/events", content=EVENT))
            turned_away(await client.get("/items/v1"))
            turned_away(await client.get("/users/u1/history"))
            ok(await client.post("/recommend", content=ASK))
            await check_open(client)
        ok(await client.post("/events", content=EVENT))


class Hours:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Hours:
    return Hours()


@pytest.fixture
def budget(clock: Hours) -> Budget:
    """A thousand in flight, or as many as take a quarter of a second."""
    return Budget("tests", 1000, 0.25, clock)


def admitted(budget: Budget) -> Iterator[float]:
    """As many as come in."""
    while budget.admits():
        yield budget.enter()


def answer(budget: Budget, clock: Hours, calls: int, pause_s: float, flying: int) -> None:
    """Answer one after the other, so many in flight, with a pause between two answers."""
    entered = [budget.enter() for _ in range(flying)]
    for _ in range(calls):
        clock.now += pause_s
        budget.leave(entered.pop(0))
        entered.append(budget.enter())
    for one in entered:
        budget.leave(one)


@pytest.mark.parametrize(("pause_s", "flying"), [(0.001, 250), (0.005, 50), (0.02, 12)])
async def test_a_queue_is_as_long_as_its_answers_take(
    budget: Budget, clock: Hours, pause_s: float, flying: int
) -> None:
    """A quarter of a second's worth, whatever one costs; within a tenth."""
    answer(budget, clock, 1000, pause_s, flying=4)
    entered = list(admitted(budget))
    assert flying <= len(entered) <= 1.1 * flying + 1
    assert budget.refused == 1
    for one in entered:
        clock.now += pause_s
        budget.leave(one)
    assert budget.in_flight == 0
    assert budget.admits()


@pytest.mark.parametrize("flying", [20, 100, 500])
async def test_a_queue_is_as_long_in_bursts(budget: Budget, clock: Hours, flying: int) -> None:
    """A loop begins all that has come, then ends all: the work lies before the first answer."""
    for _ in range(10):
        entered = [budget.enter() for _ in range(flying)]
        clock.now += 0.002 * flying
        for one in entered:
            budget.leave(one)
    assert 115 <= len(list(admitted(budget))) <= 140


async def test_answers_that_come_late_together_are_no_queue(budget: Budget, clock: Hours) -> None:
    """All waited for the same (Redis, a sequence), not for each other."""
    for _ in range(20):
        entered = [budget.enter() for _ in range(200)]
        clock.now += 0.05
        for one in entered:
            clock.now += 0.0001
            budget.leave(one)
    assert len(list(admitted(budget))) > 400


async def test_a_few_are_always_taken(budget: Budget, clock: Hours) -> None:
    """However long one takes: else nobody would learn that it takes less again."""
    answer(budget, clock, 100, 10.0, flying=1)
    assert len(list(admitted(budget))) == FEW
