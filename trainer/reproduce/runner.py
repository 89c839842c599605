"""Runs the plan: several processes beside each other, whatever one of them meets.

A run that is recorded is not run again; one that was killed is taken up where it was; one that
fails is reported and stops no other.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from trainer.errors import CheckpointError
from trainer.reproduce.plan import Run, one_thread
from trainer.reproduce.record import Failure, Record, load
from trainer.reproduce.worker import RESTART

LOOK_S = 0.2
PATIENCE_S = 10.0  # for a process that was asked to end
Outcome = dict[str, Record | Failure]  # by key
Show = Callable[["Progress"], None]
Running = dict[str, tuple[Run, subprocess.Popen[bytes]]]  # by key


@dataclass
class Progress:
    """How far the plan is, in seconds of one core as the plan estimated them."""

    costs: dict[str, float]
    workers: int
    done: set[str] = field(default_factory=set)
    reused: set[str] = field(default_factory=set)
    running: dict[str, float] = field(default_factory=dict)  # key → when it began
    began: float = field(default_factory=time.monotonic)

    @property
    def total(self) -> float:
        return sum(self.costs.values())

    @property
    def completed(self) -> float:
        """Estimated seconds of what is done, and of what has been spent on what is running."""
        now = time.monotonic()
        under_way = (min(now - at, self.costs[key]) for key, at in self.running.items())
        return sum(self.costs[key] for key in self.done) + sum(under_way)

    @property
    def remaining_s(self) -> float:
        """Seconds by the clock, at the pace so far; by the estimate until a run is finished."""
        left = self.total - self.completed
        worked = self.completed - sum(self.costs[key] for key in self.reused)
        elapsed = time.monotonic() - self.began
        if self.done - self.reused and worked > 0:
            return left * elapsed / worked
        return left / self.workers


@dataclass(frozen=True)
class Runner:
    """Where runs read and write, and how many there are at a time."""

    data: Path
    runs: Path
    fingerprint: str  # of the data
    workers: int = 2
    restart: bool = False

    def carry_out(self, plan: Sequence[tuple[Run, float]], show: Show) -> Outcome:
        """Run all that is not recorded; `plan` has each run with its estimated seconds.

        Raises:
            CheckpointError: a recorded run is of other data.
        """
        found: Outcome = {}
        progress = Progress({run.key: cost for run, cost in plan}, self.workers)
        waiting = []
        for run, _ in plan:
            if record := self._recorded(run):
                found[run.key] = record
                progress.done.add(run.key)
                progress.reused.add(run.key)
            else:
                waiting.append(run)
        self._work(waiting, found, progress, show)
        return found

    def _recorded(self, run: Run) -> Record | None:
        record = None if self.restart else load(self.runs, run.key)
        if record and record.data_fingerprint != self.fingerprint:
            raise CheckpointError(
                f"{self.runs} holds runs of other data: use --restart or another folder"
            )
        return record

    def _work(self, waiting: list[Run], found: Outcome, progress: Progress, show: Show) -> None:
        running: Running = {}
        with _ended(running):
            while waiting or running:
                self._fill(waiting, running, progress)
                self._collect(running, found, progress)
                show(progress)
                time.sleep(LOOK_S)

    def _fill(self, waiting: list[Run], running: Running, progress: Progress) -> None:
        """Start as many as there are places."""
        while waiting and len(running) < self.workers:
            run = waiting.pop(0)
            running[run.key] = (run, self._start(run))
            progress.running[run.key] = time.monotonic()

    def _collect(self, running: Running, found: Outcome, progress: Progress) -> None:
        """Take what has ended."""
        ended = [pair for pair in running.values() if pair[1].poll() is not None]
        for run, process in ended:
            found[run.key] = self._outcome(run, process.returncode)
            del running[run.key], progress.running[run.key]
            progress.done.add(run.key)

    def _start(self, run: Run) -> subprocess.Popen[bytes]:
        shown = one_thread(run) if self.workers > 1 else run
        words = [str(self.data), str(self.runs), run.key]
        words += [RESTART] if self.restart else []
        with self._log(run).open("wb") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "trainer.reproduce.worker", *words, *shown.settings],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C reaches us alone, and we end them
                env={**os.environ, "OMP_WAIT_POLICY": "passive"},
            )  # fmt: skip

    def _outcome(self, run: Run, code: int) -> Record | Failure:
        log = self._log(run)
        record = load(self.runs, run.key) if code == 0 else None
        if record:
            log.unlink(missing_ok=True)
            return record
        lines = log.read_text(errors="replace").split("\n")
        said = next((line for line in reversed(lines) if line.strip()), "")
        why = said or (f"killed by signal {-code}" if code < 0 else f"exit code {code}")
        return Failure(key=run.key, settings=run.settings, message=why[:500])

    def _log(self, run: Run) -> Path:
        return self.runs / f"{run.key}.log"


@contextmanager
def _ended(running: Running) -> Iterator[None]:
    """Leave no process behind, whatever happens."""
    try:
        yield
    finally:
        for _, process in running.values():
            process.send_signal(signal.SIGTERM)
        for _, process in running.values():
            _wait(process)


def _wait(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
