"""MicroLens-50k: real micro-videos with their creators' hashtags → screen (target) and other.

The user's own copy is read; nothing is downloaded. The platform's licence forbids handing on
modified copies, so what is written here is for its maker alone. Two domains are constructed from
the titles (trainer/sources/topics.py), and the times are positions: the source has an order only.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from trainer.data import Description
from trainer.errors import DataError
from trainer.extraction import extract, learn
from trainer.sources.folder import Summary, made_aside, write
from trainer.sources.rows import Csv, Rows, named, spool
from trainer.sources.topics import domains

PAIRS = "MicroLens-50k_pairs.tsv"
TITLES = "MicroLens-50k_titles.csv"

NOTES = (
    "MicroLens-50k (Ni et al., arXiv 2309.15379). The domains are constructed from titles and "
    "hashtags: screen is animation, comics, film and television. Timestamps are positions in a "
    "user's sequence, not times. Modified copies may not be handed on."
)


def prepare(raw: Path, out: Path) -> Summary:
    """Write the prepared folder `out` from the folder `raw` that holds PAIRS and TITLES.

    Raises:
        DataError: a file is missing or another, or `out` exists and is no data folder.
    """
    if not raw.is_dir():
        raise DataError(f"{raw} is no folder: name the one that holds {PAIRS} and {TITLES}")
    titles = Rows(raw / TITLES, "a CSV with the columns item,title", Csv(("item", "title"), _title))
    pairs = Rows(raw / PAIRS, "lines of a user, a tab and that user's items", _sequence)
    schema = {"user_id": pl.String(), "item_id": pl.String(), "timestamp": pl.Int64()}
    with made_aside(out) as made:
        items = _items(list(titles))
        interactions = spool(_positions(pairs), schema, made / "rows")
        description = Description(
            name="microlens", target_domain="screen", split="cold", notes=NOTES
        )
        return write(made, items, interactions, description, (titles.faults, pairs.faults))


def _title(cells: Sequence[str]) -> tuple[str, str]:
    return named(cells[0]), cells[1].strip()


def _sequence(line: str) -> tuple[str, list[str]]:
    user, tab, items = line.partition("\t")
    if not tab or not items.strip():
        raise ValueError("no tab and items after the user")
    return named(user), list(map(named, items.split()))


def _positions(rows: Rows[tuple[str, list[str]]]) -> Iterator[tuple[str, str, int]]:
    for user, items in rows:
        for position, item in enumerate(items, start=1):
            yield user, item, position


def _items(rows: list[tuple[str, str]]) -> pl.DataFrame:
    """Items with their tags; of an item that occurs twice the first."""
    table = pl.DataFrame(rows, schema=["item_id", "title"], orient="row")
    table = table.unique("item_id", keep="first").sort("item_id")
    texts = table.with_columns(phrases=pl.lit([], dtype=pl.List(pl.String)))
    tags = extract(texts, learn(texts))
    return table.with_columns(
        domain=pl.Series(domains(table["title"].to_list())),
        tags=pl.Series(tags, dtype=pl.List(pl.String)),
    ).select("item_id", "domain", "tags", "title")
