"""Your own Parquet, or the service's drained event stream: what was served today trains tomorrow.

Two shapes are read. A folder with `items.parquet` and `interactions.parquet` is checked and put in
order. Any other file or folder of files, by day or not, is a stream of events: who did what to
which item, each event with the tags, title and domain that its item had then; the items are made
of the newest seen.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl
from pydantic import ValidationError

from bundle import normalise
from trainer.data import DESCRIPTION, INTERACTIONS, ITEMS, Description
from trainer.errors import DataError, first_fault
from trainer.extraction import extract, learn
from trainer.interactions import POSITIVE_TYPES
from trainer.sources.columns import Columns
from trainer.sources.folder import Summary, made_aside, write
from trainer.sources.rows import Faults

LIKED = 3  # where there is a rating, one above it is an interaction
DISLIKED = f"events that are no {', '.join(POSITIVE_TYPES)}, or are rated {LIKED} or less"
RECOMMENDATIONS, ASIDE = "recommendations.parquet", ".aside"  # see docs/events.md
ACTION = ("user_id", "item_id", "timestamp")
# What an event tells of its item, and how to see that it does.
TOLD = {
    "domain": pl.col("domain").is_not_null(),
    "tags": pl.col("tags").list.len() > 0,
    "title": pl.col("title").is_not_null(),
}


@dataclass(frozen=True)
class _Found:
    """What lies in somebody's folder."""

    items: pl.DataFrame  # item_id, domain, tags, title and what else there is
    actions: pl.LazyFrame  # user_id, item_id, timestamp, liked
    faults: Sequence[Faults]
    repeated: int = 0


def prepare(raw: Path, out: Path, target: str | None = None) -> Summary:
    """Write the prepared folder `out`; `target` is its target domain, if not `dataset.json`'s.

    An item keeps its own tags, normalised; one without any gets those found in its title.

    Raises:
        DataError: a file is missing, damaged or lacks a column, there is no such domain, or `out`
            exists and is no data folder.
    """
    if not raw.exists():
        raise DataError(f"{raw} does not exist")
    with made_aside(out) as made:
        found = _tables(raw) if (raw / ITEMS).is_file() else _events(raw)
        described = _description(raw, found.items, target)
        liked = found.actions.filter("liked").select(ACTION)
        disliked = found.actions.select((~pl.col("liked")).sum()).collect(engine="streaming").item()
        left_out = (("items given twice", found.repeated), (DISLIKED, disliked))
        return write(made, _tagged(found.items), liked, described, found.faults, left_out)


def _tables(raw: Path) -> _Found:
    given = Columns(raw / ITEMS)
    columns = {"item_id": given.id("item_id"), "domain": given.text("domain")} | _facts(given)
    if "author_id" in given:
        columns["author_id"] = given.id("author_id")
    if "published_at" in given:
        columns["published_at"] = pl.col("published_at")
    rows = given.rows(columns, ("item_id", "domain")).collect()
    items = rows.unique("item_id", keep="first").sort("item_id")
    acted = Columns(raw / INTERACTIONS)
    actions = acted.rows(_actions(acted), _needed(acted))
    return _Found(items, actions, (given.faults, acted.faults), len(rows) - len(items))


def _events(raw: Path) -> _Found:
    files = _files(raw) if raw.is_dir() else [raw]
    if not files:
        raise DataError(f"{raw} holds no Parquet file")
    streams, faults = [], []
    newest: dict[str, pl.DataFrame] = {}
    for path in files:
        given = Columns(path)
        columns = _actions(given) | _facts(given) | {"domain": given.text("domain")}
        rows = given.rows(columns, _needed(given))
        for fact, told in TOLD.items():
            seen = [newest[fact]] if fact in newest else []
            newest[fact] = _latest([*seen, _told(rows, fact, told)])
        streams.append(rows.select(*ACTION, "liked"))
        faults.append(given.faults)
    return _Found(_items(newest), pl.concat(streams), faults)


def _files(raw: Path) -> list[Path]:
    """Not what the drain is writing, nor what it keeps of recommendations."""
    return [
        path
        for path in sorted(raw.rglob("*.parquet"))
        if path.name != RECOMMENDATIONS and ASIDE not in path.relative_to(raw).parts
    ]


def _facts(given: Columns) -> dict[str, pl.Expr]:
    return {"tags": given.texts("tags"), "title": given.text("title")}


def _needed(given: Columns) -> list[str]:
    return [*ACTION, *(name for name in ("type", "rating") if name in given)]


def _actions(given: Columns) -> dict[str, pl.Expr]:
    """Who did something to what, when, and whether they liked it."""
    columns = {name: given.id(name) for name in ("user_id", "item_id")}
    columns["timestamp"] = given.seconds("timestamp", "time")
    liked = pl.lit(True)
    if "type" in given:
        columns["type"] = given.text("type")
        liked &= columns["type"].is_in(POSITIVE_TYPES)
    if "rating" in given:
        columns["rating"] = given.number("rating")
        liked &= columns["rating"] > LIKED
    return columns | {"liked": liked}


def _told(rows: pl.LazyFrame, fact: str, told: pl.Expr) -> pl.DataFrame:
    """The newest events that tell a fact of their item: first when, since lists take memory."""
    said = rows.filter(told).select("item_id", "timestamp", fact)
    last = said.group_by("item_id").agg(pl.col("timestamp").max())
    newest = said.join(last, on=["item_id", "timestamp"], how="semi", maintain_order="left")
    return _latest([newest.collect(engine="streaming")])


def _latest(tables: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """One row an item, the newest; of equally new ones the one that came last."""
    rows = pl.concat(tables).sort("timestamp", maintain_order=True)
    return rows.unique("item_id", keep="last", maintain_order=True)


def _items(newest: dict[str, pl.DataFrame]) -> pl.DataFrame:
    items = newest["domain"].drop("timestamp")
    for fact in ("tags", "title"):
        items = items.join(newest[fact].drop("timestamp"), on="item_id", how="left")
    described = pl.col("tags").is_not_null() | pl.col("title").is_not_null()
    return items.filter(described).with_columns(pl.col("tags").fill_null([])).sort("item_id")


def _tagged(items: pl.DataFrame) -> pl.DataFrame:
    given = [list(dict.fromkeys(filter(None, map(normalise, tags)))) for tags in items["tags"]]
    known = items.with_columns(phrases=pl.Series(given, dtype=pl.List(pl.String)))
    if not all(given):  # else the titles need not be read
        bare = known.with_columns(phrases=pl.lit([], pl.List(pl.String)))
        found = extract(bare, learn(known))
        given = [tags or more for tags, more in zip(given, found, strict=True)]
    return items.with_columns(tags=pl.Series(given, dtype=pl.List(pl.String)))


def _description(raw: Path, items: pl.DataFrame, target: str | None) -> Description:
    """The one beside the files, or one of the folder's name."""
    path = raw / DESCRIPTION
    try:
        text = path.read_bytes() if path.is_file() else None
        own = Description(name=raw.resolve().stem)
        found = own if text is None else Description.model_validate_json(text)
    except ValidationError as error:
        raise DataError(f"{path}: {first_fault(error)}") from error
    domains = items["domain"].unique().sort().to_list()
    named = target or found.target_domain
    if named is not None and named not in domains:
        found_ones = ", ".join(domains)
        raise DataError(f"there is no domain {named!r} among the items; they have {found_ones}")
    return found.model_copy(update={"target_domain": named})
