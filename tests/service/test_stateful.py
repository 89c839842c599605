"""Random programs against the service and against a dictionary: they must agree after each step.

The model knows the rules of API.md and nothing of Redis: versions, tombstones, expiry, domains.
Whatever happens in between (a log trimmed, a replica new or replaced), both replicas must
recommend exactly the items the model says are live.
"""

import asyncio
import random
from dataclasses import dataclass, field
from typing import Any

import pytest

from service import sweeper
from service.text import format_time
from tests.service.conftest import Configure
from tests.service.running import Client, ok, running

pytestmark = pytest.mark.anyio

PROGRAMS = 100
STEPS = 12
PATIENT = {"after_timeout_ms": 5000, "redis_timeout_ms": 5000}  # speed is no claim here
IDS = [f"i{n}" for n in range(6)]
PAST, FUTURE = "2020-01-01T00:00:00Z", "2099-01-01T00:00:00Z"


@dataclass
class Model:
    """item id → (version, content); content None is a tombstone."""

    items: dict[str, tuple[int, dict[str, Any] | None]] = field(default_factory=dict)

    def put(self, item: dict[str, Any]) -> str:
        content = {name: value for name, value in item.items() if name != "version"}
        version, stored = self.items.get(item["item_id"], (-1, None))
        if item["version"] < version:
            return "stale"
        if item["version"] == version:
            return "unchanged" if content == stored else "stale"
        self.items[item["item_id"]] = (item["version"], content)
        return "updated" if stored else "created"

    def delete(self, item_id: str, version: int) -> str:
        known, stored = self.items.get(item_id, (-1, None))
        if version < known:
            return "stale" if stored else "absent"
        self.items[item_id] = (version, None)
        return "deleted" if stored else "absent"

    def sweep(self) -> None:
        for item_id, (version, content) in self.items.items():
            if content and content["expires_at"] == PAST:
                self.items[item_id] = (version, None)

    def live(self) -> list[str]:
        """What must be recommended."""
        return sorted(
            item_id
            for item_id, (_, content) in self.items.items()
            if content
            and content["expires_at"] != PAST
            and content["published_at"] != FUTURE
            and content["domain"] != "shop"
        )


@dataclass
class Program:
    """One run: a seed decides every step."""

    seed: random.Random
    replicas: list[Client]
    redis: Any
    model: Model = field(default_factory=Model)
    sequence: str = ""

    async def step(self) -> None:
        kinds = ("post", "post", "post", "delete", "delete", "sweep", "trim")
        await getattr(self, f"_{self.seed.choice(kinds)}")()

    async def _post(self) -> None:
        items = [self._item(id_) for id_ in self.seed.sample(IDS, self.seed.randrange(1, 4))]
        answer = await self.seed.choice(self.replicas).items(*items)
        assert [r["status"] for r in answer["results"]] == [self.model.put(item) for item in items]
        self.sequence = answer["sequence"]

    def _item(self, item_id: str) -> dict[str, Any]:
        choice = self.seed.choice
        return {
            "item_id": item_id,
            "tags": choice([["wok"], ["wok", "cats"], ["zither"]]),
            "domain": choice(["live", "micro-video", "shop"]),
            "published_at": choice([None, PAST, FUTURE]),
            "expires_at": choice([None, None, PAST, FUTURE]),
            "version": self.seed.randrange(8),
        }

    async def _delete(self) -> None:
        item_id, version = self.seed.choice(IDS), self.seed.randrange(8)
        client = self.seed.choice(self.replicas)
        answer = ok(await client.delete(f"/items/{item_id}?version={version}"))
        assert answer["status"] == self.model.delete(item_id, version)
        self.sequence = answer["sequence"]

    async def _sweep(self) -> None:
        parts = self.replicas[0].app.state.parts
        await sweeper.sweep(parts.catalogue, parts.clock.now())
        self.sequence = str((await parts.catalogue.write([])).sequence)
        self.model.sweep()

    async def _trim(self) -> None:
        self.redis.xtrim("couple:{items}:log", maxlen=self.seed.randrange(3), approximate=False)

    async def check(self) -> None:
        """Every replica recommends what the model says is live, and nothing else."""
        for client in self.replicas:
            answer = await client.recommend(after=self.sequence or None, k=500)
            assert sorted(c["item_id"] for c in answer["candidates"]) == self.model.live()
            assert "stale_index" not in answer["degraded"]
        await self._check_facts(self.seed.choice(IDS))

    async def _check_facts(self, item_id: str) -> None:
        response = await self.seed.choice(self.replicas).get(f"/items/{item_id}")
        _, content = self.model.items.get(item_id, (0, None))
        if content is None or content["expires_at"] == PAST:
            assert response.status_code == 404
        else:
            answer = ok(response)
            assert {name: answer[name] for name in content} == content


async def test_random_programs_agree_with_a_dictionary(configure: Configure, redis: Any) -> None:
    """Two replicas that live through all programs, and a new one now and then."""
    async with running(configure(**PATIENT)) as one:
        for number in range(PROGRAMS):
            seed = random.Random(number)
            if number % 10 == 0:
                redis.flushall()
                program = Program(seed, [one], redis)
            program.seed = seed
            async with running(configure(**PATIENT)) as two:
                program.replicas = [one, two]
                for _ in range(STEPS):
                    await program.step()
                    await program.check()


async def test_many_writers_and_readers_at_once(configure: Configure) -> None:
    """No candidate that was never posted, none that was deleted before the question."""
    async with running(configure(**PATIENT)) as one, running(configure(**PATIENT)) as two:
        deleted: set[str] = set()
        stop = asyncio.Event()

        async def write(client: Client, name: str) -> None:
            for n in range(40):
                item_id = f"{name}{n}"
                soon = format_time(client.app.state.parts.clock.now() + 60)
                await client.items({"item_id": item_id, "tags": ["wok"], "expires_at": soon})
                if n % 2:
                    ok(await client.delete(f"/items/{item_id}"))
                    deleted.add(item_id)

        async def read(client: Client, name: str) -> None:
            while not stop.is_set():
                gone = {item_id for item_id in deleted if item_id.startswith(name)}
                found = await client.found(k=500)
                assert gone.isdisjoint(found)
                assert len(set(found)) == len(found)

        both = ((one, "a"), (two, "b"))
        readers = [asyncio.create_task(read(*pair)) for pair in both]
        await asyncio.gather(*(write(*pair) for pair in both))
        stop.set()
        await asyncio.gather(*readers)
        expected = sorted(f"{name}{n}" for name in "ab" for n in range(0, 40, 2))
        assert sorted(await one.found(k=500)) == sorted(await two.found(k=500)) == expected
