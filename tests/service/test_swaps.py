"""Models are swapped under load: every answer is of one model, the one it names.

The two bundles are rotations of each other, so a user vector of one against an index of the other
gives scores that neither would give.
"""

import asyncio
import random
import resource
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bundle import Bundle, open_bundle, pad_histories, pad_item_ids, pad_items
from service.terms import Terms
from service.towers import OnnxTowers
from tests.campaign import count
from tests.golden.tastes import TASTES
from tests.service.conftest import Configure
from tests.service.modelling import load, until_state
from tests.service.rotating import rotated
from tests.service.running import Client, ok, running, until

pytestmark = pytest.mark.anyio

SWAPS = count(3, 50)
ANSWERS = 40  # that pass between two swaps
TURNS = count(1, 100)
WARM = 20  # turns until memory may be compared
K = 20
CLOSE = 2e-6  # two ways of adding the same half floats


@dataclass(frozen=True)
class Reference:
    """What a bundle gives, computed without the service: scores of all items by user."""

    version: str
    scores: dict[str, dict[str, float]]

    @classmethod
    def of(cls, bundle: Bundle, items: Sequence[Any], histories: dict[str, Any]) -> "Reference":
        towers, limits = OnnxTowers(bundle), bundle.manifest
        tags = [bundle.vocabulary.ids(item["tags"]) for item in items]
        vectors = towers.item(pad_items(tags, limits.max_tags)).astype(np.float16)
        scores = {}
        for user, history in histories.items():
            lines = [bundle.vocabulary.ids(one["tags"]) for one in history]
            ids = bundle.item_ids.ids([one["item_id"] for one in history])
            given = pad_histories([lines], limits.max_items, limits.max_tags)
            vector = towers.user(given, pad_item_ids([ids], limits.max_history))[0, 0]
            row = vectors.astype(np.float32) @ vector
            names = [item["item_id"] for item in items]
            scores[user] = dict(zip(names, row.tolist(), strict=True))
        return cls(limits.version, scores)

    def error(self, user: str, candidates: Sequence[Any]) -> float:
        """How far an answer is from what it should be: its scores, and what it left out."""
        scores = self.scores[user]
        best = sorted(scores.values(), reverse=True)[: len(candidates)]
        told = [one["score"] for one in candidates]
        wrong = [abs(one["score"] - scores[one["item_id"]]) for one in candidates]
        return float(max(*wrong, *(abs(a - b) for a, b in zip(told, best, strict=True))))


def items() -> list[dict[str, Any]]:
    draw = random.Random(5)
    videos = [names.split(",") for _, names in TASTES.values()]
    return [
        {"item_id": f"new{n}", "domain": "video", "tags": draw.sample(draw.choice(videos), 3)}
        for n in range(200)
    ]


def histories() -> dict[str, list[dict[str, Any]]]:
    draw = random.Random(6)
    return {
        f"u{n}": [
            {"item_id": f"product-{taste}-{draw.randrange(40):02}", "tags": draw.sample(tags, 3)}
            for taste, tags in draw.sample(sorted(PRODUCTS.items()), 2)
            for _ in range(3)
        ]
        for n in range(8)
    }


PRODUCTS = {taste: products.split(",") for taste, (products, _) in TASTES.items()}


@dataclass
class Traffic:
    """Readers that judge every answer, and a writer, until they are stopped."""

    references: dict[str, Reference]
    users: list[str]
    answers: dict[str, int] = field(default_factory=dict)
    stopped: bool = False

    async def read(self, client: Client, seed: int) -> None:
        draw = random.Random(seed)
        while not self.stopped:
            user = draw.choice(self.users)
            self.judge(user, await client.recommend(user, k=K))
            asked = [{"user_id": one, "k": K} for one in draw.sample(self.users, 3)]
            batch = ok(await client.post("/recommend/batch", json={"requests": asked}))
            for one in batch["results"]:
                self.judge(one["user_id"], one)

    async def write(self, client: Client) -> None:
        while not self.stopped:
            await client.items(*random.Random(0).sample(items(), 20))

    def judge(self, user: str, answer: Any) -> None:
        version = answer["model"]["version"]
        assert answer["degraded"] == []
        assert len(answer["candidates"]) == K
        assert self.references[version].error(user, answer["candidates"]) < CLOSE
        self.answers[version] = self.answers.get(version, 0) + 1

    async def passes(self, version: str) -> None:
        """Wait until so many more answers of a version have come."""
        wanted = self.answers.get(version, 0) + ANSWERS

        async def holds() -> bool:
            return self.answers.get(version, 0) >= wanted

        await until(holds, 60)


