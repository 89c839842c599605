"""What is turned away, what never is, and how long a queue is let grow."""

import asyncio
import signal
from collections import deque
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest

from service.admission import FEW, Admission, Budget, budgets
from service.problem import RETRY_AFTER
from tests.service.conftest import Configure
from tests.service.own_store import Store
from tests.service.running import Client, ok, refused, running, until

pytestmark = pytest.mark.anyio

ASK = b'{"user_id":"u1"}'
EVENT = b'{"events":[{"user_id":"u1","item_id":"i","type":"click","tags":["wok"]}]}'


def budget_of(client: Client, kind: str) -> Budget:
    """The worker's own."""
    doors: Any = client.app.user_middleware
    (budget,) = [door.kwargs["budgets"][kind] for door in doors if door.cls is Admission]
    assert isinstance(budget, Budget)
    return budget


async def until_in_flight(client: Client, kind: str, calls: int) -> None:
    async def flying() -> bool:
        return budget_of(client, kind).in_flight == calls

    await until(flying)


def turned_away(response: httpx.Response) -> None:
    detail = "more is asked than can be answered in time: retry after Retry-After seconds"
    assert refused(response, 429)["detail"] == detail
    assert response.headers["retry-after"] == "1"


async def check_open(client: Client) -> None:
    for path in ("/livez", "/readyz", "/openapi.json"):
        assert (await client.get(path)).status_code == 200


async def test_a_flood_of_recommendations_leaves_ingestion_alone(configure: Configure) -> None:
    """One more than the limit is a 429 of every recommending route, and of no other."""
    async with running(configure(recommend_in_flight=2, after_timeout_ms=20_000)) as client:
        after = next_of((await client.items({"tags": ["wok"]}))["sequence"])
        waiting = [asyncio.create_task(client.recommend(after=after)) for _ in range(2)]
        await until_in_flight(client, "recommend", 2)
        for path in ("/recommend", "/recommend/batch", "/similar"):
            turned_away(await client.post(path, content=ASK))
        ok(await client.post("/events", content=EVENT))
        ok(await client.get("/users/u1/history"))
        await check_open(client)
        await client.items({"tags": ["cats"]})  # what they wait for
        await asyncio.gather(*waiting)
        ok(await client.post("/recommend", content=ASK))


def next_of(sequence: str) -> str:
    """What the next write of an item reaches."""
    place, _, number = sequence.rpartition("-")
    return f"{place}-{int(number) + 1}"


async def test_a_flood_of_ingestion_leaves_recommendations_alone(
    configure: Configure, store: Store
) -> None:
    """Whoever writes waits for a Redis that is frozen; whoever reads is answered from memory."""
    given = {"ingest_in_flight": 3, "redis_read_timeout_ms": 50, "redis_timeout_ms": 20_000}
    async with running(configure(redis_url=store.url, **given)) as client:
        store.send(signal.SIGSTOP)
        waiting = [asyncio.create_task(client.post("/events", content=EVENT)) for _ in range(3)]
        await until_in_flight(client, "events", 3)
        turned_away(await client.post("/items", content=b"{}"))
        turned_away(await client.post("/events", content=EVENT))
        turned_away(await client.get("/items/v1"))
        turned_away(await client.get("/users/u1/history"))
        ok(await client.post("/recommend", content=ASK))
        await check_open(client)
        store.send(signal.SIGCONT)
        for answer in await asyncio.gather(*waiting):
            ok(answer)
        ok(await client.post("/events", content=EVENT))


