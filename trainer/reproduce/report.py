"""Data folder → report: plan, run, compare, write. The door of this package."""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as Bar

from trainer import checkpoint, split_file
from trainer.config import Config
from trainer.errors import CheckpointError
from trainer.evaluation import trial
from trainer.reading import read
from trainer.reproduce.assembly import Assembly
from trainer.reproduce.markdown import markdown
from trainer.reproduce.page import page
from trainer.reproduce.plan import Plan, Run, plan
from trainer.reproduce.results import FILE, Results
from trainer.reproduce.runner import Progress, Runner, Show

RUNS = "runs"
PAGE = "report.html"
TABLES = "results.md"


@dataclass(frozen=True)
class Options:
    """How a report is made."""

    settings: tuple[str, ...] = ()  # of every run, under a row's own
    quick: bool = False
    seeds: int | None = None
    only: tuple[str, ...] = ()
    workers: int | None = None  # runs side by side; by default one a core
    restart: bool = False
    command: str = "couple reproduce"


def reproduce(data: Path, out: Path, options: Options, *, progress: bool = True) -> Results:
    """Train what is not trained yet, then write report.html, results.json and results.md.

    Raises:
        ConfigError: a setting or a table that does not exist.
        DataError: the data cannot be learned from.
        CheckpointError: `out` cannot be written, or holds runs of other data.
    """
    began = time.monotonic()
    whole = plan(options.settings, quick=options.quick, seeds=options.seeds, only=options.only)
    base = Config.with_overrides(options.settings)
    held = trial(read(data, base.target_domain), base)
    workers = options.workers or (os.cpu_count() or 1)
    runs = _folder(out)
    split_file.write(held, out / checkpoint.SPLIT)
    runner = Runner(data, runs, held.dataset.fingerprint, workers, options.restart)
    targets = int(held.dataset.is_target[held.split.train.items].sum())
    costs = [(run, run.cost(targets)) for run in whole.runs]
    with _shown(whole, costs, workers, progress) as show:
        outcome = runner.carry_out(costs, show)
    found = Assembly(whole, outcome, runs, held, base).results(options.command, workers, began)
    checkpoint.write(out / FILE, (found.model_dump_json(indent=1) + "\n").encode())
    checkpoint.write(out / PAGE, page(found).encode())
    checkpoint.write(out / TABLES, markdown(found).encode())
    return found


def _folder(out: Path) -> Path:
    try:
        (out / RUNS).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CheckpointError(f"{out} cannot be made: {error.strerror}") from error
    return out / RUNS


@contextmanager
def _shown(
    whole: Plan, costs: Sequence[tuple[Run, float]], workers: int, visible: bool
) -> Iterator[Show]:
    """Say what lies ahead, then show how far it is."""
    console = Console(stderr=True, quiet=not visible)
    minutes = sum(cost for _, cost in costs) / workers / 60
    console.print(
        f"{len(whole.rows)} rows, {len(costs)} runs, {workers} side by side: about "
        f"{minutes:,.0f} minutes if none is done yet"
    )
    columns = (TextColumn("{task.fields[done]}"), BarColumn(), TextColumn("{task.description}"))
    with Bar(*columns, console=console, disable=not visible) as bar:
        task = bar.add_task("", total=1.0, done="")

        def show(now: Progress) -> None:
            left = f"{now.remaining_s / 60:,.0f} min left" if now.total > now.completed else "done"
            bar.update(
                task, total=now.total, completed=now.completed,
                done=f"{len(now.done)} of {len(now.costs)}",
                description=f"{left}  {', '.join(now.running)}",
            )  # fmt: skip

        yield show
