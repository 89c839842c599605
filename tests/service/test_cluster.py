"""Histories in a real Redis Cluster of six processes: its masters freeze, die, and swap slots."""

import asyncio
import signal
import sys
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import count as numbers
from itertools import pairwise
from typing import Any

import pytest
from redis.crc import key_slot

from service.errors import StoreMissing
from service.histories import keys
from service.server import check
from tests.campaign import count
from tests.service.conftest import Configure
from tests.service.own_cluster import Node, OwnCluster
from tests.service.running import Client, ok, running, until

pytestmark = [pytest.mark.anyio, pytest.mark.xdist_group("cluster")]

FAILOVERS = count(1, 10)
USERS = [f"u{n}" for n in range(12)]  # few, or on a busy machine each has to wait for the others
ODD = ["}", "}{", "{}", "a}b", "{a}b", "}x"]  # Redis hashes what stands in braces
READERS = 4
WHOLE_S = 20.0  # until everybody's answer is whole again: an election takes its time


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnCluster]:
    made = OwnCluster(tmp_path_factory.mktemp("cluster"))
    yield made
    made.stop()


@pytest.fixture
def clustered(configure: Configure, cluster: OwnCluster) -> Configure:
    """Settings with histories in the cluster, which is empty."""
    for node in cluster.nodes:
        if node.role == "master":
            node.client.flushall()

    def make(**given: Any) -> Any:
        return configure(**{"histories_url": cluster.url, "history_length": 1000, **given})

    return make


class Traffic:
    """Readers, and a writer a user whose every event counts once, until they are stopped."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.taken: defaultdict[str, list[tuple[float, str]]] = defaultdict(list)
        self.statuses: Counter[int] = Counter()  # of /recommend
        self.refused = 0  # writes that got a 503, and were sent again
        self.marked: Counter[str] = Counter()  # answers that were not whole, by user
        self._whole: set[str] = set()
        self._numbers = numbers()
        self._stopped = False

    async def write(self, user: str) -> None:
        while not self._stopped:
            number = next(self._numbers)
            event = {"event_id": f"e{number}", "item_id": f"{user}-{number}", "tags": ["wok"]}
            body = {"events": [{"user_id": user, "type": "click", **event}]}
            while (response := await self._client.post("/events", json=body)).status_code != 200:
                assert response.status_code == 503, response.text
                self.refused += 1
                await asyncio.sleep(0.02)
            self.taken[user].append((time.monotonic(), f"{user}-{number}"))
            await asyncio.sleep(0.1)

    async def read(self, offset: int) -> None:
        for number in numbers(offset):
            if self._stopped:
                return
            user = USERS[number % len(USERS)]
            response = await self._client.post("/recommend", json={"user_id": user, "k": 1})
            self.statuses[response.status_code] += 1
            if response.json().get("degraded") == []:
                self._whole.add(user)
            else:
                self.marked[user] += 1
            await asyncio.sleep(0.005)

    @asynccontextmanager
    async def flowing(self) -> AsyncIterator[None]:
        self._stopped = False
        works = [*map(self.write, USERS), *(self.read(7 * n) for n in range(READERS))]
        tasks = [asyncio.create_task(work) for work in works]
        try:
            await self.whole()
            self.marked.clear()
            yield
        finally:
            self._stopped = True  # redis-py now and then loses a cancellation
            await asyncio.gather(*tasks)

    async def whole(self) -> None:
        """Wait until everybody's write is taken, and everybody's answer has nothing amiss."""
        since = time.monotonic()
        self._whole.clear()

        async def holds() -> bool:
            written = all(some and some[-1][0] > since for some in map(self.taken.get, USERS))
            return written and self._whole == {*USERS}

        await until(holds, WHOLE_S)

    async def all_marked(self) -> bool:
        return set(self.marked) == {*USERS}

    def gap(self, users: list[str], since: float) -> float:
        """The longest time in which one of these users had no write taken, seconds."""
        times = [[at for at, _ in self.taken[user] if at > since - 1] for user in users]
        return max(b - a for some in times for a, b in pairwise(some))

    async def lost(self, since: float) -> int:
        """Events that were acknowledged since then and are in no history."""
        missing = 0
        for user in USERS:
            mine = [item_id for at, item_id in self.taken[user] if at > since]
            kept = {one["item_id"] for one in await self._client.history(user)}
            missing += sum(item_id not in kept for item_id in mine)
        return missing


def living_on(cluster: OwnCluster, node: Node) -> list[str]:
    return [user for user in USERS if cluster.master_of(keys(user)[0]) is node]


async def test_histories_lie_in_the_cluster(
    clustered: Configure, cluster: OwnCluster, redis: Any
) -> None:
    """Events, once each; recommendations, one and many; erasure; ids that look like hash tags."""
    async with running(clustered()) as service:
        await service.items({"tags": ["wok"]}, {"tags": ["noodles"]}, {"tags": ["cats"]})
        clicks = [{"user_id": user, "item_id": "v0", "event_id": "e"} for user in USERS + ODD]
        assert (await service.events(*clicks))["accepted"] == len(clicks)
        assert (await service.events(*clicks))["duplicates"] == len(clicks)
        for user in USERS:
            assert [one["item_id"] for one in await service.history(user)] == ["v0"]
        asked = [{"user_id": user, "k": 2} for user in USERS + ODD]
        answered = ok(await service.post("/recommend/batch", json={"requests": asked}))
        assert all(one["degraded"] == [] for one in answered["results"])
        ok(await service.delete("/users/u3"))
        assert await service.history("u3") == []
    assert [*redis.scan_iter("couple:hist:*"), *redis.scan_iter("couple:taken:*")] == []
    assert all(living_on(cluster, node) for node in cluster.nodes if node.role == "master")


def test_each_redis_is_told_from_a_node(clustered: Configure, cluster: OwnCluster) -> None:
    """The start says which setting is wrong, in place of refusals later."""
    check(clustered())
    plain = cluster.url.replace("+cluster", "")
    with pytest.raises(StoreMissing, match="is a node of a cluster: name one that is none"):
        check(clustered(redis_url=plain))
    alone = clustered().redis_url.get_secret_value().replace("redis:", "redis+cluster:")
    with pytest.raises(StoreMissing, match="cluster support disabled; see COUPLE_HISTORIES_URL"):
        check(clustered(histories_url=alone))
    with pytest.raises(StoreMissing, match=r"no Redis answers.*set COUPLE_HISTORIES_URL"):
        check(clustered(histories_url="redis+cluster://127.0.0.1:1"))


async def test_a_slot_that_moves_is_followed(clustered: Configure, cluster: OwnCluster) -> None:
    """Its user is told apart for a moment at most; nobody's history is lost, no other's amiss."""
    async with running(clustered()) as service:
        await service.items({"tags": ["wok"]})
        traffic = Traffic(service)
        async with traffic.flowing():
            await asyncio.to_thread(move, cluster, "u1")
            await traffic.whole()
        assert set(traffic.statuses) == {200}
        assert set(traffic.marked) <= {"u1"}
        assert await traffic.lost(0.0) == 0


def move(cluster: OwnCluster, user: str) -> None:
    """A user's slot to another master, as `redis-cli --cluster reshard` does it."""
    masters = [node for node in cluster.nodes if node.role == "master"]
    source = cluster.master_of(keys(user)[0])
    target = next(node for node in masters if node is not source)
    slot = key_slot(keys(user)[0].encode())
    target.ask("CLUSTER SETSLOT", slot, "IMPORTING", source.id)
    source.ask("CLUSTER SETSLOT", slot, "MIGRATING", target.id)
    while found := source.ask("CLUSTER GETKEYSINSLOT", slot, 10):
        source.ask("MIGRATE", "127.0.0.1", target.port, "", 0, 5000, "KEYS", *found)
    for node in (target, source):
        node.ask("CLUSTER SETSLOT", slot, "NODE", target.id)


