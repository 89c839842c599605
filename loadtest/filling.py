"""Fill a service with made-up items and histories, and take the users away again."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from loadtest.address import Address, Caller
from loadtest.errors import ServiceRefused
from loadtest.traffic import Traffic, user_id

BATCH = 100  # items or events a call: what a busy disk takes within the time a store has


async def fill(address: Address, traffic: Traffic) -> tuple[int, int]:
    """Post items and histories; how many items there are, and how many can be retrieved.

    Raises:
        ServiceRefused: it does not take them, or knows none of their tags.
    """
    posted = known = 0
    async with address.caller() as caller:
        for items in _batches(traffic.fill()):
            answer = await caller.json("POST", "/items", {"items": items})
            posted += len(items)
            known += sum(result["retrievable"] for result in answer["results"])
        for events in _batches(traffic.clicks()):
            await caller.json("POST", "/events", {"events": events})
    if not known:
        raise ServiceRefused(
            f"{address.url} knows none of the tags of {posted:,} items: name the --bundle it serves"
        )
    return posted, known


async def erase(address: Address, traffic: Traffic) -> None:
    """Erase the users; the items expire by themselves. Raises ServiceRefused."""
    async with address.caller() as caller:
        for number in range(traffic.size.users):
            await caller.json("DELETE", f"/users/{user_id(number)}")


async def ready(caller: Caller) -> dict[str, Any]:
    """What /readyz says of a service that is ready; raise ServiceRefused."""
    found: dict[str, Any] = await caller.json("GET", "/readyz")
    return found


def _batches(rows: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    while batch := list(islice(rows, BATCH)):
        yield batch
