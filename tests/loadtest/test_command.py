"""`couple loadtest` through its door: a real service is driven, judged and told about on a page."""

import json
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner

from couple.__main__ import app
from couple.loadtest import LoadTestFailed
from loadtest.address import Address
from loadtest.errors import ServiceRefused
from loadtest.swap import swap
from tests.e2e.running import GOLDEN, Service, run, serving
from tests.loadtest.answering import serving as answering

LOOSE = "p99=60s,errors=0"  # how fast a machine is, is no claim of a test


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with serving(tmp_path_factory.mktemp("loadtest") / "store") as running:
        yield running


def driven(service: Service, out: Path, *options: str) -> tuple[int, str]:
    """Exit code and output of a short run at a running service."""
    words = ["loadtest", "--url", service.url, "--bundle", str(GOLDEN), "--out", str(out)]
    words += ["--rate", "20", "--duration", "1", *options]
    found = CliRunner().invoke(app, words, catch_exceptions=False)
    return found.exit_code, found.output


def test_a_service_of_its_own_is_filled_driven_and_told_about(tmp_path: Path) -> None:
    """Three scenarios on one page, which needs nothing beside it; results.json has every figure.

    In the middle of a swap the other bundle is verified, built and activated, and nobody notices.
    """
    out = tmp_path / "report"
    named = ("--scenario", "mixed", "--scenario", "swap", "--scenario", "ramp")
    scenarios = (*named, "--swap", "bundle_items")
    short = ("--rate", "40", "--duration", "2", "--slo", "p99=60s", "--out", out)
    patient = {"COUPLE_KEY": "secret", "COUPLE_REDIS_TIMEOUT_MS": "10000"}
    found = run("loadtest", "--bundle", GOLDEN, *scenarios, *short, **patient)
    assert found.returncode == 0, found.stdout + found.stderr
    page = (out / "loadtest.html").read_text()
    for said in ("Every objective is met", "Swap", "Breaking point", "/metrics", "<svg"):
        assert said in page
    assert "<script" not in page
    assert "secret" not in page
    told = json.loads((out / "results.json").read_text())
    mixed, swapped, ramp = told["scenarios"]
    assert set(mixed["record"]["kinds"]) == {"recommend", "events", "items"}
    assert mixed["requests"] > 41
    assert (swapped["errors"], len(swapped["record"]["marks"])) == (0, 2)
    assert ramp["held"] >= 40
    assert told["met"]


def test_a_missed_objective_is_exit_code_1(service: Service, tmp_path: Path) -> None:
    """The page is written all the same, and says by how much."""
    code, said = driven(service, tmp_path, "--slo", "p50=1us,errors=0")
    assert code == 1
    assert "p50=1us missed" in said
    assert "Objectives are missed" in (tmp_path / "loadtest.html").read_text()


def test_a_running_service_is_only_asked(service: Service, tmp_path: Path) -> None:
    """Without --fill nothing is written to it; the histories that come along are understood."""
    code, said = driven(service, tmp_path, "--slo", LOOSE)
    assert code == 0, said
    assert service.get("/readyz").json()["items"] == 0
    assert service.get("/users/loadtest-u0/history").json()["history"] == []


def test_a_spike_is_met_by_a_closed_loop_too(service: Service, tmp_path: Path) -> None:
    """Locust's users drive the same scenario, and the page says what that leaves out."""
    options = ("--scenario", "spike", "--closed", "--duration", "3", "--slo", LOOSE)
    code, said = driven(service, tmp_path, *options)
    assert code == 0, said
    assert "Closed loop (Locust)" in (tmp_path / "loadtest.html").read_text()
    (spike,) = json.loads((tmp_path / "results.json").read_text())["scenarios"]
    assert spike["requests"] > 10
    assert list(spike["record"]["kinds"]) == ["recommend"]


def test_users_are_erased_where_a_service_was_filled(service: Service, tmp_path: Path) -> None:
    """Last, since the items stay until they expire."""
    code, said = driven(service, tmp_path, "--fill", "--slo", LOOSE)
    assert code == 0, said
    assert "200 items posted" in said
    assert service.get("/readyz").json()["items"] == 200
    assert service.get("/users/loadtest-u0/history").json()["history"] == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--url", "nowhere"), "--url should look like"),
        (("--url", "http://127.0.0.1:1"), "nobody answers at http://127.0.0.1:1"),
        (("--slo", "p99=quick"), "is no objective: write --slo like"),
        (("--scenario", "storm"), "choose from steady"),
        (("--scenario", "swap"), "name it with --swap"),
        (("--scenario", "mixed", "--url", "http://127.0.0.1:1"), "allow it with --fill"),
        (("--bundle", "nowhere"), "--bundle"),
        (("--out", "/dev/null/x"), "name another --out"),
    ],
)
def test_what_cannot_be_run_is_refused_in_a_sentence(
    tmp_path: Path, options: tuple[str, ...], said: str
) -> None:
    """Before anything is started."""
    words = ["loadtest", "--bundle", str(GOLDEN), "--out", str(tmp_path), *options]
    with pytest.raises(LoadTestFailed) as refused:
        CliRunner().invoke(app, words, catch_exceptions=False)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def answer(status: int, body: object) -> bytes:
    content = orjson.dumps(body)
    return b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%s" % (status, len(content), content)


@pytest.mark.anyio
async def test_another_model_is_loaded_waited_for_and_activated() -> None:
    """In the words of the contract; the worker that answers may not have heard of it yet."""
    loading = {"name": "couple", "version": "a1b2", "state": "loading"}
    answers = [
        answer(202, loading),
        answer(200, {"models": [], "active": "c3"}),
        answer(200, {"models": [loading], "active": "c3"}),
        answer(200, {"models": [{**loading, "state": "ready"}], "active": "c3"}),
        answer(200, {"models": [], "active": "a1b2"}),
    ]

    async def next_answer(n: int) -> bytes:
        return answers[n]

    marks: list[str] = []
    async with answering(next_answer) as (server, port):
        await swap(Address("127.0.0.1", port), "next", marks.append)
    lines = [received.partition(b" HTTP")[0].decode() for received in server.received]
    assert lines == ["POST /models", *["GET /models"] * 3, "POST /models/a1b2/activate"]
    assert server.received[0].endswith(b'{"path":"next"}')
    assert marks == ["model a1b2 is being built", "model a1b2 answers"]


@pytest.mark.anyio
async def test_a_model_that_is_refused_ends_the_test_with_the_service_s_words() -> None:
    """A service without such a bundle, say."""

    async def no(_: int) -> bytes:
        return answer(422, {"detail": "there is no such bundle"})

    async with answering(no) as (_, port):
        with pytest.raises(ServiceRefused, match="422: there is no such bundle"):
            await swap(Address("127.0.0.1", port), "next", print)