class Slow:
    """Callers who have sent a part of their bodies, and the rest when they are told to."""

    def __init__(self, client: Client, path: str, body: bytes, part: int = 5) -> None:
        self._client = client
        self._path = path
        self._parts = body[:part], body[part:]
        self._begun = 0
        self._enough = asyncio.Event()
        self._calls: list[asyncio.Task[httpx.Response]] = []

    async def begin(self, calls: int) -> None:
        """So many more, until their first parts are here."""
        self._calls += [asyncio.create_task(self._call()) for _ in range(calls)]

        async def here() -> bool:
            return self._begun == len(self._calls)

        await until(here)

    async def end(self) -> list[httpx.Response]:
        """All send the rest; their answers."""
        self._enough.set()
        return await asyncio.gather(*self._calls)

    async def _call(self) -> httpx.Response:
        return await self._client.post(self._path, content=self._body())

    async def _body(self) -> AsyncIterator[bytes]:
        yield self._parts[0]
        self._begun += 1
        await self._enough.wait()
        yield self._parts[1]


@pytest.mark.parametrize(("path", "body"), [("/recommend", ASK), ("/events", EVENT)])
async def test_who_still_sends_takes_no_place(configure: Configure, path: str, body: bytes) -> None:
    """Ten slow senders where two may be in flight: others are served meanwhile, then they."""
    async with running(configure(recommend_in_flight=2, ingest_in_flight=2)) as client:
        slow = Slow(client, path, body)
        await slow.begin(10)
        assert budget_of(client, path[1:]).in_flight == 0
        ok(await client.post(path, content=body))
        found = {answer.status_code for answer in await slow.end()}
        assert 200 in found
        assert found <= {200, 429}  # they end together, and there is room for two


async def test_who_has_sent_all_may_find_no_place(configure: Configure) -> None:
    """It is judged again when it is whole: others may have come meanwhile."""
    async with running(configure(recommend_in_flight=1, after_timeout_ms=20_000)) as client:
        after = next_of((await client.items({"tags": ["wok"]}))["sequence"])
        slow = Slow(client, "/recommend", ASK)
        await slow.begin(1)
        waiting = asyncio.create_task(client.recommend(after=after))
        await until_in_flight(client, "recommend", 1)
        turned_away(*await slow.end())
        await client.items({"tags": ["cats"]})
        await waiting
        await until_in_flight(client, "recommend", 0)


async def test_slow_senders_do_not_fill_the_memory(configure: Configure) -> None:
    """Beyond the limit the next large body is a 429; small ones pass, and it is given back."""
    limit = 3 * 2**20
    given = {"body_limit_bytes": 2**20, "bodies_limit_bytes": limit}
    async with running(configure(**given)) as client:
        large = EVENT.ljust(2**20)
        slow = Slow(client, "/events", large, part=len(large) - 1)
        await slow.begin(3)
        turned_away(await client.post("/events", content=large))
        ok(await client.post("/events", content=EVENT))
        for answer in await slow.end():
            ok(answer)
        assert budget_of(client, "events").bytes == 0
        ok(await client.post("/events", content=large))


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
    return Budget("tests", 1000, 0.25, now=clock)


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
    for _ in range(40):
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


@pytest.mark.parametrize("cost_s", [0.0002, 0.008, 0.03])
async def test_32_callers_without_a_pause_are_all_taken(
    configure: Configure, clock: Hours, cost_s: float
) -> None:
    """By default, from the first request on, and be that one slow because nothing is warm yet."""
    budget = budgets(configure(), clock)["recommend"]
    flying: deque[float] = deque()
    for n in range(1000):
        while len(flying) < 32:
            assert budget.admits()
            flying.append(budget.enter())
        clock.now += 0.5 if n == 0 else cost_s
        budget.leave(flying.popleft())


async def test_a_refused_caller_would_have_waited_longer_than_it_is_sent_away_for(
    configure: Configure, clock: Hours
) -> None:
    """By default; else to refuse it would gain nobody anything."""
    budget = budgets(configure(), clock)["recommend"]
    answer(budget, clock, 1000, 0.01, flying=4)
    entered = list(admitted(budget))
    for one in entered:
        clock.now += 0.01
        budget.leave(one)
    assert len(entered) * 0.01 >= float(RETRY_AFTER["Retry-After"])
