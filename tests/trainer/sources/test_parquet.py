"""One's own tables, and what the service's events become."""

import dataclasses
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from service.event import Event
from tests.trainer.sources.writing import tags_of, taken
from trainer.data import DESCRIPTION, INTERACTIONS, ITEMS, read
from trainer.errors import DataError
from trainer.sources.parquet import prepare

EVENTS = [
    Event("u", "p1", "click", 100.7, ["Wok"], "A wok", "product"),
    Event("u", "v1", "impression", 101.0, ["street food"], None, "video"),
    Event("v", "v1", "like", 200.0, [], "# Street food", "video"),
    Event("v", "v1", "finish", 300.0, ["street food", "night market"], None, "video"),
    Event("w", "v2", "skip", 301.0, [], "The street food", "video"),
    Event("w", "v3", "purchase", 302.0, [], None, "video"),
    Event("u", "v2", "click", 303.0, [], None, "video"),
    Event("u", "v4", "click", 304.0, ["street food"], None, "video"),
    Event("u", "v5", "click", 305.0, ["street food"], None, "video"),
]
SCHEMA = {"tags": pl.List(pl.String()), "title": pl.String(), "event_id": pl.String()}


def drained(folder: Path, events: list[Event]) -> Path:
    """Events as they are drained: a folder a day."""
    for day, some in enumerate((events[:3], events[3:]), start=1):
        (folder / f"day=2026-11-0{day}").mkdir(parents=True)
        rows = [dataclasses.asdict(event) for event in some]
        table = pl.DataFrame(rows, schema_overrides=SCHEMA | {"request_id": pl.String()})
        table.write_parquet(folder / f"day=2026-11-0{day}" / "part-0.parquet")
    return folder


def test_events_become_interactions_and_their_items(tmp_path: Path) -> None:
    """Positive ones count; an item has the newest tags, else those of its title; days in order."""
    summary = prepare(drained(tmp_path / "events", EVENTS), tmp_path / "data", "video")
    assert taken(tmp_path / "data") == [
        ("u", "p1", 100),
        ("v", "v1", 200),
        ("v", "v1", 300),
        ("u", "v2", 303),
        ("u", "v4", 304),
        ("u", "v5", 305),
    ]
    assert tags_of(tmp_path / "data") == {
        "p1": ["wok"],
        "v1": ["street food", "night market"],
        "v2": ["street food", "street", "food"],
        "v4": ["street food"],
        "v5": ["street food"],
    }
    found = read(tmp_path / "data")
    assert found.target_domain == "video"
    assert found.description.name == "events"
    assert found.titles[:2] == ("A wok", "# Street food")
    assert summary.left_out == (
        ("events that are no click, like, finish, purchase, or are rated 3 or less", 2),
        ("interactions with an item that is not described", 1),
    )


def test_one_file_of_events_will_do(tmp_path: Path) -> None:
    """With times for people and ids for machines, and nothing optional."""
    table = pl.DataFrame(
        {
            "user_id": [1, 2],
            "item_id": [10, 10],
            "timestamp": [datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 2, tzinfo=UTC)],
            "domain": ["video", "video"],
            "tags": [["wok"], ["pan"]],
        }
    )
    table.write_parquet(tmp_path / "log.parquet")
    prepare(tmp_path / "log.parquet", tmp_path / "data")
    assert taken(tmp_path / "data") == [("1", "10", 1793491200), ("2", "10", 1793577600)]
    assert tags_of(tmp_path / "data") == {"10": ["pan"]}


ITEM_ROWS: dict[str, Any] = {
    "item_id": ["a", "b", "b", None, "d"],
    "domain": ["x", "y", "y", "y", " "],
    "tags": [["Wok", None, "wok "], [], [], [], []],
    "title": [None, "wok, wok", "second", None, None],
    "author_id": [1, 2, 3, 4, 5],
    "published_at": [7, 7, 7, 7, 7],
    "colour": ["red"] * 5,
}
TAKEN_ROWS: dict[str, Any] = {
    "user_id": ["u", "u", "", "v", "v"],
    "item_id": ["a", "b", "a", "x" * 129, "a"],
    "timestamp": [1.9, 2.0, 3.0, 4.0, float("nan")],
    "rating": [5, 3, 5, 5, 5],
}


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    """One's own two tables, not quite in order."""
    folder = tmp_path / "mine"
    folder.mkdir()
    pl.DataFrame(ITEM_ROWS).write_parquet(folder / ITEMS)
    pl.DataFrame(TAKEN_ROWS).write_parquet(folder / INTERACTIONS)
    return folder


