"""What the log says of a request, and what it never says."""

import json
import logging
import random
import sys

import pytest

from service.log_lines import JsonLines
from tests.service.conftest import Configure
from tests.service.process import serving
from tests.service.running import running
from tests.service.test_auth import digest

pytestmark = pytest.mark.anyio

KEY = {"name": "shop", "sha256": digest("secret"), "scopes": ["ingest", "recommend"]}
SHOWN = {"Authorization": "Bearer secret", "X-Request-Id": "complaint-7"}
EVENT = {"user_id": "alice", "item_id": "wok-1", "type": "click", "tags": ["noodles"]}


def told(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [record for record in caplog.records if record.name == "service.access"]


async def test_a_line_names_route_status_key_and_request(
    configure: Configure, caplog: pytest.LogCaptureFixture
) -> None:
    """And nobody: neither users nor items nor what was sent."""
    caplog.set_level(logging.INFO)
    calls = [
        ("POST", "/events", {"events": [EVENT]}, "/events", 200),
        ("POST", "/recommend", {"user_id": "alice"}, "/recommend", 200),
        ("GET", "/users/alice/history", None, "/users/{user_id}/history", 200),
        ("DELETE", "/users/alice", None, "/users/{user_id}", 200),
        ("GET", "/items/wok-1", None, "/items/{item_id}", 404),
        ("GET", "/alice", None, "-", 404),
        ("POST", "/recommend", {"user_id": "alice", "k": 0}, "/recommend", 422),
    ]
    async with running(configure(keys=[KEY], access_log=1)) as service:
        caplog.clear()
        for method, path, body, route, status in calls:
            await service.request(method, path, json=body, headers=SHOWN)
            fields = told(caplog)[-1].__dict__["fields"]
            assert fields.pop("ms") > 0
            key = None if route == "-" else "shop"
            expected = {"method": method, "route": route, "status": status, "key": key}
            assert fields == {**expected, "request_id": "complaint-7"}
        await service.post("/recommend", json={"user_id": "alice"})
    assert told(caplog)[-1].getMessage().startswith("POST /recommend 401 ")
    written = " ".join(JsonLines().format(record) for record in told(caplog))
    for private in ("alice", "wok-1", "noodles", "secret"):
        assert private not in written


async def test_a_share_of_the_requests_is_told(
    configure: Configure, caplog: pytest.LogCaptureFixture
) -> None:
    """None by default, a quarter on request, and whatever ends in 5xx."""
    caplog.set_level(logging.INFO)
    for share, least, most in ((0, 0, 0), (0.25, 20, 80)):
        caplog.clear()
        random.seed(0)
        async with running(configure(access_log=share)) as service:
            for _ in range(200):
                await service.post("/recommend", json={"user_id": "u"})
        assert least <= sum(r.getMessage().startswith("POST") for r in told(caplog)) <= most
    nowhere = configure(redis_url="redis://127.0.0.1:1/0", access_log=1e-9)
    async with running(nowhere, ready=False) as service:
        for _ in range(5):
            await service.get("/users/u/history")
    assert [record.__dict__["fields"]["status"] for record in told(caplog)[-5:]] == [503] * 5


def test_an_error_is_one_line() -> None:
    """With its traceback inside."""
    try:
        raise ValueError("two\nlines")
    except ValueError:
        record = logging.LogRecord("n", logging.ERROR, "", 1, "it %s", ("broke",), sys.exc_info())
    line = JsonLines().format(record)
    assert "\n" not in line
    read = json.loads(line)
    assert (read["level"], read["logger"], read["message"]) == ("error", "n", "it broke")
    assert read["error"].endswith("ValueError: two\nlines")


def test_a_server_writes_nothing_but_json_lines(variables: dict[str, str]) -> None:
    """From the first to the last."""
    with serving(1, COUPLE_LOG_FORMAT="json", COUPLE_ACCESS_LOG="1", **variables) as server:
        server.get("/livez")
        code, said = server.end()
    assert code == 0
    lines = [json.loads(line) for line in said.splitlines()]
    assert all({"time", "level", "logger", "message"} <= set(line) for line in lines)
    assert lines[0]["message"].startswith("serving tiny ")
    assert any(line.get("route") == "/livez" and line["ms"] > 0 for line in lines)
