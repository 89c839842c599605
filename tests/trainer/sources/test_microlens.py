"""MicroLens from a made-up copy: no line of the real one may lie here."""

from pathlib import Path

import pytest

from tests.trainer.sources.writing import lines, tags_of, taken
from trainer.data import read
from trainer.errors import DataError
from trainer.sources.microlens import PAIRS, TITLES, prepare


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """Five videos of a film fan, five of a cook."""
    folder = tmp_path / "raw"
    folder.mkdir()
    films = [f'{n},"a duel, part {n} # sword movie"' for n in range(1, 6)]
    meals = [f"{n},wok {n} #streetfood" for n in range(6, 10)]
    lines(folder / TITLES, ["item,title", *films, *meals, "10,soup # street food"])
    lines(folder / PAIRS, ["1\t1 6 2", "2\t10 9 5 8"])
    return folder


def test_the_two_files_become_a_data_folder(raw: Path, tmp_path: Path) -> None:
    """Screen and the rest; times are positions; hashtags in one spelling; titles are kept."""
    summary = prepare(raw, tmp_path / "data")
    assert (summary.items, summary.users, summary.interactions) == (10, 2, 7)
    assert not summary.faults
    assert not summary.left_out
    found = read(tmp_path / "data")
    assert found.domains == ("other", "screen")
    assert found.target_domain == "screen"
    assert [i for i, target in zip(found.item_ids, found.is_target, strict=True) if target] == list(
        "12345"
    )
    assert found.titles[found.item_ids.index("1")] == "a duel, part 1 # sword movie"
    assert taken(tmp_path / "data")[:3] == [("1", "1", 1), ("1", "6", 2), ("1", "2", 3)]
    tags = tags_of(tmp_path / "data")
    assert tags["1"][0] == "sword movie"
    assert "streetfood" in tags["6"]
    assert "streetfood" not in tags["1"]


def test_what_cannot_be_used_is_counted(raw: Path, tmp_path: Path) -> None:
    """A user without items, a title without its quote, an item without a title."""
    with (raw / PAIRS).open("a") as file:
        file.write("3\n4\t\n5\t1 999\n")
    with (raw / TITLES).open("a") as file:
        file.write('11,"a quote that nobody closed\n1,again\n')
    summary = prepare(raw, tmp_path / "data")
    titles, pairs = summary.faults
    assert titles.first == ["12: unexpected end of data"]
    assert pairs.first == [f"{row}: no tab and items after the user" for row in (3, 4)]
    assert summary.left_out == (("interactions with an item that is not described", 1),)
    assert summary.items == 10


def test_the_same_copy_gives_the_same_bytes(raw: Path, tmp_path: Path) -> None:
    """And a folder made earlier, whatever its name, is replaced."""
    out = tmp_path / "data[1]"
    prepare(raw, out)
    first = {path.name: path.read_bytes() for path in out.iterdir()}
    prepare(raw, out)
    assert first == {path.name: path.read_bytes() for path in out.iterdir()}
    assert {path.name for path in tmp_path.iterdir()} == {"raw", "data[1]"}


def test_a_wrong_folder_says_what_it_should_hold(raw: Path, tmp_path: Path) -> None:
    """Neither a file nor a folder of something else will do; nothing is left behind."""
    with pytest.raises(DataError, match=f"is no folder: name the one that holds {PAIRS}"):
        prepare(raw / PAIRS, tmp_path / "data")
    (raw / TITLES).unlink()
    with pytest.raises(DataError, match=f"{TITLES} does not exist"):
        prepare(raw, tmp_path / "data")
    assert list(tmp_path.iterdir()) == [raw]
