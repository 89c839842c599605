"""Figures of an evaluation as a table for people."""

from rich.console import Console
from rich.table import Table

from trainer.evaluation import Report


def figures(report: Report) -> None:
    """Print every metric by model and kind of user; say so when nothing was held out."""
    console = Console()
    if not report:
        console.print("nothing was held out, so nothing is judged")
        return
    names = [name for name in next(iter(report["couple"].values())) if name != "users"]
    table = Table(title="cold items; HR and NDCG against 100 sampled negatives, Recall over all")
    table.add_column("users")
    table.add_column("model")
    for name in names:
        table.add_column(name, justify="right")
    for group, metrics in report["couple"].items():
        for model, groups in report.items():
            label = f"{group} ({metrics['users']:,.0f})" if model == "couple" else ""
            table.add_row(label, model, *(f"{groups[group][name]:.3f}" for name in names))
        table.add_section()
    console.print(table)
