"""What is remembered of users, how much, how long, and who is not."""

import random
import sys
from collections.abc import Sequence

import pytest
from redis.exceptions import BusyLoadingError, NoPermissionError, RedisError, ResponseError
from redis.exceptions import ConnectionError as RedisGone

from service.breaker import Breaker
from service.errors import StoreAway
from service.guard import Guard
from service.memory import Lists, Memory, Remembered

pytestmark = pytest.mark.anyio


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def memory(most: int = 10, most_bytes: int = 10**6) -> tuple[Memory, Clock]:
    clock = Clock()
    return Memory(most, most_bytes, 60.0, clock), clock


@pytest.mark.parametrize("entries", [[], ["a"], ["ü", "", "b"], ['{"tags":["\\n"]}'] * 50])
def test_a_list_comes_back_as_it_was(entries: list[str]) -> None:
    kept, _ = memory()
    kept.keep(["x"], [entries])
    assert kept.recall("x") == entries
    assert isinstance(kept.recall("x"), Remembered)
    assert kept.recall("y") is None


def test_the_longest_unused_go_first() -> None:
    kept, _ = memory(most=3)
    for name in "abc":
        kept.keep([name], [[name]])
    kept.recall("a")
    kept.keep(["d"], [["d"]])
    assert [name for name in "abcd" if kept.recall(name)] == ["a", "c", "d"]


def test_it_stays_within_its_bytes_whatever_comes() -> None:
    """Seeded lists of every size; the count agrees with what is there."""
    rng = random.Random(0)
    kept, _ = memory(most=10**6, most_bytes=50_000)
    for _ in range(2000):
        name, text = f"u{rng.randrange(200)}", rng.choice("aé漢") * rng.randrange(3000)
        kept.keep([name], [[text]])
        assert kept.bytes <= 50_000
    found = {name: one for n in range(200) if (one := kept.recall(name := f"u{n}"))}
    assert len(kept) == len(found) > 5
    held = sum(sys.getsizeof(name) + sys.getsizeof(one[0]) for name, one in found.items())
    assert held <= kept.bytes


def test_what_is_too_old_is_forgotten() -> None:
    kept, clock = memory()
    kept.keep(["x"], [["a"]])
    clock.now = 60.0
    assert kept.recall("x") == ["a"]
    clock.now = 60.1
    assert kept.recall("x") is None
    assert (len(kept), kept.bytes) == (0, 0)


WRONG_TYPE = ResponseError("WRONGTYPE Operation against a key holding the wrong kind of value")


def test_a_key_of_another_type_leaves_nothing_behind() -> None:
    """It is not what it was before."""
    kept, _ = memory()
    kept.keep(["x"], [["a"]])
    kept.keep(["x"], [WRONG_TYPE])
    assert kept.recall("x") is None
    assert kept.bytes == 0


@pytest.mark.parametrize(
    "error", [ResponseError("CLUSTERDOWN"), BusyLoadingError("loading"), NoPermissionError("no")]
)
def test_an_error_that_tells_nothing_of_a_key_changes_nothing(error: RedisError) -> None:
    """What Redis said before an outage is what is remembered in it."""
    kept, _ = memory()
    kept.keep(["x", "y"], [["a"], ["b"]])
    kept.keep(["x", "y", "z"], [error, ["c"], error])
    assert [kept.recall(name) for name in "xyz"] == [["a"], ["c"], None]


class Redis:
    """Lists that answer or not."""

    def __init__(self, lists: Lists) -> None:
        self.lists: Lists | None = lists

    async def read(self, names: Sequence[str]) -> Lists:
        if self.lists is None:
            raise RedisGone("gone")
        return self.lists


async def test_a_guarded_read_always_comes_back() -> None:
    """Fresh while Redis answers; remembered, or an error, where it does not."""
    redis, (kept, _) = Redis([["a"], ["b"]]), memory()
    guard = Guard(redis.read, Breaker(), kept)
    assert await guard(["x", "y"]) == [["a"], ["b"]]
    redis.lists = None
    for _ in range(10):
        x, z = await guard(["x", "z"])
        assert isinstance(x, Remembered)
        assert x == ["a"]
        assert isinstance(z, StoreAway)


async def test_one_key_that_redis_cannot_tell_is_recalled() -> None:
    """As in an outage, and the others are fresh; one of another type is an error."""
    redis, (kept, _) = Redis([["a"], ["b"], ["c"]]), memory()
    guard = Guard(redis.read, Breaker(), kept)
    await guard(["x", "y", "z"])
    redis.lists = [ResponseError("CLUSTERDOWN"), WRONG_TYPE, ["d"]]
    for _ in range(2):
        x, y, z = await guard(["x", "y", "z"])
        assert (x, y, z) == (["a"], WRONG_TYPE, ["d"])
        assert (isinstance(x, Remembered), isinstance(z, Remembered)) == (True, False)


async def test_an_erasure_during_a_read_wins() -> None:
    """What was read before it is not remembered after it."""
    kept, _ = memory()

    async def read(_: Sequence[str]) -> Lists:
        kept.forget(["x"])
        return [["a"]]

    assert await Guard(read, Breaker(), kept)(["x"]) == [["a"]]
    assert kept.recall("x") is None
