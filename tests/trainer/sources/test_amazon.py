"""The three layouts in which Amazon's reviews were published, each from a made-up file."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.trainer.sources.writing import lines, tags_of, taken
from trainer.data import ITEMS, read
from trainer.errors import DataError
from trainer.sources.amazon import domain_of, prepare

Record = Mapping[str, Any]


def reviews_of(year: int, item: str, users: str, rating: float = 5) -> list[Record]:
    """One review of an item by each user, at second 1,400,000,000."""
    if year == 2023:
        facts = {"parent_asin": item, "asin": "variant", "rating": rating}
        return [{**facts, "user_id": user, "timestamp": 1_400_000_000_999} for user in users]
    facts = {"asin": item, "overall": rating, "unixReviewTime": 1_400_000_000}
    return [{**facts, "reviewerID": user} for user in users]


def product_of(year: int, item: str, title: str, shop: str) -> Record:
    """A product in the shop's drama shelf, by Ann Lee."""
    if year == 2014:
        return {
            "asin": item,
            "title": title,
            "categories": [[shop, "Drama &amp; Play"]],
            "brand": "Ann Lee",
        }
    if year == 2018:
        facts = {"category": [shop, "Drama &amp; Play"], "brand": "Visit Amazon's Ann Lee Page"}
        return {"asin": item, "title": title, **facts}
    made = {"store": "Ann Lee (Author)", "author": None, "main_category": shop}
    return {"parent_asin": item, "title": title, "categories": [shop, "Drama & Play"], **made}


NAMES = {
    2014: ("reviews_{}_5.json.gz", "meta_{}.json.gz"),
    2018: ("{}_5.json", "meta_{}.json"),
    2023: ("{}.jsonl.gz", "meta_{}.jsonl"),
}


def shops(folder: Path, year: int) -> list[Path]:
    """Books and movies, four products each, all liked by u and v, one disliked by w."""
    files = []
    for shop in ("Books", "Movies_and_TV"):
        items = [f"{shop[0]}{n}" for n in range(4)]
        taken = [r for item in items for r in reviews_of(year, item, "uv")]
        taken += reviews_of(year, items[0], "w", 3)
        sold = [product_of(year, item, f"Windy hill {item}", shop) for item in items]
        sold.append(product_of(year, "nobody's", "Windy", shop))
        written = repr if year == 2014 else json.dumps
        reviews, meta = (folder / name.format(shop) for name in NAMES[year])
        files += [lines(reviews, map(json.dumps, taken)), lines(meta, map(written, sold))]
    return files


@pytest.mark.parametrize("year", [2014, 2018, 2023])
def test_each_layout_gives_the_same_folder(tmp_path: Path, year: int) -> None:
    """Domains from the files' names; tags from category, brand and title; brand is the author."""
    summary = prepare(shops(tmp_path, year), tmp_path / "data")
    assert (summary.items, summary.users, summary.interactions) == (8, 2, 16)
    assert summary.left_out == (("ratings of 3 or less", 2),)
    assert not summary.faults
    found = read(tmp_path / "data")
    assert found.domains == ("books", "movies and tv")
    assert found.target_domain == "movies and tv"
    assert found.titles[0] == "Windy hill B0"
    assert taken(tmp_path / "data")[0] == ("u", "B0", 1_400_000_000)
    assert set(pl.read_parquet(tmp_path / "data" / ITEMS)["author_id"]) == {"Ann Lee"}
    tags = tags_of(tmp_path / "data")["B0"]
    assert tags[0] == "drama & play"
    assert {"ann lee", "windy", "hill"} <= set(tags)
    assert "books" in tags  # half of the items have it; more would be the catalogue's own name


def test_bad_records_are_counted_by_file(tmp_path: Path) -> None:
    """Cut lines, records without an id, ratings that are none, and shapes nobody expects."""
    files = shops(tmp_path, 2018)
    with files[0].open("a") as file:
        file.write('{"asin": "B0"\n{"asin": "B0", "overall": 5, "unixReviewTime": 1}\n[1]\n')
        file.write('{"asin": "B0", "reviewerID": "u", "overall": "good", "unixReviewTime": 1}\n')
    with files[1].open("a") as file:
        file.write('{"title": "no id"}\n{"asin": "B9", "category": [1, [2]], "title": 3}\n')
    summary = prepare(files, tmp_path / "data")
    reviews, meta = summary.faults
    assert reviews.first == [
        "10: neither JSON nor a Python literal",
        "11: no id of 1 to 128 characters",
        "12: no record of named fields",
        "13: 'good' is not a number",
    ]
    assert meta.first == ["6: no id of 1 to 128 characters"]
    assert summary.interactions == 16


def test_pieces_of_web_pages_are_no_titles(tmp_path: Path) -> None:
    """Some of 2018 are; the product keeps its other tags, and a second description is not used."""
    files = shops(tmp_path, 2018)
    page = {"asin": "B1", "title": "<script>var a</script>", "category": ["x"], "brand": ""}
    first = files[1].read_text()
    lines(files[1], [json.dumps(page), *first.splitlines()])
    summary = prepare(files, tmp_path / "data")
    found = pl.read_parquet(tmp_path / "data" / ITEMS).filter(item_id="B1").row(0, named=True)
    assert not found["title"]
    assert found["author_id"] is None
    assert ("descriptions of a product that has one already", 1) in summary.left_out


@pytest.mark.parametrize(
    ("name", "domain"),
    [
        ("reviews_Movies_and_TV_5.json.gz", "movies and tv"),
        ("Books_10.json", "books"),
        ("CDs_and_Vinyl.jsonl.gz", "cds and vinyl"),
        ("shop", "shop"),
    ],
)
def test_a_file_s_name_names_its_domain(name: str, domain: str) -> None:
    """As the layouts of all years write it."""
    assert domain_of(Path(name)) == domain


def test_domains_can_be_named(tmp_path: Path) -> None:
    """One for each pair, all different; files come in pairs."""
    files = shops(tmp_path, 2023)
    prepare(files, tmp_path / "data", ["print", "film"])
    assert read(tmp_path / "data").domains == ("film", "print")
    for names in (["print"], ["film", "film"]):
        with pytest.raises(DataError, match="give each pair of files a domain of its own"):
            prepare(files, tmp_path / "data", names)
    for some in (files[:3], []):
        with pytest.raises(DataError, match="takes pairs of files: REVIEWS META"):
            prepare(some, tmp_path / "data")


def test_files_in_the_wrong_order_are_noticed(tmp_path: Path) -> None:
    """Metadata has no reviewers."""
    reviews, meta, *_ = shops(tmp_path, 2018)
    with pytest.raises(DataError, match=r"meta_Books\.json is not a file of reviews"):
        prepare([meta, reviews], tmp_path / "data")