def test_one_s_own_tables_are_put_in_order(tables: Path, tmp_path: Path) -> None:
    """Tags normalised, authors and times kept; what cannot be used is counted and located."""
    summary = prepare(tables, tmp_path / "data")
    assert tags_of(tmp_path / "data") == {"a": ["wok"], "b": []}
    assert taken(tmp_path / "data") == [("u", "a", 1)]
    items = pl.read_parquet(tmp_path / "data" / ITEMS)
    assert items["author_id"].to_list() == ["1", "2"]
    assert items["published_at"].to_list() == [7, 7]
    assert "colour" not in items
    described, acted = summary.faults
    assert described.first == ["4: no item_id", "5: no domain"]
    assert acted.first == ["3: no user_id", "4: no item_id", "5: no timestamp"]
    assert summary.left_out == (
        ("items given twice", 1),
        ("events that are no click, like, finish, purchase, or are rated 3 or less", 1),
    )


def test_a_description_goes_along(tables: Path, tmp_path: Path) -> None:
    """Unless a target is named; one that is no domain is refused, and so is a bad description."""
    (tables / DESCRIPTION).write_text('{"name": "mine", "target_domain": "x", "split": "paper"}')
    prepare(tables, tmp_path / "data")
    found = read(tmp_path / "data").description
    assert (found.name, found.target_domain, found.split) == ("mine", "x", "paper")
    with pytest.raises(DataError, match="no domain 'z' among the items; they have x, y"):
        prepare(tables, tmp_path / "data", "z")
    (tables / DESCRIPTION).write_text('{"nom": "mine"}')
    with pytest.raises(DataError, match=r"dataset\.json: "):
        prepare(tables, tmp_path / "data")


def test_a_prepared_folder_stays_as_it_is(tables: Path, tmp_path: Path) -> None:
    """Prepared again, even onto itself, nothing changes."""
    prepare(tables, tmp_path / "data", "x")
    before = read(tmp_path / "data")
    prepare(tmp_path / "data", tmp_path / "data")
    assert read(tmp_path / "data").fingerprint == before.fingerprint


@pytest.mark.parametrize(
    ("column", "values", "complaint"),
    [
        ("user_id", None, r"has no column 'user_id'; it has item_id, timestamp, rating"),
        ("user_id", [1.5] * 5, r"column 'user_id' is Float64, not String or a whole number"),
        ("timestamp", None, r"has no column 'timestamp'"),
        ("timestamp", ["now"] * 5, r"column 'timestamp' is String, not a whole number of seconds"),
        ("rating", ["5"] * 5, r"column 'rating' is String, not a number"),
        ("type", [1] * 5, r"column 'type' is Int64, not String"),
    ],
)
def test_a_column_that_does_not_fit_is_named(
    tables: Path, tmp_path: Path, column: str, values: list[object] | None, complaint: str
) -> None:
    """With what it is and what it should be."""
    facts = {name: v for name, v in TAKEN_ROWS.items() if name != column}
    if values is not None:
        facts[column] = values
    pl.DataFrame(facts).write_parquet(tables / INTERACTIONS)
    with pytest.raises(DataError, match=complaint):
        prepare(tables, tmp_path / "data")


@pytest.mark.parametrize("tags", [["wok"], [["wok"], "pan"], [[1]]])
def test_tags_are_lists_of_text(tables: Path, tmp_path: Path, tags: list[Any]) -> None:
    """Not one text with commas, nor numbers."""
    column = pl.Series(tags[0] * 5 if tags == [[1]] else ["wok,pan"] * 5)
    pl.DataFrame({**ITEM_ROWS, "tags": column}).write_parquet(tables / ITEMS)
    with pytest.raises(DataError, match=r"column 'tags' is \w+, not List\(String\)"):
        prepare(tables, tmp_path / "data")


def test_a_wrong_path_is_one_sentence(tables: Path, tmp_path: Path) -> None:
    """Nothing there, nothing in it, no Parquet, half a file."""
    with pytest.raises(DataError, match="nowhere does not exist"):
        prepare(tmp_path / "nowhere", tmp_path / "data")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="empty holds no Parquet file"):
        prepare(tmp_path / "empty", tmp_path / "data")
    (tables / INTERACTIONS).unlink()
    with pytest.raises(DataError, match=r"interactions\.parquet does not exist"):
        prepare(tables, tmp_path / "data")
    (tables / INTERACTIONS).write_bytes((tables / ITEMS).read_bytes()[:100])
    with pytest.raises(DataError, match=r"interactions\.parquet is not a readable Parquet file"):
        prepare(tables, tmp_path / "data")
    assert not (tmp_path / "data").exists()
