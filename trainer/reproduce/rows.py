"""The rows of the report's tables: what each trains, and which other row it is held against.

Tables 4 and 5 and the figures are the paper's; `readings` are the places where its text leaves a
choice (MODEL.md), `beyond` is what the default recipe adds to it, one part taken away at a time.
"""

from dataclasses import dataclass
from types import MappingProxyType

TABLES = MappingProxyType({
    "table4": "Table 4: all models",
    "table5": "Table 5: ablation at the paper's recipe",
    "readings": "Readings of the paper",
    "beyond": "Beyond the paper",
    "figure4": "Figure 4: source-domain data",
    "figure5": "Figure 5: groups of the memory tree",
    "figure8": "Figure 8: retrieval cases",
})  # fmt: skip

MODELS = MappingProxyType({
    "dssm": "DSSM",
    "deepconn": "DeepCoNN",
    "youtube": "YouTube DNN",
    "ican": "ICAN",
    "sasrec": "SASRec",
    "comirec": "ComiRec",
    "couple": "COUPLE",
})  # fmt: skip
RIVALS = tuple(name for name in MODELS if name != "couple")
UNTRAINED = MappingProxyType({
    "popularity": "Popularity",
    "tfidf": "TF-IDF profile",
    "icf": "ICF*",
    "icf-mf": "ICF-MF",
})  # fmt: skip

# The paper's recipe as every row of it is trained. Its learning rate of 1e-4 is for five million
# samples; on fewer it under-trains every network, COUPLE and rivals alike.
PAPER = ("recipe=paper", "lr=1e-3")
PAPER_BLOCK = "The paper's recipe"
DEFAULT_BLOCK = "The default recipe: network and factors"
ALONE_BLOCK = "The default recipe: the network alone"
UNTRAINED_BLOCK = "Without a network"
SHARES = (1.0, 0.75, 0.5, 0.25, 0.0)
LIVING_TREE = ("routing=cosine", "renormalise=true", "unit_parts=true", "balance=2")


@dataclass(frozen=True)
class Row:
    """A line of a table."""

    name: str  # "table4/paper/couple": others refer to it
    label: str
    settings: tuple[str, ...]
    block: str = ""
    against: tuple[str, ...] = ()  # names of rows of the same table
    alone: bool = False  # judge the network without its factors
    quick: bool = True  # part of a smoke run

    @property
    def table(self) -> str:
        return self.name.partition("/")[0]

    @property
    def untrained(self) -> bool:
        return any(f"model={name}" in self.settings for name in UNTRAINED)


def _table4() -> list[Row]:
    nothing = [f"table4/{name}" for name in UNTRAINED]
    rows = []
    for model, label in MODELS.items():
        mine, couple = (f"model={model}",), model == "couple"
        quick = model in ("youtube", "sasrec", "couple")
        paper, default, alone = (
            tuple(f"table4/{recipe}/{rival}" for rival in RIVALS)
            for recipe in ("paper", "default", "alone")
        )
        more = ("table4/alone/couple", "table4/paper/couple")
        rows += [
            Row(f"table4/paper/{model}", label, (*PAPER, *mine), PAPER_BLOCK,
                (*paper, *nothing) if couple else ()),
            Row(f"table4/default/{model}", label, mine, DEFAULT_BLOCK,
                (*default, *nothing, *more) if couple else (), quick=quick),
            Row(f"table4/alone/{model}", label, mine, ALONE_BLOCK,
                (*alone, *nothing, "table4/paper/couple") if couple else (), alone=True,
                quick=quick),
        ]  # fmt: skip
    rows += [
        Row(f"table4/{name}", label, (f"model={name}",), UNTRAINED_BLOCK)
        for name, label in UNTRAINED.items()
    ]
    return sorted(rows, key=lambda row: BLOCKS.index(row.block))


BLOCKS = (PAPER_BLOCK, DEFAULT_BLOCK, ALONE_BLOCK, UNTRAINED_BLOCK)


def _table5() -> list[Row]:
    base = ("table5/base",)
    return [
        Row("table5/base", "Base: history and domains", (*PAPER, "content=false", "group=false")),
        Row("table5/content", "Base + content preference", (*PAPER, "group=false"), against=base),
        Row("table5/tree", "Base + memory tree", (*PAPER, "content=false"), against=base),
        Row("table5/batch", "All + batch negatives", (*PAPER, "negatives=batch"), against=base),
        Row("table5/queue", "All + FIFO queue", PAPER, against=(*base, "table5/batch")),
    ]


