"""Stopping and replacing workers under load: nobody who asks is left without an answer."""

import shutil
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.campaign import count
from tests.service import tiny
from tests.service.process import Serving, serving

ITEMS = {"items": [{"item_id": f"v{n}", "tags": ["wok"]} for n in range(3)]}
ASK = {"user_id": "u", "k": 3}
WHOLE = "3 candidates"


class Load:
    """Callers that ask until told to stop: some keep their connection, one never does."""

    def __init__(self, url: str) -> None:
        self.answers: Counter[str] = Counter()
        self.versions: set[str] = set()
        self._url = url
        self._enough = threading.Event()
        self._callers = [
            threading.Thread(target=self._ask, args=(kept,)) for kept in (True, True, True, False)
        ]

    def _ask(self, kept: bool) -> None:
        limits = httpx.Limits(max_keepalive_connections=1 if kept else 0)
        with httpx.Client(base_url=self._url, limits=limits, timeout=10) as client:
            while not self._enough.wait(0.005):
                self.answers[self._answer(client)] += 1

    def _answer(self, client: httpx.Client) -> str:
        try:
            response = client.post("/recommend", json=ASK)
        except httpx.TransportError as error:
            return repr(error)
        if response.status_code != 200:
            return response.text
        answer = response.json()
        self.versions.add(answer["model"]["version"])
        return f"{len(answer['candidates'])} candidates"

    @contextmanager
    def running(self) -> Iterator[None]:
        for caller in self._callers:
            caller.start()
        try:
            yield
        finally:
            self._enough.set()
            for caller in self._callers:
                caller.join()


def test_a_rolling_restart_fails_no_request(variables: dict[str, str]) -> None:
    """Every worker is replaced, none listens before it has every item, and each answer is whole."""
    with serving(2, **variables) as server:
        assert httpx.post(f"{server.url}/items", json=ITEMS).status_code == 200
        load = Load(server.url)
        with load.running():
            for _ in range(count(1, 10)):
                replace_all(server)
        assert set(load.answers) == {WHOLE}
        assert load.answers[WHOLE] > 50
        assert server.end()[0] == 0


def test_a_worker_that_is_replaced_answers_with_what_was_activated(
    variables: dict[str, str], bundle_folder: Path, tmp_path: Path
) -> None:
    """Never with the bundle that it was started with, nor with less than the whole catalogue."""
    bundles = tmp_path / "bundles"
    shutil.copytree(bundle_folder, bundles / "a")
    other = tiny.table()
    other[-1] *= 2
    tiny.write_bundle(bundles / "b", user=tiny.user_tower(other))
    places = {"COUPLE_BUNDLE": str(bundles / "a"), "COUPLE_STATE": str(tmp_path / "state")}
    with serving(2, **{**variables, **places}) as server:
        assert httpx.post(f"{server.url}/items", json=ITEMS).status_code == 200
        version = activated(server, "b")
        load = Load(server.url)
        with load.running():
            replace_all(server)
        assert set(load.answers) == {WHOLE}
        assert load.versions == {version}


def activated(server: Serving, path: str) -> str:
    """Load a bundle and have all workers answer with it; its version."""
    posted = httpx.post(f"{server.url}/models", json={"path": path}, timeout=60)
    version: str = posted.json()["version"]
    server.until(lambda: states(server, version) == {"ready"}, 60)
    assert httpx.post(f"{server.url}/models/{version}/activate").status_code == 200
    server.until(lambda: states(server, version) == {"active"}, 60)
    return version


def states(server: Serving, version: str) -> set[str]:
    """How a model stands with those that answer."""
    told = [server.get("/models").json()["models"] for _ in range(20)]
    return {one["state"] for models in told for one in models if one["version"] == version}


def replace_all(server: Serving) -> None:
    server.until(lambda: len(server.pids()) == 2)
    before = server.pids()
    server.process.send_signal(signal.SIGHUP)
    server.until(lambda: len(server.pids() - before) == 2 and not server.pids() & before, 60)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_service_that_stops_says_so_before_it_does(
    variables: dict[str, str], workers: int
) -> None:
    """Not ready first, and all the while it answers whoever connects."""
    with serving(workers, COUPLE_LEAVE_NOTICE_MS="1500", **variables) as server:
        server.until(lambda: len(server.pids()) == workers)
        server.process.send_signal(signal.SIGTERM)
        server.until(lambda: server.get("/readyz").status_code == 503)
        assert server.get("/readyz").json()["status"] == "leaving"
        assert httpx.post(f"{server.url}/recommend", json=ASK).status_code == 200
        server.process.wait(20)
        assert server.process.returncode == 0
