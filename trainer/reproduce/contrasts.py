"""Is one row of a table above another? Paired over users, with the seeds that both rows have.

The interval is over users alone: it says nothing of other seeds (which the tables' deviations do)
nor of other cold items.
"""

from pathlib import Path

from trainer.bootstrap import paired
from trainer.metrics import Ranks
from trainer.reproduce.record import ranks
from trainer.reproduce.results import Contrast, Line
from trainer.sequences import Flags


class Standings:
    """Ranks of finished rows, read once each."""

    def __init__(self, runs: Path, groups: dict[str, Flags]) -> None:
        """Take the folder of the runs, and which judged users are of each group: [B]."""
        self.groups = groups
        self._runs = runs
        self._read: dict[tuple[str, bool], Ranks] = {}

    def of(self, line: Line, alone: bool = False) -> list[Ranks]:
        """Of every finished run of a row."""
        return [self._of(key, alone) for key in line.keys]

    def _of(self, key: str, alone: bool) -> Ranks:
        if (key, alone) not in self._read:
            self._read[key, alone] = ranks(self._runs, key, alone)
        return self._read[key, alone]


def contrasts_of(
    row: tuple[Line, bool], other: tuple[Line, bool], standings: Standings
) -> list[Contrast]:
    """The difference in every group and metric; each row comes with whether it stands alone."""
    mine, theirs = (standings.of(*one) for one in (row, other))
    if min(len(mine), len(theirs)) > 1:
        shared = min(len(mine), len(theirs))
        mine, theirs = mine[:shared], theirs[:shared]
    # Else one of them is a model without a seed, or a single run: all of the other one count.
    return [
        Contrast(
            row=row[0].name, against=other[0].name, group=group, metric=metric,
            **found._asdict(), seeds=max(len(mine), len(theirs)),
        )
        for group, member in standings.groups.items()
        for metric, found in paired(mine, theirs, member).items()
    ]  # fmt: skip
