"""Runs that ended → everything the page shows, put together row by row and figure by figure."""

import os
import platform
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from trainer.checkpoint import library_versions, open_checkpoint
from trainer.config import Config
from trainer.evaluation import Trial
from trainer.reproduce.cases import cases_of
from trainer.reproduce.clouds import cloud_of
from trainer.reproduce.contrasts import Standings, contrasts_of
from trainer.reproduce.curves import curve_of
from trainer.reproduce.findings import findings
from trainer.reproduce.lines import line_of
from trainer.reproduce.plan import Plan
from trainer.reproduce.record import Failure, ranks
from trainer.reproduce.results import (
    Case,
    Cloud,
    Contrast,
    Curve,
    Data,
    Line,
    Machine,
    Results,
    Share,
)
from trainer.reproduce.runner import Outcome
from trainer.reproduce.shares import shares_of
from trainer.towers import NETWORKS
from trainer.train import training_tags


@dataclass(frozen=True)
class Assembly:
    """What the runs came to, put together."""

    plan: Plan
    outcome: Outcome
    runs: Path
    held: Trial
    base: Config  # of the settings that all runs share

    def results(self, command: str, workers: int, began: float) -> Results:
        """Everything the page shows; `began` is by the monotonic clock."""
        lines = tuple(line_of(row, runs, self.outcome) for row, runs in self.plan.rows)
        standings = Standings(self.runs, self.held.groups)
        draft = Results(
            quick=self.plan.quick,
            date=datetime.now(UTC).date().isoformat(),
            command=command,
            seconds=round(time.monotonic() - began, 1),
            machine=machine(workers),
            data=self._data(),
            lines=lines,
            contrasts=tuple(self._contrasts(lines, standings)),
            shares=tuple(self._shares(lines, standings)),
            clouds=tuple(self._clouds(lines)),
            cases=self._cases(lines),
            curves=tuple(self._curves(lines)),
            findings=(),
            failures=tuple(f for f in self.outcome.values() if isinstance(f, Failure)),
        )
        return draft.model_copy(update={"findings": findings(draft)})

    def _data(self) -> Data:
        dataset, split = self.held.dataset, self.held.split
        return Data(
            name=dataset.description.name,
            notes=dataset.description.notes,
            domains=dataset.domains,
            target_domain=dataset.target_domain,
            items=len(dataset.item_ids),
            users=len(dataset.user_ids),
            interactions=len(dataset.sequences.items),
            tags=len(training_tags(self.held, self.base)),
            training=len(split.train.items),
            cold_items=len(split.pool),
            judged={name: int(group.sum()) for name, group in self.held.groups.items()},
            fingerprint=dataset.fingerprint,
            split_fingerprint=split.fingerprint,
        )

    def _contrasts(self, lines: Sequence[Line], standings: Standings) -> Iterator[Contrast]:
        by_name = {line.name: line for line in lines if line.keys}
        alone = {row.name: row.alone for row, _ in self.plan.rows}
        pairs = [(row.name, other) for row, _ in self.plan.rows for other in row.against]
        for names in pairs:
            if by_name.keys() >= set(names):
                mine, theirs = ((by_name[name], alone[name]) for name in names)
                yield from contrasts_of(mine, theirs, standings)

    def _shares(self, lines: Sequence[Line], standings: Standings) -> Iterator[Share]:
        for line in lines:
            if line.name.startswith("figure4/") and line.keys:
                yield from shares_of(line, standings)

    def _clouds(self, lines: Sequence[Line]) -> Iterator[Cloud]:
        for line in lines:
            if line.name.startswith("figure5/") and line.keys:
                found = cloud_of(line, open_checkpoint(self.runs / line.keys[0]), self.held)
                if found:
                    yield found

    def _cases(self, lines: Sequence[Line]) -> tuple[Case, ...]:
        for line in lines:
            if line.name.startswith("figure8/") and line.keys:
                found = open_checkpoint(self.runs / line.keys[0])
                return cases_of(found, self.held, ranks(self.runs, line.keys[0], alone=False))
        return ()

    def _curves(self, lines: Sequence[Line]) -> Iterator[Curve]:
        for line in lines:
            model = line.name.rpartition("/")[2]
            shown = line.name.startswith(("table4/paper/", "table4/default/"))
            if shown and line.keys and model in NETWORKS:
                found = curve_of(line, self.runs / line.keys[0])
                if found:
                    yield found


def machine(workers: int) -> Machine:
    """What this runs on, without a name or a path of it."""
    return Machine(
        system=f"{platform.system()} {platform.machine()}",
        cores=os.cpu_count() or 1,
        workers=workers,
        python=platform.python_version(),
        libraries=library_versions(),
    )
