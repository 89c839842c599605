"""Users come to a service, are shown what it recommends, and click as their tastes say.

A visit is one /recommend, and one /events that tells an impression of every candidate and the
clicks. Who comes when, and what is clicked of an answer, depends on the seed alone; what the
service answers may depend on the order in which answers and clicks cross.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from couple.simulation.world import World, click_chances
from loadtest.address import Address, Caller

SHOWN = 10  # candidates of a visit
AT_ONCE = 8  # users who are there at a time
BATCH = 100  # items or events of a call


@dataclass(frozen=True)
class Plan:
    """How often everybody comes, and what is planted."""

    experiment: str
    visits: int = 5
    lift: float = 0.0  # relative, of every chance of a click in the arm that is favoured
    favoured: str = "treatment"
    seed: int = 0


async def fill(address: Address, world: World) -> int:
    """Post the items and the pasts; how many items the active model can retrieve.

    Raises:
        ServiceRefused: the service does not take them.
    """
    known = 0
    async with address.caller() as caller:
        for items in _batches(world.items):
            answer = await caller.json("POST", "/items", {"items": items})
            known += sum(result["retrievable"] for result in answer["results"])
        for events in _batches(event for past in world.pasts for event in past):
            await caller.json("POST", "/events", {"events": events})
    return known


async def visit(address: Address, world: World, plan: Plan, went: Callable[[], None]) -> None:
    """All visits of all users; `went` is called after each.

    Raises:
        ServiceRefused: the service does not answer.
    """
    coming = _coming(len(world.users), plan)

    async def some() -> None:
        async with address.caller() as caller:
            for user, time in coming:  # shared: whoever is free takes the next
                await Visit(world, plan, user, time).happen(caller)
                went()

    await asyncio.gather(*(some() for _ in range(AT_ONCE)))


def _coming(users: int, plan: Plan) -> Iterator[tuple[int, int]]:
    """(user, how often before): everybody once, in any order, then everybody again."""
    rng = np.random.default_rng([plan.seed, 3])
    for time in range(plan.visits):
        for user in rng.permutation(users).tolist():
            yield user, time


@dataclass(frozen=True)
class Visit:
    """One user's, who was here `time` times before."""

    world: World
    plan: Plan
    user: int
    time: int

    async def happen(self, caller: Caller) -> None:
        """Be recommended something, and tell what became of it."""
        asked = {"user_id": self.world.users[self.user], "k": SHOWN}
        answer = await caller.json("POST", "/recommend", asked)
        if events := list(self.events(answer)):
            await caller.json("POST", "/events", {"events": events})

    def events(self, answer: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """Impressions, and the clicks among them."""
        shown = [one["item_id"] for one in answer["candidates"]]
        clicked = self._clicked(shown, self._lift(answer))
        for item_id, hit in zip(shown, clicked, strict=True):
            for type_ in ("impression", "click") if hit else ("impression",):
                yield {
                    "event_id": f"{answer['request_id']}-{item_id}-{type_}"[-128:],
                    "user_id": answer["user_id"],
                    "item_id": item_id,
                    "type": type_,
                    "request_id": answer["request_id"],
                }

    def _clicked(self, shown: Iterable[str], lift: float) -> list[bool]:
        chances = click_chances(self.world.liking(self.user, shown), lift)
        luck = np.random.default_rng([self.plan.seed, 4, self.user, self.time])
        hits: list[bool] = (luck.random(len(chances)) < chances).tolist()
        return hits

    def _lift(self, answer: Mapping[str, Any]) -> float:
        arms = {one["name"]: one["arm"] for one in answer["experiments"]}
        return self.plan.lift if arms.get(self.plan.experiment) == self.plan.favoured else 0.0


def _batches(rows: Iterable[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    left = iter(rows)
    while batch := list(islice(left, BATCH)):
        yield batch
