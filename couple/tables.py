"""Figures of an evaluation as a table for people; it fits a terminal of 80 columns."""

from rich.console import Console
from rich.table import Table

from trainer.evaluation import Report


def figures(report: Report) -> None:
    """Print every metric by kind of user and model; say so when nothing was held out."""
    console = Console()
    if not report:
        console.print("nothing was held out, so nothing is judged")
        return
    console.print("[bold]Cold items[/]: HR and NDCG@5, @10 against 100 sampled negatives,")
    console.print("R (recall) and NDCG@100 over all cold items")
    console.print(_table(report))


def _table(report: Report) -> Table:
    groups = report["couple"]
    names = [name for name in next(iter(groups.values())) if name != "users"]
    table = Table(box=None, padding=(0, 1, 0, 0))
    for title in ("users", "model"):
        table.add_column(title)
    for name in names:
        table.add_column(name.replace("Recall", "R"), justify="right")
    for group, metrics in groups.items():
        label = f"{group} ({metrics['users']:,.0f})"
        for model, found in report.items():
            table.add_row(label, model, *(f"{found[group][name]:.3f}" for name in names))
            label = ""
    return table
