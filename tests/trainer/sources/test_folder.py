"""A folder appears whole or not at all."""

from pathlib import Path

import polars as pl
import pytest

from trainer.data import DESCRIPTION, Description, read
from trainer.errors import DataError
from trainer.sources.folder import made_aside, write

ITEMS = pl.DataFrame(
    {"item_id": ["a", "b"], "domain": ["x", "y"], "tags": [["wok"], []]},
    schema_overrides={"tags": pl.List(pl.String())},
)
TAKEN = pl.DataFrame(
    {"user_id": ["u", "u", "v"], "item_id": ["b", "z", "a"], "timestamp": [1, 2, 3]}
)
ABOUT = Description(name="made", target_domain="x")


def test_what_is_written_can_be_read_and_is_counted(tmp_path: Path) -> None:
    """An interaction gets its item's domain; one without a described item is left out, counted."""
    with made_aside(tmp_path / "deep" / "data") as made:
        (made / "scratch").mkdir()
        summary = write(made, ITEMS, TAKEN.lazy(), ABOUT)
    assert (summary.items, summary.users, summary.interactions) == (2, 2, 2)
    assert (summary.tags, summary.untagged) == (1, 1)
    assert summary.left_out == (("interactions with an item that is not described", 1),)
    assert read(tmp_path / "deep" / "data").description == ABOUT
    assert len(list((tmp_path / "deep" / "data").iterdir())) == 3
    assert pl.read_parquet(tmp_path / "deep/data/interactions.parquet")["domain"].to_list() == [
        "y",
        "x",
    ]


def test_a_failure_leaves_the_old_folder_as_it_was(tmp_path: Path) -> None:
    """And nothing beside it."""
    out = tmp_path / "data"
    with made_aside(out) as made:
        write(made, ITEMS, TAKEN.lazy(), ABOUT)
    with pytest.raises(DataError, match="no interaction is left"), made_aside(out) as made:
        write(made, ITEMS, TAKEN.lazy().filter(item_id="z"), ABOUT)
    assert list(tmp_path.iterdir()) == [out]
    assert read(out).user_ids == ("u", "v")


@pytest.mark.parametrize("names", [["precious"], [DESCRIPTION, "precious"]])
def test_a_folder_of_something_else_is_refused(tmp_path: Path, names: list[str]) -> None:
    """Before anything is read."""
    for name in names:
        (tmp_path / name).write_text("{}")
    with pytest.raises(DataError, match="is not a data folder"), made_aside(tmp_path):
        pytest.fail("it was begun")
    assert {path.name for path in tmp_path.iterdir()} == set(names)


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    """A file where a folder should be."""
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(DataError, match=r"data cannot be written: (Not a directory|File exists)"),
        made_aside(tmp_path / "file" / "data"),
    ):
        pytest.fail("it was begun")