@pytest.fixture
def bundles(tmp_path: Path) -> dict[str, Bundle]:
    """Two rotations of one bundle, side by side."""
    folders = [rotated(tmp_path / "bundles" / name, seed) for seed, name in enumerate("ab")]
    return {folder.name: open_bundle(folder) for folder in folders}


@pytest.fixture
async def workers(
    configure: Configure, bundles: dict[str, Bundle]
) -> AsyncIterator[tuple[Client, Client]]:
    """Two workers of one host that hold the catalogue, the histories and both models."""
    patient = {"apply_timeout_ms": 10_000, "redis_timeout_ms": 5000}  # a busy machine is no outage
    settings = configure(bundle=bundles["a"].path, **patient)
    async with running(settings) as one, running(settings) as two:
        await one.items(*items())
        for user, history in histories().items():
            await one.events(*({**event, "user_id": user} for event in history))
        await load(one, "b", also=[two])
        yield one, two


async def test_no_answer_mixes_two_models(
    workers: tuple[Client, Client], bundles: dict[str, Bundle]
) -> None:
    """Swapped back and forth on two workers under load: 0 mixed answers, 0 errors."""
    references = {
        bundle.manifest.version: Reference.of(bundle, items(), histories())
        for bundle in bundles.values()
    }
    await check_that_mixing_shows(workers[0], references)
    traffic = Traffic(references, list(histories()))
    versions = list(references)
    async with asyncio.TaskGroup() as load:
        for number, client in enumerate(workers):
            load.create_task(traffic.read(client, number))
        load.create_task(traffic.write(workers[0]))
        for swap in range(1, SWAPS + 1):
            client, version = workers[swap % 2], versions[swap % 2]
            ok(await client.post(f"/models/{version}/activate"))
            assert (await client.recommend("u0"))["model"]["version"] == version
            for other in workers:
                await until_state(other, version, "active")
            await traffic.passes(version)
        traffic.stopped = True
    assert min(traffic.answers.values()) >= ANSWERS


async def test_swapping_takes_no_memory(
    workers: tuple[Client, Client], bundles: dict[str, Bundle]
) -> None:
    """A model is brought up, activated, and the one before it let go, again and again."""
    versions = {name: bundle.manifest.version for name, bundle in bundles.items()}
    ok(await workers[0].delete(f"/models/{versions['b']}"))
    megabytes = []
    for turn in range(TURNS):
        new, old = ("a", "b") if turn % 2 else ("b", "a")
        for client in workers:
            await until_state(client, versions[new], None)
        await load(workers[0], new, also=workers[1:])
        ok(await workers[0].post(f"/models/{versions[new]}/activate"))
        ok(await workers[0].delete(f"/models/{versions[old]}"))
        for client in workers:
            await until_state(client, versions[new], "active")
            assert len((await client.recommend("u0", k=K))["candidates"]) == K
        megabytes.append(resident())
    if len(megabytes) > 2 * WARM:
        slope, _ = np.polyfit(range(TURNS - WARM), megabytes[WARM:], 1)
        assert slope < 0.5 * len(workers), megabytes


def resident() -> float:
    """Megabytes that this process holds, both workers and their callers in it."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


async def check_that_mixing_shows(client: Client, references: dict[str, Reference]) -> None:
    """The measure is worth something: it tells the two bundles apart, and a mix from both."""
    for user in histories():
        answer = await client.recommend(user, k=K)
        for version, reference in references.items():
            error = reference.error(user, answer["candidates"])
            assert (error < CLOSE) == (version == answer["model"]["version"])
    generations = client.app.state.parts.generations
    a, b = (generations.live[n] for n in range(2))
    user, terms = a.model.embed_users([a.model.known([])]), Terms(0.0, (), {}, ())
    assert not np.allclose(
        [score for _, score in a.search(user, K, terms)],
        [score for _, score in b.search(user, K, terms)],
        atol=0.01,
    )
