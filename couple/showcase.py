"""The demo's client side: a service of its own, fed and asked over HTTP as any caller would."""

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.progress import track
from rich.table import Table

from bundle import CoupleError
from couple.client import BUSY, retry_after
from trainer.evaluation import Report, Trial
from trainer.split import Case

MARKER = "demo-split"
BATCH = 500  # items or events a request
TRIES = 10  # while the service is busy: on a loaded machine its store may be late
HISTORY = 50  # what the service keeps of a user
SHOWN_USERS = 2  # of each kind
SHOWN_ITEMS = 5
SHOWN_HISTORY = 5
SHOWN_TAGS = 3


class DemoFailed(CoupleError):
    """The demo's service did not start, or refused what it was sent."""


class Service:
    """A running `couple serve` and a client for it."""

    def __init__(self, process: subprocess.Popen[bytes], url: str, log: Path) -> None:
        self.process = process
        self.url = url
        self.log = log
        self.client = httpx.Client(base_url=url, timeout=30)

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """The answer, asked for again while told to; or DemoFailed with the service's own words."""
        for _ in range(TRIES):
            answer = self.client.post(path, json=body)
            if answer.status_code not in BUSY:
                break
            time.sleep(retry_after(answer) or 1.0)
        if answer.status_code != 200:
            raise DemoFailed(f"POST {path} answered {answer.status_code}: {answer.text[:300]}")
        result: dict[str, Any] = answer.json()
        return result

    def wait_ready(self) -> None:
        """Return once the service is ready; DemoFailed with its last words if it ends."""
        while self.process.poll() is None:
            try:
                if self.client.get("/readyz").status_code == 200:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.1)
        words = self.log.read_text().strip().splitlines()
        raise DemoFailed(words[-1].removeprefix("couple: ") if words else f"see {self.log}")


