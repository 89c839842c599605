"""A running service as an importer sees it: it takes items, refuses some, is busy or away."""

import asyncio
import re
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import chain, repeat
from typing import Any

import httpx
import orjson

from bundle.errors import CoupleError
from couple.item_rows import Row

PAUSES_S = (0.1, 0.2, 0.5, 1.0, 2.0)  # between attempts; then the longest
LONGEST_PAUSE_S = 5.0
TIMEOUT_S = 30.0  # of one attempt
BUSY = (429, 502, 503, 504)  # of the service, and of what may stand before it
TOO_MUCH = (413, 422)  # less of it may do
AWAY = (httpx.NetworkError, httpx.TimeoutException, httpx.RemoteProtocolError)
ADDRESS = re.compile(r"https?://[^/\s]+(/\S*)?")
POSITION = re.compile(r"items\[(\d+)\]\.?(.*)", re.DOTALL)


class ImportFailed(CoupleError):
    """The service takes nothing, or there is none."""


@dataclass(frozen=True)
class Outcome:
    """What became of some rows: how many of each status, and each that was refused and why."""

    counts: Counter[str]
    refused: list[tuple[Row, str]] = field(default_factory=list)

    def __add__(self, other: "Outcome") -> "Outcome":
        return Outcome(self.counts + other.counts, self.refused + other.refused)


class Client:
    """One service; use it in `async with client.session`."""

    def __init__(self, url: str, key: str | None, patience_s: float) -> None:
        """Nothing is sent yet; raise ImportFailed for what is no address of a web server."""
        if not ADDRESS.fullmatch(url):
            raise ImportFailed("--url should look like http://127.0.0.1:8000")
        self._url = url
        self._patience_s = patience_s
        # A key may hold any character; the service takes the sha256 of its bytes in UTF-8.
        authorization = [(b"authorization", b"Bearer " + key.strip().encode())] if key else []
        headers = [(b"content-type", b"application/json"), *authorization]
        self.session = httpx.AsyncClient(base_url=url, headers=headers, timeout=TIMEOUT_S)

    async def send(self, rows: list[Row]) -> Outcome:
        """Post rows until each is acknowledged or refused.

        Raises:
            ImportFailed: the service takes nothing for too long, or nothing at all.
        """
        answer = await self._post(rows)
        if answer.status_code == 200:
            return Outcome(_counted(answer.json()["results"]))
        if answer.status_code not in TOO_MUCH:
            raise ImportFailed(f"{self._url} answers {answer.status_code}: {_detail(answer)}")
        bad = _bad(answer)
        if not bad and len(rows) > 1:  # it does not say which: one half may do
            middle = len(rows) // 2
            return await self.send(rows[:middle]) + await self.send(rows[middle:])
        bad = bad or {0: _detail(answer)}
        refused = [(rows[position], reason) for position, reason in sorted(bad.items())]
        left = [row for position, row in enumerate(rows) if position not in bad]
        outcome = Outcome(Counter(refused=len(refused)), refused)
        return outcome + await self.send(left) if left else outcome

    async def _post(self, rows: list[Row]) -> httpx.Response:
        """The first answer that is not "later"."""
        content = orjson.dumps({"items": [item for _, item in rows]}, default=str)
        deadline = time.monotonic() + self._patience_s
        pauses = chain(PAUSES_S, repeat(LONGEST_PAUSE_S))
        while True:
            found = await self._attempt(content)
            if isinstance(found, httpx.Response) and found.status_code not in BUSY:
                return found
            pause = max(next(pauses), retry_after(found))
            if time.monotonic() + pause > deadline:
                raise ImportFailed(
                    f"{self._url} took nothing for {self._patience_s:g} s ({_said(found)}): "
                    "run the same command again to go on"
                )
            await asyncio.sleep(pause)

    async def _attempt(self, content: bytes) -> httpx.Response | httpx.TransportError:
        try:
            return await self.session.post("/items", content=content)
        except AWAY as error:
            return error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ImportFailed(f"{self._url} cannot be asked: {error}") from error


def _counted(results: list[dict[str, Any]]) -> Counter[str]:
    counts = Counter(str(result["status"]) for result in results)
    counts["not retrievable"] = sum(not result["retrievable"] for result in results)
    return counts


def _bad(answer: httpx.Response) -> dict[int, str]:
    """Position → the first thing wrong there; empty where no item is named."""
    found: dict[int, str] = {}
    for error in _problem(answer).get("errors", ()):
        if match := POSITION.fullmatch(error["place"]):
            reason = f"{match[2]}: {error['detail']}" if match[2] else error["detail"]
            found.setdefault(int(match[1]), reason)
    return found


def retry_after(found: httpx.Response | httpx.TransportError) -> float:
    """Seconds that the service asks for; 0 where it does not."""
    value = found.headers.get("retry-after", "") if isinstance(found, httpx.Response) else ""
    return float(value) if value.isdecimal() else 0.0


def _said(found: httpx.Response | httpx.TransportError) -> str:
    if isinstance(found, httpx.Response):
        return f"{found.status_code}: {_detail(found)}"
    return str(found) or type(found).__name__


def _detail(answer: httpx.Response) -> str:
    return str(_problem(answer).get("detail", "is this the service?"))


def _problem(answer: httpx.Response) -> dict[str, Any]:
    """What is wrong, if it is the service that says so and not what stands before it."""
    try:
        found = orjson.loads(answer.content)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
