"""Made-up results, small enough to check by hand."""

from trainer.reproduce.record import Failure, Leaves
from trainer.reproduce.results import (
    Candidate,
    Case,
    Cloud,
    Contrast,
    Curve,
    Data,
    Item,
    Leaf,
    Line,
    Link,
    Machine,
    Results,
    Share,
    Value,
)
from trainer.reproduce.rows import DEFAULT_BLOCK, ROWS, Row

NAMES = ("HR@5", "HR@10", "NDCG@5", "NDCG@10", "Recall@100", "NDCG@100")
BY_NAME = {row.name: row for row in ROWS}


def line(row: Row, start: float, leaves: Leaves | None = None) -> Line:
    """A row whose metrics count up from `start` in steps of .0111."""
    metrics = {
        group: {
            name: Value(mean=start + 0.0111 * (place + shift), sd=0.0123, seeds=(0.1, 0.2))
            for place, name in enumerate(NAMES)
        }
        for shift, group in enumerate(("all", "warm", "cold"))
    }
    return Line(
        name=row.name, label=row.label, block=row.block, settings=row.settings,
        keys=(f"key-{row.name}",), metrics=metrics, whole_pool=metrics, seconds=61.0,
        peak_mb=512.0, leaves=leaves,
    )  # fmt: skip


def contrast(
    row: str, against: str, bounds: tuple[float, float], group: str = "all", metric: str = "HR@10"
) -> Contrast:
    """A comparison of the middle of its bounds."""
    low, high = bounds
    return Contrast(
        row=row, against=against, group=group, metric=metric, difference=(low + high) / 2,
        low=low, high=high, seeds=2,
    )  # fmt: skip


def results(
    contrasts: tuple[Contrast, ...] = (),
    lines: tuple[Line, ...] = (),
    clouds: tuple[Cloud, ...] = (),
) -> Results:
    """A report of these, and of nothing else."""
    return Results(
        quick=False, date="2026-11-24", command="couple reproduce --data DATA --out REPORT",
        seconds=3600.0, machine=MACHINE, data=DATA, lines=lines, contrasts=contrasts, shares=(),
        clouds=clouds, cases=(), curves=(), findings=(), failures=(),
    )  # fmt: skip


def cloud(row: str, silhouette: float | None) -> Cloud:
    """A tree of four leaves under two parents."""
    leaves = tuple(Leaf(x=i, y=-i, parent=i // 2, users=3 * i) for i in range(4))
    found = BY_NAME[row]
    return Cloud(
        row=row, label=found.label, block=found.block, silhouette=silhouette, leaves=leaves
    )


def whole() -> Results:
    """A report with something in every section."""
    some = [row for row in ROWS if row.table in ("table4", "table5", "beyond", "figure4")]
    used = Leaves(leaves=512, used=345, perplexity=123.0)
    lines = tuple(line(row, 0.1 + 0.002 * n, used) for n, row in enumerate(some))
    pairs = [(row, other) for row in some for other in row.against]
    contrasts = tuple(
        contrast(row.name, other, (0.001 * n - 0.02, 0.001 * n + 0.01), group, metric)
        for n, (row, other) in enumerate(pairs)
        for group in ("all", "warm", "cold")
        for metric in ("HR@10", "NDCG@10", "Recall@100")
    )
    shares = tuple(
        Share(row="figure4/default/1", block=DEFAULT_BLOCK, share=share, group=group,
              metric=metric, value=0.3, low=0.28, high=0.32)
        for share in (1.0, 0.5) for group in ("warm", "cold") for metric in ("HR@10", "NDCG@10")
    )  # fmt: skip
    curve = Curve(row="table4/default/couple", label="COUPLE", block=DEFAULT_BLOCK,
                  steps=(0, 25, 50), loss=(6.5, 5.25, 4.125))  # fmt: skip
    return results(contrasts, lines, (cloud("figure5/default/with", 0.123),)).model_copy(
        update={
            "shares": shares,
            "cases": (CASE,),
            "curves": (curve,),
            "failures": (Failure(key="icf-x", settings=(), message="no <memory> left"),),
        }
    )


MACHINE = Machine(system="Linux x86_64", cores=2, workers=2, python="3.11.7",
                  libraries={"torch": "2.13.0"})  # fmt: skip
DATA = Data(
    name="made-up", notes="a <b>note</b>", domains=("product", "video"), target_domain="video",
    items=480, users=300, interactions=2452, tags=66, training=2244, cold_items=36,
    judged={"all": 40, "warm": 18, "cold": 22}, fingerprint="ab" * 32, split_fingerprint="cd" * 32,
)  # fmt: skip
WOK = Item(name="A wok & a knife", domain="product", tags=("wok", "chef knife"))
STREET = Item(name="Street <food>", domain="video", tags=("street food",))
CASE = Case(
    kind="a cold user whose next item was found", history=(WOK,), truth=STREET, rank=4,
    candidates=(
        Candidate(item=STREET, truth=True, score=0.81,
                  links=(Link(history="wok", candidate="street food", cosine=0.77),)),
    ),
)  # fmt: skip
