"""Where a service is, and what a request to it looks like as bytes."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import orjson

from loadtest.connection import HUNG_UP, Connection
from loadtest.errors import AddressRefused, ServiceRefused

FORM = re.compile(r"https?://[^/\s@]+(/\S*)?")
CONNECT_S = 5.0
ANSWER_S = 30.0
LATER = (429, 503)
LATER_S, PAUSE_S = 10.0, 0.5  # how long, and how often, is asked again


@dataclass(frozen=True)
class Address:
    """A server; `key` goes with every request."""

    host: str
    port: int
    tls: bool = False
    path: str = ""  # before every path of ours, where a proxy wants one
    key: str | None = field(default=None, repr=False)

    @classmethod
    def of(cls, url: str, key: str | None = None) -> "Address":
        """Raises AddressRefused."""
        if not FORM.fullmatch(url):
            raise AddressRefused("--url should look like http://127.0.0.1:8000")
        parts = urlsplit(url)
        tls = parts.scheme == "https"
        try:
            port = parts.port or (443 if tls else 80)
        except ValueError as error:
            raise AddressRefused(f"--url names no port that there is: {error}") from error
        return cls(parts.hostname or "", port, tls, parts.path.rstrip("/"), (key or "").strip())

    @property
    def url(self) -> str:
        """For people, without the key."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}{self.path}"

    def request(self, method: str, path: str, body: bytes = b"") -> bytes:
        """A request whose body is JSON."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        auth = f"Authorization: Bearer {self.key}\r\n" if self.key else ""
        head = (
            f"{method} {self.path}{path} HTTP/1.1\r\nHost: {host}:{self.port}\r\n{auth}"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body

    async def connect(self) -> Connection:
        """Raises OSError, TimeoutError among them."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(CONNECT_S):
            _, connection = await loop.create_connection(
                Connection, self.host, self.port, ssl=self.tls or None
            )
        return connection

    @asynccontextmanager
    async def caller(self) -> AsyncIterator["Caller"]:
        """One connection for calls whose answers are read; raises ServiceRefused."""
        caller = Caller(self)
        try:
            yield caller
        finally:
            await caller.close()


class Caller:
    """Calls one at a time, each answered or an error; connects anew where it must."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._connection: Connection | None = None

    async def call(self, method: str, path: str, body: object = None) -> tuple[int, bytes]:
        """Status and body; raises ServiceRefused when nobody answers."""
        content = b"" if body is None else orjson.dumps(body)
        try:
            async with asyncio.timeout(ANSWER_S):
                connection = await self._connected()
                status, answer = await connection.ask(self._address.request(method, path, content))
        except OSError as error:
            raise ServiceRefused(
                f"nobody answers at {self._address.url} ({_why(error)}): start the service, or "
                "name another --url"
            ) from error
        if status == HUNG_UP:
            raise ServiceRefused(f"{self._address.url} hangs up on {method} {path}")
        return status, answer

    async def json(self, method: str, path: str, body: object = None) -> Any:
        """The JSON of a good answer; one that says "later" is asked for again.

        Raises:
            ServiceRefused: any other answer, in the service's words.
        """
        status, answer = await self.call(method, path, body)
        deadline = time.monotonic() + LATER_S
        while status in LATER and time.monotonic() < deadline:
            await asyncio.sleep(PAUSE_S)
            status, answer = await self.call(method, path, body)
        try:
            found = orjson.loads(answer)
        except ValueError as error:
            raise ServiceRefused(
                f"{self._address.url} answers {path} with {status} and no JSON: name the service"
            ) from error
        if not 200 <= status < 300:
            said = found.get("detail", "") if isinstance(found, dict) else ""
            raise ServiceRefused(f"{method} {path} is answered {status}: {said}")
        return found

    async def close(self) -> None:
        """Hang up."""
        if self._connection:
            await self._connection.close()

    async def _connected(self) -> Connection:
        if self._connection is None or not self._connection.open:
            self._connection = await self._address.connect()
        return self._connection


def _why(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return (error.strerror or type(error).__name__).lower()