@contextmanager
def running(folder: Path, port: int) -> Iterator[Service]:
    """`couple serve` on the demo's bundle and store, stopped when the block ends or on SIGTERM."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    url = f"http://127.0.0.1:{port}"
    log = folder / "serve.log"
    command = [sys.executable, "-m", "couple", "serve", "--embedded", "--port", str(port)]
    paths = ["--bundle", str(folder / "bundle"), "--store", str(folder / "store")]
    with log.open("wb") as out:
        process = subprocess.Popen([*command, *paths], stdout=out, stderr=out)
    try:
        service = Service(process, url, log)
        service.wait_ready()
        yield service
    finally:
        process.terminate()
        process.wait()


def forget_other_data(store: Path, trial: Trial) -> None:
    """Start with an empty store if the one that is there was filled from other data."""
    if store.exists() and _filled_from(store) not in ("", trial.split.fingerprint):
        shutil.rmtree(store)


def keep_serving(console: Console, service: Service, trial: Trial) -> None:
    """Say how to go on, and wait until somebody ends it."""
    user = trial.dataset.user_ids[trial.split.cases[0].user]
    body = json.dumps({"user_id": user, "k": SHOWN_ITEMS})
    console.print(f"\nserving on [bold]{service.url}[/]; documentation: {service.url}/docs")
    call = f"curl {service.url}/recommend -H 'content-type: application/json' -d '{body}'"
    console.print(call, soft_wrap=True)  # broken in two it could not be copied
    console.print(f"its log: {service.log}; Ctrl-C ends it")
    try:
        service.process.wait()
    except KeyboardInterrupt:
        console.print("stopping")


def ingest(console: Console, service: Service, trial: Trial, store: Path) -> None:
    """Post the cold items, and each judged user's history as the evaluation leaves it.

    Items carry a version, so that posting them again changes nothing; histories are posted once.
    """
    pool = trial.split.pool
    posted = 0
    for start in _progress(console, "posting new items", len(pool)):
        items = [_item(trial, number) for number in pool[start : start + BATCH]]
        results = service.post("/items", {"items": items})["results"]
        posted += sum(result["retrievable"] for result in results)
    console.print(f"[green]✓[/] {posted:,} of {len(pool):,} new items can be retrieved")
    if _filled_from(store) == trial.split.fingerprint:
        return
    events = [event for case in trial.split.cases for event in _events(trial, case)]
    for start in _progress(console, "posting histories", len(events)):
        service.post("/events", {"events": events[start : start + BATCH]})
    (store / MARKER).write_text(trial.split.fingerprint)
    console.print(f"[green]✓[/] histories of {len(trial.split.cases):,} users")


def _progress(console: Console, name: str, count: int) -> Iterable[int]:
    """The start of each batch, with a bar where a person can see it."""
    starts = range(0, count, BATCH)
    return track(starts, name, console=console, transient=True, disable=not console.is_terminal)


def show_users(console: Console, service: Service, trial: Trial) -> None:
    """For a few users drawn at random: what they did, what they get, and why."""
    rng = np.random.default_rng(1)
    for cold in (False, True):
        cases = [case for case in trial.split.cases if case.cold == cold]
        for number in rng.permutation(len(cases))[:SHOWN_USERS]:
            _show(console, service, trial, cases[number])


def show_figures(console: Console, figures: Report) -> None:
    """HR@10 of every scorer, warm and cold users apart."""
    table = Table(title="HR@10 on cold items, 1 true item against 100 sampled negatives")
    groups = [name for name in ("all", "warm", "cold") if name in next(iter(figures.values()))]
    table.add_column("")
    for group in groups:
        users = next(iter(figures.values()))[group]["users"]
        table.add_column(f"{group} users ({users:,.0f})", justify="right")
    for name, metrics in figures.items():
        table.add_row(name, *(f"{metrics[group]['HR@10']:.3f}" for group in groups))
    console.print(table)


def _filled_from(store: Path) -> str:
    """Fingerprint of the split whose histories the store holds; empty when it holds none."""
    marker = store / MARKER
    return marker.read_text() if marker.exists() else ""


def _show(console: Console, service: Service, trial: Trial, case: Case) -> None:
    data = trial.dataset
    user = data.user_ids[case.user]
    answer = service.post("/recommend", {"user_id": user, "k": SHOWN_ITEMS, "explain": True})
    kind = f"never took anything of {data.target_domain}" if case.cold else "a warm user"
    grid = Table(box=None, show_header=False, pad_edge=False, title_justify="left")
    grid.title = f"\n[bold]user {escape(user)}[/], {kind}"
    grid.add_column(style="dim", width=9)
    grid.add_column()
    newest = case.history[::-1][:SHOWN_HISTORY]
    grid.add_row("took last", " · ".join(_title(trial, int(number)) for number in newest))
    titles = {data.item_ids[number]: _title(trial, int(number)) for number in trial.split.pool}
    for candidate in answer["candidates"]:
        found = candidate["item_id"] == data.item_ids[case.positive]
        mark = " [green]✓ what they took next[/]" if found else ""
        because = ", ".join(map(_reason, candidate["reasons"]["tags"][:SHOWN_TAGS]))
        title = titles.get(candidate["item_id"], escape(candidate["item_id"]))  # a visitor's own
        line = f"{title}{mark} [cyan]← {because}[/]"
        grid.add_row(f"  {candidate['score']:.2f}", line)
    console.print(grid)


def _reason(reason: dict[str, Any]) -> str:
    """One link: the user's tag, and the item's if it is another."""
    same = reason["tag"] == reason["via"]
    return escape(reason["tag"] if same else f"{reason['via']} ~ {reason['tag']}")


def _item(trial: Trial, number: int) -> dict[str, Any]:
    data = trial.dataset
    return {
        "item_id": data.item_ids[number],
        "tags": list(data.tags[number][:64]),
        "title": data.titles[number],
        "domain": data.domains[data.item_domains[number]],
        "version": 1,
    }


def _events(trial: Trial, case: Case) -> Iterator[dict[str, Any]]:
    """Each has an id, so that a demo that was killed here can post them all again."""
    user = trial.dataset.user_ids[case.user]
    for place, number in enumerate(case.history[-HISTORY:]):
        item = _item(trial, int(number))
        del item["version"]
        yield {**item, "event_id": f"demo-{user}-{place}", "user_id": user, "type": "click"}


def _title(trial: Trial, number: int) -> str:
    data = trial.dataset
    return escape(data.titles[number] or ", ".join(data.tags[number][:3]))
