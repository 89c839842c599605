"""A data folder is read whole and checked, or refused in one sentence."""

import json
import random
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from trainer.data import read
from trainer.errors import DataError

ITEMS = {
    "item_id": ["a", "b", "v"],
    "domain": ["product", "product", "video"],
    "tags": [["Wok", "wok ", "Iron"], ["Pan"], ["Street  Food"]],
}
EVENTS = {
    "user_id": ["u2", "u1", "u1", "u1", "u1", "u1"],
    "item_id": ["a", "v", "b", "a", "b", "gone"],
    "domain": ["product"] * 6,
    "timestamp": [5, 9, 3, 3, 4, 1],
}


def write(folder: Path, items: dict[str, Any], events: dict[str, Any], **about: str) -> Path:
    """Write a data folder by hand."""
    pl.DataFrame(items).write_parquet(folder / "items.parquet")
    pl.DataFrame(events).write_parquet(folder / "interactions.parquet")
    text = json.dumps({"name": "hand", "target_domain": "video", **about})
    (folder / "dataset.json").write_text(text)
    return folder


def test_sequences_are_in_order_of_time_each_item_once(tmp_path: Path) -> None:
    """Ties keep the order of the file, a repeated item keeps its first place."""
    found = read(write(tmp_path, ITEMS, EVENTS))
    assert found.user_ids == ("u1", "u2")
    rows = [[found.item_ids[i] for i in found.sequences[u]] for u in range(2)]
    assert rows == [["b", "a", "v"], ["a"]]


def test_interactions_of_unknown_items_are_counted(tmp_path: Path) -> None:
    """What items.parquet lacks is left out, and the number is reported."""
    assert read(write(tmp_path, ITEMS, EVENTS)).unknown_items == 1


def test_tags_are_normalised_and_kept_once(tmp_path: Path) -> None:
    """As the vocabulary of a bundle will write them."""
    assert read(write(tmp_path, ITEMS, EVENTS)).tags == (
        ("wok", "iron"),
        ("pan",),
        ("street food",),
    )


def test_only_positive_events_count(tmp_path: Path) -> None:
    """The service's drained stream holds impressions and skips too."""
    kinds = ["click", "impression", "like", "purchase", "click", "skip"]
    found = read(write(tmp_path, ITEMS | {"domain": ["video"] * 3}, EVENTS | {"type": kinds}))
    assert len(found.sequences.items) == 3


def test_the_fingerprint_is_of_the_content(tmp_path: Path) -> None:
    """The same rows in another folder have it; another tag changes it."""
    folders = [tmp_path / name for name in "xyz"]
    for folder in folders:
        folder.mkdir()
    other = ITEMS | {"tags": [["wok"], ["pan"], ["street food"]]}
    first, same = (read(write(f, ITEMS, EVENTS)).fingerprint for f in folders[:2])
    assert first == same
    assert read(write(folders[2], other, EVENTS)).fingerprint != first


def test_a_given_target_domain_wins(tmp_path: Path) -> None:
    """The argument counts before dataset.json."""
    assert read(write(tmp_path, ITEMS, EVENTS), "product").is_target.tolist() == [True, True, False]


