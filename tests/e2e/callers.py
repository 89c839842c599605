"""What stands before several hosts: callers who ask whose turn it is, and the other one if need be.

A host whose `/readyz` says no gets nothing new, as a load balancer would have it.
"""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import count as numbers

import httpx

from tests.e2e.site import AUTH, PATIENCE_S, Site

CALLERS = 4
ATTEMPT_S = 1.0
HISTORY = [{"tags": ["wok", "noodles"]}]


class Callers:
    """Callers and a writer at both hosts of a site, until they are stopped; what they met."""

    def __init__(self, site: Site, attempt_s: float = ATTEMPT_S) -> None:
        """`attempt_s` is what a caller gives one host before it asks another."""
        self._site = site
        self._attempt_s = attempt_s
        self.statuses: Counter[int] = Counter()  # of every attempt of /recommend
        self.unanswered: Counter[str] = Counter()  # attempts without any answer, by their end
        self.failed = 0  # calls that no host answered with a 200
        self.slowest = 0.0  # answer of /recommend, seconds
        self.writes: Counter[int] = Counter()
        self.versions: Counter[str] = Counter()
        self.degraded: Counter[str] = Counter()
        self._ready: list[str] = []
        self._stopped = threading.Event()

    @contextmanager
    def calling(self) -> Iterator["Callers"]:
        works: list[Callable[[], None]] = [self._watch, self._write]
        works += [self._call_from(n) for n in range(CALLERS)]
        threads = [threading.Thread(target=work) for work in works]
        for thread in threads:
            thread.start()
        try:
            self.more(20)
            yield self
        finally:
            self._stopped.set()
            for thread in threads:
                thread.join()

    def more(self, count: int) -> None:
        """Wait until so many more were answered."""
        wanted = self.statuses[200] + count
        deadline = time.monotonic() + PATIENCE_S
        while self.statuses[200] < wanted:
            assert time.monotonic() < deadline, self.statuses
            time.sleep(0.02)

    def _watch(self) -> None:
        """What a load balancer does: who is ready gets requests."""
        while not self._stopped.wait(0.1):
            self._ready = [h.url for h in list(self._site.hosts.values()) if _ready(h.url)]

    def _call_from(self, first: int) -> Callable[[], None]:
        def call() -> None:
            with ExitStack() as stack:
                clients: dict[str, httpx.Client] = {}
                for turn in numbers(first):
                    if self._stopped.wait(0.01):
                        return
                    self._recommend(clients, stack, turn)

        return call

    def _recommend(self, clients: dict[str, httpx.Client], stack: ExitStack, turn: int) -> None:
        hosts = list(self._ready)
        for attempt in range(len(hosts)):
            url = hosts[(turn + attempt) % len(hosts)]
            if url not in clients:
                client = httpx.Client(base_url=url, headers=AUTH, timeout=self._attempt_s)
                clients[url] = stack.enter_context(client)
            if self._answered(clients[url]):
                return
        self.failed += bool(hosts)

    def _answered(self, client: httpx.Client) -> bool:
        body = {"user_id": "u", "k": 3, "history": HISTORY}
        began = time.monotonic()
        try:
            response = client.post("/recommend", json=body)
        except httpx.TransportError as error:
            self.unanswered[type(error).__name__] += 1
            return False
        self.statuses[response.status_code] += 1
        self.slowest = max(self.slowest, time.monotonic() - began)
        if response.status_code != 200:
            return False
        self.versions[response.json()["model"]["version"]] += 1
        self.degraded.update(response.json()["degraded"])
        return True

    def _write(self) -> None:
        """Random changes through whichever host is ready; each is sent until one takes it."""
        draw = random.Random(3)
        while not self._stopped.wait(0.02):
            for url in draw.sample(self._ready, len(self._ready)):
                if self._wrote(url, draw):
                    break

    def _wrote(self, url: str, draw: random.Random) -> bool:
        tags = [["wok"], ["noodles"], ["cats"]]
        items = [
            {"item_id": f"i{n}", "domain": "video", "tags": draw.choice(tags)}
            for n in draw.sample(range(300), 10)
        ]
        try:
            response = httpx.post(
                f"{url}/items", json={"items": items}, headers=AUTH, timeout=3 * ATTEMPT_S
            )
        except httpx.TransportError:
            return False
        self.writes[response.status_code] += 1
        return response.status_code == 200


def _ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", timeout=ATTEMPT_S).status_code == 200
    except httpx.TransportError:
        return False
