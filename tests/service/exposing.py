"""What the event stream says was recommended, in tests."""

from typing import Any

from service.exposure import KIND, Exposure
from tests.service.running import until


def exposed(redis: Any) -> list[Exposure]:
    """Every recommendation in the stream, in order."""
    entries = [fields for _, fields in redis.xrange("couple:events")]
    return [Exposure.decode(one["data"]) for one in entries if one["kind"] == KIND]


async def until_exposed(redis: Any, count: int) -> list[Exposure]:
    """Wait until there are so many."""

    async def holds() -> bool:
        return len(exposed(redis)) >= count

    await until(holds)
    return exposed(redis)
