"""The report's tables as text in cells: HTML and Markdown both print these."""

from dataclasses import dataclass

from trainer.reproduce.paper import ABLATION, AMAZON, TPMV
from trainer.reproduce.results import Line, Results
from trainer.reproduce.rows import BLOCKS, PAPER_BLOCK, TABLES
from trainer.reproduce.wording import interval, number, value

FIVE = ("HR@5", "HR@10", "NDCG@5", "NDCG@10")
FULL = ("Recall@100", "NDCG@100")
APART = ("HR@10", "NDCG@10", "Recall@100")
COMPARED = ("table5", "readings", "beyond")


@dataclass(frozen=True)
class Sheet:
    """A table: rows of cells under their columns, some under a heading of their own."""

    name: str
    title: str
    note: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...]  # block, cells


def sheets(found: Results) -> list[Sheet]:
    """Every table that has rows."""
    made = [_table4(found), _apart(found), *(_compared(found, name) for name in COMPARED)]
    made += [_figure4(found), _trees(found), _cost(found)]
    return [sheet for sheet in made if sheet.rows]


def _table4(found: Results) -> Sheet:
    columns = ("model", *FIVE, *FULL, "paper, TPMV: HR@10 / NDCG@10", "paper, Amazon")
    rows = []
    for line in found.table("table4"):
        model = line.name.rpartition("/")[2]
        paper = [_printed(numbers.get(model), line) for numbers in (TPMV, AMAZON)]
        rows.append((line.block, (line.label, *_cells(line, "all", (*FIVE, *FULL)), *paper)))
    note = (
        "All judged users. HR and NDCG@5, @10 among the truth and 100 negatives, 50 drawn "
        "uniformly and 50 by popularity from the cold items; Recall and NDCG@100 among all cold "
        "items. Mean ± standard deviation over seeds. The paper's own numbers are of other data "
        "sets: only the order of the models can be compared."
    )
    return Sheet("table4", TABLES["table4"], note, columns, tuple(rows))


def _printed(numbers: tuple[float, ...] | None, line: Line) -> str:
    """HR@10 and NDCG@10 as the paper prints them, beside the recipe that is the paper's."""
    if numbers is None or line.block != PAPER_BLOCK:
        return ""
    return f"{number(numbers[1])} / {number(numbers[3])}"


def _apart(found: Results) -> Sheet:
    groups = ("warm", "cold")
    columns = tuple(f"{group}: {metric}" for group in groups for metric in APART)
    rows = tuple(
        (line.block, (line.label, *(c for group in groups for c in _cells(line, group, APART)),
                      *_cells(line, "all", ("HR@10", "Recall@100"), whole=True)))
        for line in found.table("table4")
    )  # fmt: skip
    note = (
        "Warm users have items of the target domain in their history, cold users none. The last "
        "two columns: all users, the truth among the target domain's items, cold or not; a model "
        "that puts new items first gains there by that alone."
    )
    wide = ("model", *columns, "whole pool: HR@10", "whole pool: Recall@100")
    return Sheet("apart", "Warm and cold users apart", note, wide, rows)


def _compared(found: Results, name: str) -> Sheet:
    rows = []
    for line in found.table(name):
        cells = _cells(line, "all", APART)
        cold = _cells(line, "cold", ("HR@10",))
        paper = [number(part) for part in ABLATION.get(line.name, ())]
        printed = (" / ".join(paper),) if name == "table5" else ()
        rows.append((line.block, (line.label, *cells, *cold, _against(found, line), *printed)))
    columns = ("", *APART, "cold users: HR@10", "difference in HR@10")
    note = NOTES[name]
    printed_column = ("paper, TPMV: HR@10 / NDCG@10",) if name == "table5" else ()
    return Sheet(name, TABLES[name], note, (*columns, *printed_column), tuple(rows))


NOTES = {
    "table5": "Differences are to the base, and of the queue also to batch negatives: mean over "
    "users with its 95 % interval.",
    "readings": "Where the paper's text leaves a choice: each reading changed alone, in the "
    "paper's recipe or in the default. Differences are to the recipe as it is, seed 0: "
    "the interval is over users and knows nothing of other seeds.",
    "beyond": "Parts of the default recipe that the paper does not have, or has otherwise, each "
    "changed alone. Differences are to the recipe as it is, seed 0.",
}


def _against(found: Results, line: Line) -> str:
    """The differences of a row to those it is held against."""
    some = [c for c in found.contrasts if c.row == line.name and c.group == "all"]
    return "; ".join(interval(c) for c in some if c.metric == "HR@10")


def _figure4(found: Results) -> Sheet:
    rows = tuple(
        (
            line.block,
            (line.label, *_cells(line, "warm", FIVE[1::2]), *_cells(line, "cold", FIVE[1::2])),
        )
        for line in found.table("figure4")
    )
    columns = ("source data", "warm: HR@10", "warm: NDCG@10", "cold: HR@10", "cold: NDCG@10")
    note = "Share of source-domain interactions left in training; histories of judged users whole."
    return Sheet("figure4", TABLES["figure4"], note, columns, rows)


def _trees(found: Results) -> Sheet:
    """Every tree once, though several tables may show its run."""
    silhouettes = {cloud.row: cloud.silhouette for cloud in found.clouds}
    of_run = {line.keys: silhouettes.get(line.name) for line in found.table("figure5")}
    trees = {line.keys: line for line in reversed(found.lines) if line.leaves}
    rows = [
        (line.block or PAPER_BLOCK, _tree(line, of_run.get(line.keys)))
        for line in reversed(trees.values())
    ]
    rows.sort(key=lambda row: BLOCKS.index(row[0]))
    note = (
        "Each judged user counted at their heaviest leaf. Perplexity: as many leaves used evenly. "
        "Silhouette: of the leaves by their parent, by cosine."
    )
    columns = ("run", "leaves used", "perplexity", "silhouette")
    return Sheet("trees", "Use of the memory tree", note, columns, tuple(rows))


def _tree(line: Line, silhouette: float | None) -> tuple[str, ...]:
    table = TABLES[line.name.partition("/")[0]].partition(":")[0]
    use = line.leaves
    shown = (f"{use.used} of {use.leaves}", f"{use.perplexity:.0f}") if use else ("", "")
    return (f"{line.label} ({table})", *shown, number(silhouette))


def _cost(found: Results) -> Sheet:
    rows = tuple(
        (line.block, (line.label, number(line.seconds, 0), number(line.peak_mb, 0)))
        for line in found.table("table4")
        if "/alone/" not in line.name
    )
    note = "Of one run, reading and judging included; one thread where runs went side by side."
    return Sheet("cost", "Time and memory", note, ("model", "seconds", "peak MB"), rows)


def _cells(line: Line, group: str, names: tuple[str, ...], whole: bool = False) -> tuple[str, ...]:
    metrics = (line.whole_pool if whole else line.metrics).get(group, {})
    return tuple(value(metrics.get(name)) for name in names)
