"""Records of runs → rows of tables: means and standard deviations over seeds."""

import numpy as np

from trainer.evaluation import Metrics
from trainer.reproduce.plan import Run
from trainer.reproduce.record import Failure, Record
from trainer.reproduce.results import Line, Value
from trainer.reproduce.rows import Row


def line_of(row: Row, runs: tuple[Run, ...], found: dict[str, Record | Failure]) -> Line:
    """One row; its metrics are empty where no run was finished."""
    outcomes = [found.get(run.key) for run in runs]
    records = [outcome for outcome in outcomes if isinstance(outcome, Record)]
    judged = [record.alone or record.metrics if row.alone else record.metrics for record in records]
    return Line(
        name=row.name,
        label=row.label,
        block=row.block,
        settings=row.settings,
        keys=tuple(record.key for record in records),
        metrics=over_seeds(judged),
        whole_pool={} if row.alone else over_seeds([record.whole_pool for record in records]),
        seconds=_mean([record.seconds for record in records if not record.resumed]),
        peak_mb=_mean([record.peak_mb for record in records]),
        leaves=records[0].leaves if records else None,
    )


def over_seeds(runs: list[Metrics]) -> dict[str, dict[str, Value]]:
    """Each metric of each group over the runs; users are the same in all of them."""
    if not runs:
        return {}
    return {
        group: {name: value_of([run[group][name] for run in runs]) for name in metrics}
        for group, metrics in runs[0].items()
    }


def value_of(seeds: list[float]) -> Value:
    """Mean and sample standard deviation."""
    sd = float(np.std(seeds, ddof=1)) if len(seeds) > 1 else None
    return Value(mean=float(np.mean(seeds)), sd=sd, seeds=tuple(seeds))


def _mean(values: list[float]) -> float | None:
    return float(np.mean(values)) if values else None
