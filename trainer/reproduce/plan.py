"""What the report trains: the rows of its tables, and the runs that they share.

A run is known by its settings, so a row of Table 4 and one of an ablation that mean the same
training are trained once. Rows are compared inside their own table only: `--only` needs no others.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from trainer.config import Config
from trainer.errors import ConfigError
from trainer.reproduce.rows import ROWS, TABLES, Row

SEEDS = {"table4": 3, "table5": 2}  # of networks; every other row is one run
QUICK_EPOCHS = 1 / 8
INCIDENTAL = {"threads", "save_every_s"}  # change no result

# Microseconds an example on one core, dim 64 and 8 items: only what the rest of a plan will take.
COST_US = {
    "couple": 135, "dssm": 34, "deepconn": 43, "youtube": 32, "ican": 70, "sasrec": 120,
    "comirec": 41,
}  # fmt: skip
SMALL_BATCH = 1.3  # steps of 256 cost more an example than steps of 512
BARE = 0.6  # COUPLE without content and tree
REENCODED = 1.6
FIXED_S = 15.0  # start, reading and judging
FACTORS_S = 20.0  # fitting and weighing them


@dataclass(frozen=True)
class Run:
    """One training: a configuration under a name that says most of it."""

    key: str
    settings: tuple[str, ...]
    config: Config

    def cost(self, targets: int) -> float:
        """Seconds on one core, roughly; `targets` is how many target events training has."""
        config = self.config
        if config.model not in COST_US:
            return FIXED_S
        micro = COST_US[config.model] * (SMALL_BATCH if config.batch < 512 else 1.0)
        micro *= config.max_items / 8 * config.dim / 64
        micro *= REENCODED if config.negatives == "reencoded" else 1.0
        micro *= 1.0 if config.content or config.group else BARE
        examples = config.epochs * targets * (1 + config.source_ratio)
        return FIXED_S + (FACTORS_S if config.factors else 0.0) + examples * micro * 1e-6


@dataclass(frozen=True)
class Plan:
    """Rows with their runs, one a seed."""

    rows: tuple[tuple[Row, tuple[Run, ...]], ...]
    quick: bool

    @property
    def runs(self) -> tuple[Run, ...]:
        """Every run once, in the order of the rows."""
        return tuple({run.key: run for _, runs in self.rows for run in runs}.values())


def plan(
    given: Sequence[str] = (), *, quick: bool = False, seeds: int | None = None,
    only: Iterable[str] = (),
) -> Plan:  # fmt: skip
    """Rows of the tables `only` (all by default), each with `given` settings under its own.

    `seeds` is for the rows of Tables 4 and 5. With `quick` one seed, an eighth of the epochs and
    fewer rows: a smoke run.

    Raises:
        ConfigError: no such table, or a setting that does not exist or fit.
    """
    wanted = tuple(only) or tuple(TABLES)
    if unknown := [name for name in wanted if name not in TABLES]:
        raise ConfigError(f"--only {unknown[0]}: there is no such table; {', '.join(TABLES)}")
    if reserved := [text for text in given if text.partition("=")[0].strip() in RESERVED]:
        raise ConfigError(f"--set {reserved[0]}: the report sets that itself, row by row")
    rows = [row for row in ROWS if row.table in wanted and (row.quick or not quick)]
    counts = {row.name: 1 if quick else _seeds(row, seeds) for row in rows}
    return Plan(tuple((row, _runs(row, given, counts[row.name], quick)) for row in rows), quick)


RESERVED = ("recipe", "model", "seed", "source_share")


def _seeds(row: Row, seeds: int | None) -> int:
    if row.untrained or row.table not in SEEDS:
        return 1
    return seeds or SEEDS[row.table]


def _runs(row: Row, given: Sequence[str], seeds: int, quick: bool) -> tuple[Run, ...]:
    return tuple(run_of([*given, *row.settings, f"seed={seed}"], quick) for seed in range(seeds))


def run_of(settings: Sequence[str], quick: bool = False) -> Run:
    """The run of these settings."""
    config = Config.with_overrides(settings)
    if quick:
        settings = [*settings, f"epochs={config.epochs * QUICK_EPOCHS:g}"]
        config = Config.with_overrides(settings)
    said = json.dumps(config.model_dump(mode="json", exclude=INCIDENTAL), sort_keys=True)
    short = hashlib.sha256(said.encode()).hexdigest()[:8]
    key = f"{config.model}-{config.recipe}-{short}-seed{config.seed}"
    return Run(key, tuple(settings), config)


def one_thread(run: Run) -> Run:
    """The same run for a core of its own."""
    return replace(run, settings=(*run.settings, "threads=1"))
