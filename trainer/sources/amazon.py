"""Amazon product reviews: the public 2014, 2018 and 2023 layouts → two shops as domains.

The paper's is Books → Movies & TV, ratings above 3 (§4.1.1); tags come from title, category and
brand by frequency (A.1.1). The user's own files are read as they were published, one record a
line, JSON or (metadata of 2014) Python literals, plain or gzip.
"""

import ast
import html
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson
import polars as pl

from trainer.data import Description
from trainer.errors import DataError
from trainer.extraction import extract, learn
from trainer.sources.folder import Summary, made_aside, write
from trainer.sources.rows import Rows, named, number, spool, whole

LIKED = 3  # a rating above it is an interaction
REVIEWS = "a file of reviews, one JSON record a line"
META = "a file of product metadata, one record a line"
TITLE = 500  # characters; longer ones of 2018 are pieces of web pages
RATED = {
    "user_id": pl.String(),
    "item_id": pl.String(),
    "timestamp": pl.Int64(),
    "rating": pl.Float64(),
}
DESCRIBED = {
    "item_id": pl.String(),
    "title": pl.String(),
    "phrases": pl.List(pl.String()),
    "author_id": pl.String(),
}

# What stands around a maker's name: "Visit Amazon's Ann Lee Page" (2018), "Ann Lee (Author)".
AROUND = re.compile(r"(?i)visit amazon's (.*) page|(.*?) \((?:author|actor|director).*")

NOTES = (
    f"Amazon reviews with ratings above {LIKED}. Tags come from title, category and brand by "
    "frequency; author_id is the brand (for books of 2023 the author)."
)


def prepare(files: Sequence[Path], out: Path, domains: Sequence[str] = ()) -> Summary:
    """Write the prepared folder `out` from pairs of files: reviews, then their products' metadata.

    Domains are named after the reviews' files unless `domains` names one for each pair. The second
    pair is the target domain, or the only one.

    Raises:
        DataError: a file is missing or another, the pairs or names do not fit, or `out` exists and
            is no data folder.
    """
    if not files or len(files) % 2:
        raise DataError("amazon takes pairs of files: REVIEWS META [REVIEWS META …]")
    names = _names(files[::2], domains)
    reviews = [Rows(path, REVIEWS, _review) for path in files[::2]]
    metas = [Rows(path, META, _product) for path in files[1::2]]
    description = Description(
        name="amazon", target_domain=names[:2][-1], split="paper", notes=NOTES
    )
    with made_aside(out) as made:
        parts = [spool(rows, RATED, made / f"reviews-{n}") for n, rows in enumerate(reviews)]
        liked = pl.concat(parts).filter(pl.col("rating") > LIKED)
        tables = [spool(rows, DESCRIBED, made / f"meta-{n}") for n, rows in enumerate(metas)]
        described = _met(dict(zip(names, tables, strict=True)), liked)
        items = described.unique("item_id", keep="first").sort("item_id")
        left_out = (
            (f"ratings of {LIKED} or less", _length(pl.concat(parts)) - _length(liked)),
            ("descriptions of a product that has one already", len(described) - len(items)),
        )
        faults = [*(rows.faults for rows in reviews), *(rows.faults for rows in metas)]
        return write(made, _tagged(items), liked, description, faults, left_out)


def domain_of(reviews: Path) -> str:
    """The shop in a file's name: reviews_Movies_and_TV_5.json.gz → movies and tv."""
    name = reviews.name.removesuffix(".gz").rpartition(".")[0] or reviews.name
    return re.sub(r"^(reviews|meta)_|_\d+$", "", name).replace("_", " ").strip().lower()


def _names(reviews: Sequence[Path], domains: Sequence[str]) -> list[str]:
    names = list(domains) or list(map(domain_of, reviews))
    if len(names) != len(reviews) or len(set(names)) < len(names) or not all(names):
        raise DataError("give each pair of files a domain of its own: --domain NAME --domain NAME")
    return names


def _met(tables: Mapping[str, pl.LazyFrame], liked: pl.LazyFrame) -> pl.DataFrame:
    """Descriptions, with their domain, of the products that somebody liked."""
    every = pl.concat(t.with_columns(domain=pl.lit(name)) for name, t in tables.items())
    met = liked.select("item_id").unique()
    rows = every.join(met, on="item_id", how="semi", maintain_order="left")
    return rows.collect(engine="streaming")


def _length(table: pl.LazyFrame) -> int:
    return int(table.select(pl.len()).collect(engine="streaming").item())


def _tagged(items: pl.DataFrame) -> pl.DataFrame:
    tags = pl.Series(extract(items, learn(items)), dtype=pl.List(pl.String))
    return items.select("item_id", "domain", tags.alias("tags"), "title", "author_id")


def _record(line: str) -> dict[str, Any]:
    try:
        found = orjson.loads(line)
    except ValueError:
        found = _literal(line)
    if not isinstance(found, dict):
        raise ValueError("no record of named fields")
    return found


def _literal(line: str) -> object:
    try:
        return ast.literal_eval(line)
    except (ValueError, SyntaxError, MemoryError, RecursionError) as error:
        raise ValueError("neither JSON nor a Python literal") from error


def _review(line: str) -> tuple[str, str, int, float]:
    record = _record(line)
    user = named(record.get("reviewerID", record.get("user_id")))
    rating = number(record.get("overall", record.get("rating")))
    if "unixReviewTime" in record:
        time = whole(record["unixReviewTime"])
    else:
        time = whole(record.get("timestamp")) // 1000  # 2023 counts milliseconds
    return user, _product_id(record), time, rating


def _product(line: str) -> tuple[str, str | None, list[str], str | None]:
    record = _record(line)
    title = _text(record.get("title"))
    maker = _maker(record)
    phrases = [*_categories(record), *([maker] if maker else [])]
    return _product_id(record), title if len(title) <= TITLE else None, phrases, maker or None


def _product_id(record: Mapping[str, Any]) -> str:
    return named(record.get("parent_asin") or record.get("asin"))


def _categories(record: Mapping[str, Any]) -> list[str]:
    """From the narrowest to the widest, each once; 2014 has a list of paths, the others a path."""
    given = record.get("categories") or record.get("category")
    path = given if isinstance(given, list) else []
    paths = [path, *(inner for inner in path if isinstance(inner, list))]
    names = (_text(name) for each in paths for name in reversed(each))
    return list(dict.fromkeys(name for name in names if name))


def _maker(record: Mapping[str, Any]) -> str:
    author = record.get("author")
    named_author = author.get("name") if isinstance(author, dict) else None
    text = _text(named_author or record.get("brand") or record.get("store"))
    found = AROUND.fullmatch(text)
    return (found[1] or found[2] if found else text)[:128]


def _text(value: object) -> str:
    """Readable text on one line; nothing where the value is none, or is a piece of a web page."""
    text = " ".join(html.unescape(value).split()) if isinstance(value, str) else ""
    return "" if "<" in text and ">" in text else text
