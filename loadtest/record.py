"""The course of a run: tallies by kind of call, by interval of time, and by step of a ramp.

An interval holds what was due in it, so a stall shows where it was and not where it ended. There
are at most 240 of them, so a soak of a day takes no more memory than a minute.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from functools import partial
from math import ceil
from typing import Any

from loadtest.open_loop import Note
from loadtest.tally import Tally, is_degraded

MOST_INTERVALS = 240
SHORTEST_S = 0.5


@dataclass(frozen=True)
class Step:
    """One rate of a ramp."""

    rate: float
    tally: Tally = field(default_factory=Tally)


class Record:
    """Of one scenario, planned for so many seconds."""

    def __init__(self, seconds: float) -> None:
        self.width = max(SHORTEST_S, seconds / MOST_INTERVALS)
        self.kinds: defaultdict[str, Tally] = defaultdict(Tally)
        self.intervals: defaultdict[int, Tally] = defaultdict(Tally)
        self.steps: list[Step] = []
        self.marks: list[tuple[float, str]] = []  # what happened, and when
        self.pauses: list[float] = []  # of the generator, the longest of each stretch
        self.started = 0.0  # when the stretch that runs began
        self.seconds = 0.0  # until the last stretch ended

    def noting(self, kind: str) -> Note:
        """Whom an open loop tells of a call's answer."""
        return partial(self._note, kind)

    def _note(self, kind: str, due: float, now: float, status: int, body: bytes) -> None:
        degraded, took = is_degraded(body), now - due
        at = self.started + due
        for tally in (self.kinds[kind], self.intervals[int(at / self.width)]):
            tally.note(took, status, degraded)
        if self.steps:
            self.steps[-1].tally.note(took, status, degraded)

    def mark(self, moment: float, text: str) -> None:
        """Note what happened, seconds since the run began."""
        self.marks.append((moment, text))

    def end_stretch(self, seconds: float, pauses: list[float]) -> None:
        """A stretch of arrivals is over, and so is what was waited for after it."""
        self.seconds = self.started + seconds
        self.pauses.append(max(pauses, default=0.0))

    @property
    def total(self) -> Tally:
        """Every call of the run."""
        whole = Tally()
        for tally in self.kinds.values():
            whole.add(tally)
        return whole

    def between(self, start: float, end: float) -> Tally:
        """Calls due in a part of the run, to the interval."""
        whole = Tally()
        for number, tally in self.intervals.items():
            if ceil(start / self.width) <= number < ceil(end / self.width):
                whole.add(tally)
        return whole

    def encode(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "width": self.width,
            "seconds": self.seconds,
            "kinds": {kind: tally.encode() for kind, tally in self.kinds.items()},
            "intervals": {str(n): tally.encode() for n, tally in sorted(self.intervals.items())},
            "steps": [{"rate": step.rate, **step.tally.encode()} for step in self.steps],
            "marks": self.marks,
            "pauses": self.pauses,
        }

    @classmethod
    def decode(cls, told: dict[str, Any]) -> "Record":
        """What `encode` gave."""
        record = cls(0.0)
        record.width, record.seconds = told["width"], told["seconds"]
        for kind, tally in told["kinds"].items():
            record.kinds[kind] = Tally.decode(tally)
        for number, tally in told["intervals"].items():
            record.intervals[int(number)] = Tally.decode(tally)
        record.steps = [Step(step["rate"], Tally.decode(step)) for step in told["steps"]]
        record.marks = [(moment, text) for moment, text in told["marks"]]
        record.pauses = told["pauses"]
        return record