@pytest.mark.parametrize(
    ("items", "events", "about", "message"),
    [
        ({"tags": None}, {}, {}, "has no column 'tags'; it has item_id, domain"),
        ({"tags": ["x", "y", "z"]}, {}, {}, r"column 'tags' is String, not List\(String\)"),
        ({"item_id": ["a", "a", "v"]}, {}, {}, "item 'a' more than once"),
        ({"domain": ["product", None, "video"]}, {}, {}, "'domain' has 1 empty cells"),
        ({}, {"timestamp": [0.5] * 6}, {}, "'timestamp' is Float64, not Int64"),
        ({}, {"item_id": ["nothing"] * 6}, {}, "no interaction is with an item"),
        ({}, {}, {"target_domain": "film"}, "no domain 'film' among the items; they have product,"),
        ({}, {"item_id": ["a"] * 6}, {}, "no interaction with an item of the target domain"),
        ({}, {}, {"split": "odd"}, "dataset.json: split"),
        ({}, {"type": [1] * 6}, {}, "'type' is Int64, not String"),
        ({"title": [1, 2, 3]}, {}, {}, "'title' is Int64, not String"),
        ({"tags": [[], [], []]}, {}, {}, r"'tags' is List\(Null\), not List\(String\)"),
        ({"tags": [["x"], None, ["y"]]}, {}, {}, "'tags' has 1 empty cells"),
        ({}, {"timestamp": pl.Series([1] * 6, dtype=pl.Int32)}, {}, "'timestamp' is Int32, not"),
    ],
)
def test_bad_data_is_refused_in_a_sentence(
    tmp_path: Path,
    items: dict[str, Any],
    events: dict[str, Any],
    about: dict[str, str],
    message: str,
) -> None:
    """The error names the file and what is wrong in it."""
    merged = {k: v for k, v in (ITEMS | items).items() if v is not None}
    write(tmp_path, merged, EVENTS | events, **about)
    with pytest.raises(DataError, match=message):
        read(tmp_path)


def test_missing_empty_and_unreadable_files_are_told_apart(tmp_path: Path) -> None:
    """Each has its own sentence."""
    with pytest.raises(DataError, match="does not exist"):
        read(tmp_path)
    write(tmp_path, ITEMS, EVENTS)
    pl.DataFrame(ITEMS).clear().write_parquet(tmp_path / "items.parquet")
    with pytest.raises(DataError, match="has no rows"):
        read(tmp_path)
    (tmp_path / "items.parquet").write_bytes(b"no parquet")
    with pytest.raises(DataError, match="not a readable Parquet file"):
        read(tmp_path)


def test_without_a_target_domain_the_domains_found_are_listed(tmp_path: Path) -> None:
    """A folder without dataset.json needs the setting."""
    write(tmp_path, ITEMS, EVENTS)
    (tmp_path / "dataset.json").unlink()
    with pytest.raises(DataError, match="target_domain=NAME, one of product, video"):
        read(tmp_path)


def test_what_other_writers_make_is_read(tmp_path: Path) -> None:
    """A type kept as categories, empty titles and tags, times before 1970, odd folder names."""
    folder = tmp_path / "data[1]*"
    folder.mkdir()
    kinds = pl.Series(["click"] * 6, dtype=pl.Categorical)
    items = ITEMS | {"title": [None] * 3, "tags": [[None, ""], ["Pan"], []]}
    found = read(write(folder, items, EVENTS | {"type": kinds, "timestamp": [-(2**63)] * 6}))
    assert found.tags == ((), ("pan",), ())
    assert found.titles == (None, None, None)
    assert len(found.sequences.items) == 4


def test_a_description_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    """No JSON, or a folder in its place."""
    write(tmp_path, ITEMS, EVENTS)
    (tmp_path / "dataset.json").write_bytes(b"\xff{")
    with pytest.raises(DataError, match=r"dataset\.json: Invalid JSON"):
        read(tmp_path)
    (tmp_path / "dataset.json").unlink()
    (tmp_path / "dataset.json").mkdir()
    with pytest.raises(DataError, match=r"dataset\.json cannot be read: Is a directory"):
        read(tmp_path)


@pytest.mark.parametrize("name", ["items.parquet", "interactions.parquet"])
def test_a_truncated_or_damaged_table_is_never_a_traceback(tmp_path: Path, name: str) -> None:
    """Polars panics on some of them, past every `except Exception`."""
    write(tmp_path, ITEMS, EVENTS)
    whole, rng, refused = (tmp_path / name).read_bytes(), random.Random(0), 0
    for number in range(60):
        damaged = bytearray(whole)
        if number % 2:
            damaged[rng.randrange(len(whole))] ^= 1 << rng.randrange(8)
        else:
            del damaged[rng.randrange(len(whole)) :]
        (tmp_path / name).write_bytes(damaged)
        try:
            read(tmp_path)
        except DataError:
            refused += 1
    assert refused >= 30
