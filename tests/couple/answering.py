"""A web server that answers POST /items as a test tells it to: for faults that no service makes."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = tuple[int, dict[str, str], Any]  # status, headers, JSON
Items = list[dict[str, Any]]


def taken(items: Items) -> Answer:
    """What the service says to items that are all new."""
    results = [{"item_id": i["item_id"], "status": "created", "retrievable": True} for i in items]
    return 200, {}, {"results": results}


class Answering(ThreadingHTTPServer):
    """`answer` is asked for every request, with what it brings; `heard` keeps that, and the key."""

    daemon_threads = True

    def __init__(self, answer: Callable[[Items], Answer]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer = answer
        self.heard: list[Items] = []
        self.keys: set[str | None] = set()
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Answering
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        items = json.loads(self.rfile.read(int(self.headers["content-length"])))["items"]
        with self.server.lock:
            self.server.heard.append(items)
            self.server.keys.add(self.headers["authorization"])
            status, headers, body = self.server.answer(items)
        content = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002  # its own name
        pass


@contextmanager
def answering(answer: Callable[[Items], Answer] = taken) -> Iterator[Answering]:
    """A server in a thread of its own, until the block ends."""
    with Answering(answer) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