async def test_a_frozen_master_does_not_hold_up_the_others(
    clustered: Configure, cluster: OwnCluster
) -> None:
    """Users of other masters never notice; its own are answered, marked, until there is another."""
    async with running(clustered(redis_timeout_ms=500, redis_read_timeout_ms=300)) as service:
        await service.items({"tags": ["wok"]})
        traffic = Traffic(service)
        async with traffic.flowing():
            node = await asyncio.to_thread(cluster.master_of, keys("u1")[0])
            mine = await asyncio.to_thread(living_on, cluster, node)
            node.send(signal.SIGSTOP)
            await traffic.whole()
            node.send(signal.SIGCONT)
            await asyncio.to_thread(cluster.wait_whole)
            await traffic.whole()
    assert set(traffic.statuses) == {200}
    assert set(traffic.marked) <= {*mine}
    assert traffic.marked["u1"] > 0


async def test_the_whole_cluster_may_freeze(clustered: Configure, cluster: OwnCluster) -> None:
    """Everybody is answered, marked; everybody's answer is whole again once it goes on."""
    async with running(clustered(redis_timeout_ms=500, redis_read_timeout_ms=300)) as service:
        await service.items({"tags": ["wok"]})
        traffic = Traffic(service)
        async with traffic.flowing():
            for node in cluster.nodes:
                node.send(signal.SIGSTOP)
            await until(traffic.all_marked, WHOLE_S)
            for node in cluster.nodes:
                node.send(signal.SIGCONT)
            await asyncio.to_thread(cluster.wait_whole)
            await traffic.whole()
    assert set(traffic.statuses) == {200}


@pytest.mark.timeout(60 * FAILOVERS)
async def test_masters_are_killed_under_load(
    clustered: Configure, cluster: OwnCluster, capsys: pytest.CaptureFixture[str]
) -> None:
    """0 answers of /recommend other than 200, none amiss but of the dead master's users.

    What a cluster loses of acknowledged writes is its own (replicas follow behind): it is told.
    """
    gaps, lost = [], 0
    async with running(clustered()) as service:
        await service.items({"tags": ["wok"]})
        traffic = Traffic(service)
        for turn in range(FAILOVERS):
            node = await asyncio.to_thread(cluster.master_of, keys(USERS[turn])[0])
            mine = await asyncio.to_thread(living_on, cluster, node)
            async with traffic.flowing():
                began = time.monotonic()
                await asyncio.to_thread(node.kill)
                await traffic.whole()
                await asyncio.to_thread(node.start)
                await asyncio.to_thread(cluster.wait_whole)
                await traffic.whole()
            gaps.append(traffic.gap(mine, began))
            lost += await traffic.lost(began - 1)
            assert set(traffic.marked) <= {*mine}
    assert set(traffic.statuses) == {200}
    with capsys.disabled():
        sys.stdout.write(
            f"\n{FAILOVERS} failovers: {traffic.statuses[200]} recommendations, all 200; "
            f"{sum(map(len, traffic.taken.values()))} writes taken, {lost} of them lost, "
            f"{traffic.refused} refused and sent again; the longest gap in a user's writes "
            f"{', '.join(f'{gap:.1f}' for gap in gaps)} s\n"
        )
