"""`couple items import` against a live service: killed in the middle, and refused in part."""

import json
import os
import re
import signal
import time
from pathlib import Path

import httpx
import polars as pl

from couple.shipment import IN_FLIGHT
from tests.e2e.running import run, serving, start

COUNT = 3000
BATCH = 25
COUNTS = r"([\d,]+) (created|unchanged|updated|stale)"


def write(path: Path, tags: list[list[str]]) -> Path:
    """Items numbered from 0, each with a version, so that sending one twice is `unchanged`."""
    facts = {
        "item_id": [f"v{n}" for n in range(len(tags))],
        "domain": ["video"] * len(tags),
        "tags": tags,
        "version": [1] * len(tags),
    }
    pl.DataFrame(facts).write_parquet(path)
    return path


def rows(note: Path) -> int:
    """How many rows the importer noted as acknowledged."""
    return int(json.loads(note.read_text())["rows"]) if note.exists() else 0


def test_kill_9_in_the_middle_and_a_second_run_bring_every_item_once(tmp_path: Path) -> None:
    """The second run sends no more again than the first had in flight."""
    file = write(tmp_path / "items.parquet", [["wok", "noodles"]] * COUNT)
    note = tmp_path / "note.json"
    with serving(tmp_path / "store") as service:
        command = ("items", "import", file, "--url", service.url, "--state", note)
        importer = start(*command, "--batch", BATCH, log=tmp_path / "import.log")
        deadline = time.monotonic() + 120
        while rows(note) < COUNT // 10 and importer.poll() is None and time.monotonic() < deadline:
            time.sleep(0.002)
        os.killpg(importer.pid, signal.SIGKILL)
        importer.wait()
        before = rows(note)
        assert COUNT // 10 <= before < COUNT, (tmp_path / "import.log").read_text()

        second = run(*command, "--batch", str(BATCH))
        assert second.returncode == 0, second.stderr
        assert f"{before:,} rows were acknowledged before" in second.stderr
        assert second.stdout.startswith(f"{file}: {COUNT:,} rows sent to {service.url}: ")
        counts = {kind: int(n.replace(",", "")) for n, kind in re.findall(COUNTS, second.stdout)}
        assert sum(counts.values()) == COUNT
        assert counts.get("unchanged", 0) <= IN_FLIGHT * BATCH, "sent again"

        assert service.get("/readyz").json()["items"] == COUNT
        with httpx.Client(base_url=service.url) as client:
            for n in range(0, COUNT, 7):
                assert client.get(f"/items/v{n}").json()["tags"] == ["wok", "noodles"]


def test_rows_that_the_service_refuses_are_named_and_the_rest_is_served(tmp_path: Path) -> None:
    """The contract's own words, with the row and the id; exit code 1."""
    tags = [["wok"], ["x" * 65], ["wok"], [], ["zither"]]
    file = write(tmp_path / "items.parquet", tags)
    with serving(tmp_path / "store") as service:
        result = run("items", "import", file, "--url", service.url)
        assert service.get("/readyz").json()["items"] == 2
        assert service.get("/items/v1").status_code == 404
    assert result.returncode == 1
    assert result.stderr.splitlines() == [
        "row 2, item 'v1', is refused: tags[0]: String should have at most 64 characters",
        "row 4, item 'v3', is refused: Give tags, or a title that tags can be found in",
    ]
    assert result.stdout == (
        f"{file}: 5 rows sent to {service.url}: 3 created, 2 refused, "
        "1 that the model in service cannot recommend\n"
    )
