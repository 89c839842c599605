"""Figures of an evaluation as tables for people; they fit a terminal of 80 columns."""

from collections.abc import Mapping

from rich.console import Console
from rich.table import Table

from trainer.bootstrap import LEVEL, RESAMPLES, Interval
from trainer.comparison import Comparison, Tests
from trainer.evaluation import Metrics, Report

NOTHING = "nothing was held out, so nothing is judged"


def figures(report: Report) -> None:
    """Print every metric by kind of user and model; say so when nothing was held out."""
    _metrics(Console(), report, {}, {}, "cold items")


def compared(found: Comparison, against: Mapping[str, Tests], *, full_pool: bool) -> None:
    """Print the metrics of several models, over their seeds, and who beats whom."""
    console = Console()
    pool = "target items, warm ones too" if full_pool else "cold items"
    seeds = {name: len(ranks) for name, ranks in found.ranks.items()}
    _metrics(console, found.means(), found.deviations(), seeds, pool)
    for other, tests in against.items():
        for name, groups in tests.items():
            console.print(_differences(f"{name} - {other}", groups))
    if any(against.values()):
        console.print(f"[dim]In brackets: {LEVEL} % of {RESAMPLES:,} paired draws of the users.")
        console.print("[dim]Bold: zero lies outside.")


def _metrics(
    console: Console,
    means: Report,
    deviations: Report,
    seeds: Mapping[str, int],
    pool: str,
) -> None:
    if not means:
        console.print(NOTHING)
        return
    console.print("[bold]Cold items[/]: HR and NDCG@5, @10 against 100 sampled negatives,")
    console.print(f"R (recall) and NDCG@100 over all {pool}")
    if deviations:
        console.print("mean over the seeds (x their number) ± standard deviation")
    console.print(_table(means, deviations, seeds))


def _table(means: Report, deviations: Report, seeds: Mapping[str, int]) -> Table:
    groups = next(iter(means.values()))
    names = [name for name in next(iter(groups.values())) if name != "users"]
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("users")
    table.add_column("model", max_width=11, overflow="fold")
    for name in names:
        table.add_column(name.replace("Recall", "R"), justify="right")
    for group, metrics in groups.items():
        label = f"{group} ({metrics['users']:,.0f})"
        for model, found in means.items():
            times = f" x{seeds[model]}" if seeds.get(model, 1) > 1 else ""
            table.add_row(label, model + times, *_cells(found, group, names))
            if model in deviations:
                table.add_row("", "  ±", *_cells(deviations[model], group, names), style="dim")
            label = ""
    return table


def _cells(metrics: Metrics, group: str, names: list[str]) -> list[str]:
    return [f"{metrics[group][name]:.3f}" for name in names]


def _differences(title: str, groups: dict[str, dict[str, Interval]]) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0), title=f"\n[bold]{title}[/]", title_justify="left")
    table.add_column("users")
    for name in next(iter(groups.values())):
        table.add_column(name, justify="right")
    for group, metrics in groups.items():
        table.add_row(group, *map(_difference, metrics.values()))
    return table


def _difference(found: Interval) -> str:
    """ "+.017 [+.008, +.026]"; bold where zero is outside."""
    middle, low, high = (f"{number:+.3f}".replace("0.", ".", 1) for number in found)
    text = f"{middle} [{low}, {high}]".replace("[", r"\[", 1)
    return f"[bold]{text}[/]" if found.proven else text
