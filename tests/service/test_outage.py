"""Redis stopped, frozen and restarted under traffic: every answer comes, is marked, and heals."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from tests.campaign import count
from tests.service.conftest import Configure
from tests.service.own_store import Store
from tests.service.running import Client, running, until

pytestmark = pytest.mark.anyio

TAGS = ("wok", "cats", "football")
HEALED_S = 5.0
AWAY_S = count(1, 15) * 0.6  # six outages at full count: 54 of 60 s


@dataclass(frozen=True)
class Answered:
    """One answer: from when to when, of whom, and what it said."""

    began: float
    ended: float
    taste: str | None
    status: int
    degraded: list[str]
    first: str

    @property
    def whole(self) -> bool:
        return self.status == 200 and self.degraded == [] and self.first == f"v-{self.taste}"


class Traffic:
    """Users who were served before, each with a taste of their own, and strangers; all at once."""

    def __init__(self, client: Client) -> None:
        self.answers: list[Answered] = []
        self._client = client

    async def prepare(self) -> None:
        items = [{"item_id": f"v-{tag}", "tags": [tag]} for tag in TAGS]
        await self._client.items(*items)
        for tag in TAGS:
            await self._client.events({"user_id": f"u-{tag}", "item_id": f"p-{tag}", "tags": [tag]})
            await until(partial(self._whole, tag))

    async def _whole(self, taste: str) -> bool:
        return (await self._ask(taste)).whole

    async def _ask(self, taste: str | None) -> Answered:
        began = time.monotonic()
        user_id = f"u-{taste}" if taste else f"stranger {began}"
        response = await self._client.post("/recommend", json={"user_id": user_id, "k": 3})
        said: Any = response.json()
        first = said["candidates"][0]["item_id"] if said.get("candidates") else ""
        degraded = said.get("degraded", [])
        return Answered(began, time.monotonic(), taste, response.status_code, degraded, first)

    async def _keep_asking(self, taste: str | None) -> None:
        while True:
            self.answers.append(await self._ask(taste))
            await asyncio.sleep(0.005)

    @asynccontextmanager
    async def flowing(self) -> AsyncIterator[None]:
        callers = [asyncio.create_task(self._keep_asking(taste)) for taste in (*TAGS, None)]
        try:
            yield
        finally:
            for caller in callers:
                caller.cancel()
            await asyncio.wait(callers)

    async def outage(self, begin: Callable[[], None], end: Callable[[], None]) -> None:
        """Take Redis away for a while, give it back, and wait until all is as before."""
        begin()
        gone = time.monotonic()
        await asyncio.sleep(AWAY_S)
        back = time.monotonic()
        end()
        self._check_outage(gone, back)
        await self._healed(time.monotonic())

    def _check_outage(self, gone: float, back: float) -> None:
        """What began and ended without Redis is marked, and personal where the user is known."""
        without = [one for one in self.answers if gone <= one.began and one.ended <= back]
        assert {one.taste for one in without} == {*TAGS, None}
        for one in without:
            assert "redis_unavailable" in one.degraded
            assert one.taste is None or one.first == f"v-{one.taste}"

    async def _healed(self, since: float) -> None:
        """Everybody's answer is whole again in time."""
        await until(lambda: self._all_whole(since), HEALED_S)

    async def _all_whole(self, since: float) -> bool:
        found = {one.taste for one in self.answers if one.began > since and one.whole}
        return found == {*TAGS}


@pytest.mark.timeout(180)
async def test_redis_may_go_and_come(configure: Configure, store: Store) -> None:
    """0 answers other than 200, every one of an outage marked, all whole again within 5 s."""
    async with running(configure(redis_url=store.url, redis_read_timeout_ms=80)) as service:
        traffic = Traffic(service)
        await traffic.prepare()
        async with traffic.flowing():
            for _ in range(count(1, 3)):
                await traffic.outage(
                    lambda: store.send(signal.SIGSTOP), lambda: store.send(signal.SIGCONT)
                )
                await traffic.outage(store.stop, store.start)
        assert {one.status for one in traffic.answers} == {200}
        assert len(traffic.answers) > 100