def _changed(
    table: str, block: str, given: tuple[str, ...], changes: dict[str, str], quick: str
) -> list[Row]:
    """A reference row, and one for each change of it: label → settings apart by blanks."""
    start = f"{table}/{'paper' if given else 'default'}"
    rows = [Row(start, "as it is", given, block)]
    for label, setting in changes.items():
        settings = (*given, *setting.split())
        name = f"{start}/{label}"
        rows.append(Row(name, label, settings, block, (start,), quick=label == quick))
    return rows


OF_PAPER = {
    "tree repaired: cosine, top K, unit parts, balance": " ".join(LIVING_TREE),
    "top K renormalised alone": "renormalise=true",
    "parts of length 1 alone": "unit_parts=true",
    "τ annealed over the run, to 0.1": "anneal=fraction tau_floor=0.1",
    "negatives re-encoded, with gradient": "negatives=reencoded",
}
OF_DEFAULT = {
    "Eq. (2) by heads": "aggregate=heads",
    "tree as printed": "routing=dot renormalise=false unit_parts=false balance=0",
    "dot routing": "routing=dot",
    "top K not renormalised": "renormalise=false",
    "parts at their own length": "unit_parts=false",
    "no balance of the leaves": "balance=0",
    "τ annealed by steps, to 1": "anneal=steps tau_floor=1",
    "SRIP over columns, as printed": "srip_over=columns",
    "SRIP over rows": "srip_over=rows",
    "negatives from the FIFO queue": "negatives=queue",
    "negatives re-encoded": "negatives=reencoded",
}
BEYOND = {
    "without factors": "factors=0",
    "with the residual": "residual=true",
    "tags start at random": "tag_init=random",
    "tags start mixed with TF-IDF": "tag_init=mixed",
    "tags start scaled by IDF": "tag_scale=idf",
    "log-Q 0": "log_q=0",
    "log-Q 0.5": "log_q=0.5",
    "hard negatives": "hard_negatives=1",
    "no tag dropout": "tag_dropout=0",
    "domains always shown in training": "domain_dropout=0",
    "domains never shown": "domain_dropout=1",
    "no domain vectors": "domain_vectors=false",
    "random histories": "shuffled=0.6",
    "no empty histories": "empty=0",
    "20 items of history": "max_items=20",
    "without content preference": "content=false",
    "without the memory tree": "group=false",
    "history alone": "content=false group=false",
}


def _figure4() -> list[Row]:
    rows = []
    for block, given, name in ((PAPER_BLOCK, PAPER, "paper"), (DEFAULT_BLOCK, (), "default")):
        whole = f"figure4/{name}/1"
        for share in SHARES:
            against = () if share == 1 else (whole,)
            setting = (*given, f"source_share={share:g}")
            rows.append(
                Row(f"figure4/{name}/{share:g}", f"{100 * share:.0f} %", setting, block, against,
                    quick=not given and share in (1.0, 0.5, 0.0))
            )  # fmt: skip
    return rows


def _figure5() -> list[Row]:
    """SRIP on and off: of the paper's recipe, whose tree may be dead, and of the default's."""
    return [
        Row("figure5/default/with", "with SRIP", (), DEFAULT_BLOCK),
        Row("figure5/default/without", "without SRIP", ("srip=0",), DEFAULT_BLOCK,
            ("figure5/default/with",)),
        Row("figure5/paper/with", "with SRIP", PAPER, PAPER_BLOCK, quick=False),
        Row("figure5/paper/without", "without SRIP", (*PAPER, "srip=0"), PAPER_BLOCK,
            ("figure5/paper/with",), quick=False),
    ]  # fmt: skip


ROWS: tuple[Row, ...] = (
    *_table4(),
    *_table5(),
    *_changed("readings", PAPER_BLOCK, PAPER, OF_PAPER, quick=next(iter(OF_PAPER))),
    *_changed("readings", DEFAULT_BLOCK, (), OF_DEFAULT, quick="tree as printed"),
    *_changed("beyond", DEFAULT_BLOCK, (), BEYOND, quick="with the residual"),
    *_figure4(),
    *_figure5(),
    Row("figure8/couple", "COUPLE", (), DEFAULT_BLOCK),
)
