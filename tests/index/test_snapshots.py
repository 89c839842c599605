"""A folder of snapshots gives back what was put in, the newest that fits, and keeps three."""

import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from index import snapshots
from index.errors import NoSnapshot, SnapshotError, SnapshotRefused
from index.snapshots import About
from tests.index.damage import rewrite_manifest
from tests.index.sample_contents import DIM, same, sample

MODEL = "m" * 64
ABOUT = About(MODEL, "1700000000000-0")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def numbers(*numbers: int) -> list[str]:
    return [f"{number:012d}" for number in numbers]


@pytest.mark.parametrize("n", [0, 1, 40, 5000])
def test_contents_come_back_as_they_were(tmp_path: Path, n: int) -> None:
    path = snapshots.write(tmp_path, sample(1, n), ABOUT)
    loaded = snapshots.read(tmp_path, dim=DIM, model=MODEL)
    assert same(loaded.contents, sample(1, n))
    assert (loaded.about, loaded.path, loaded.refused) == (ABOUT, path, ())


def test_what_comes_back_can_be_changed(tmp_path: Path) -> None:
    snapshots.write(tmp_path, sample(1), ABOUT)
    contents = snapshots.read(tmp_path, dim=DIM, model=MODEL).contents
    contents.codes[0] = contents.published[0] = contents.lists[0] = 0


def test_any_string_is_an_id(tmp_path: Path) -> None:
    odd = [
        "",
        " ",
        "\n",
        "a\nb",
        "\0",
        '"',
        "\\",
        "é",
        "日本",
        "🍜",
        "\u2028",
        "null",
        "x" * 10_000,
    ]
    lone = ["\ud83c", "\udf5c", "\ud83c\udf5c"]  # halves of 🍜, and both, but not joined
    ids = [*odd, *lone]
    snapshots.write(tmp_path, replace(sample(1, len(ids)), ids=ids), ABOUT)
    assert snapshots.read(tmp_path, dim=DIM, model=MODEL).contents.ids == ids


def test_ids_may_hold_what_parts_the_lines_of_the_file(tmp_path: Path) -> None:
    ids = [f'{number}",\n"' for number in range(2000)]
    snapshots.write(tmp_path, replace(sample(1, len(ids)), ids=ids), ABOUT)
    assert snapshots.read(tmp_path, dim=DIM, model=MODEL).contents.ids == ids


def test_attributes_hold_several_values_and_any_string(tmp_path: Path) -> None:
    table = [
        frozenset({("language", "en"), ("language", "日本"), ("region", "\n")}),
        frozenset[tuple[str, str]](),
        frozenset({("", "")}),
        frozenset({("\ud83c", "🍜")}),
    ]
    snapshots.write(tmp_path, replace(sample(1), table=table), ABOUT)
    assert snapshots.read(tmp_path, dim=DIM, model=MODEL).contents.table == table


def test_times_may_be_infinite_either_way(tmp_path: Path) -> None:
    times = np.array([-np.inf, np.inf, 0.0, -1.5])
    snapshots.write(tmp_path, replace(sample(1, 4), published=times, expires=times[::-1]), ABOUT)
    contents = snapshots.read(tmp_path, dim=DIM, model=MODEL).contents
    assert contents.published.tolist() == times.tolist()
    assert contents.expires.tolist() == times[::-1].tolist()


def test_rows_may_lie_anywhere_in_memory(tmp_path: Path) -> None:
    contents = sample(1)
    scattered = np.repeat(contents.codes, 2, axis=0)[::2]
    snapshots.write(tmp_path, replace(contents, codes=scattered), ABOUT)
    assert same(snapshots.read(tmp_path, dim=DIM, model=MODEL).contents, contents)


def test_model_and_position_are_opaque(tmp_path: Path) -> None:
    about = About('é "\\\n\0', '"checksum": "' + "0" * 64 + '"\n}\n')
    snapshots.write(tmp_path, sample(1), about)
    assert snapshots.read(tmp_path, dim=DIM, model=about.model).about == about


def test_a_position_nobody_could_read_again_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(SnapshotRefused, match="shorten the model or position"):
        snapshots.write(tmp_path, sample(1), About(MODEL, "x" * (1 << 20)))
    assert not names(tmp_path)


def test_the_newest_three_are_kept(tmp_path: Path) -> None:
    for seed in range(1, 6):
        snapshots.write(tmp_path, sample(seed), ABOUT)
    assert names(tmp_path) == numbers(3, 4, 5)
    assert same(snapshots.read(tmp_path, dim=DIM, model=MODEL).contents, sample(5))


def test_a_damaged_snapshot_is_none_of_the_three(tmp_path: Path) -> None:
    for seed in range(1, 4):
        snapshots.write(tmp_path, sample(seed), ABOUT)
    (tmp_path / numbers(2)[0] / "lists.i32").unlink()
    snapshots.write(tmp_path, sample(4), ABOUT)
    assert names(tmp_path) == numbers(1, 2, 3, 4)
    snapshots.write(tmp_path, sample(5), ABOUT)
    assert names(tmp_path) == numbers(3, 4, 5)


def test_what_others_put_in_the_folder_stays_and_takes_no_number_twice(tmp_path: Path) -> None:
    folder, elsewhere = tmp_path / "snapshots", tmp_path / "elsewhere"
    (folder / "notes").mkdir(parents=True)
    elsewhere.mkdir()
    (folder / numbers(1)[0]).symlink_to(elsewhere)
    (folder / numbers(2)[0]).write_text("not a snapshot")
    for seed in range(3, 8):
        snapshots.write(folder, sample(seed), ABOUT)
    assert names(folder) == [*numbers(1, 2, 5, 6, 7), "notes"]
    assert elsewhere.is_dir()


def test_a_folder_that_is_not_there_is_made_by_writing_alone(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "snapshots"
    with pytest.raises(NoSnapshot, match="holds no snapshot: build the index from the log"):
        snapshots.read(folder, dim=DIM, model=MODEL)
    assert not folder.parent.exists()
    snapshots.write(folder, sample(1), ABOUT)
    assert same(snapshots.read(folder, dim=DIM, model=MODEL).contents, sample(1))


def test_a_file_in_place_of_the_folder_is_said_to_be_one(tmp_path: Path) -> None:
    folder = tmp_path / "snapshots"
    folder.write_text("")
    with pytest.raises(SnapshotError, match=r"snapshots takes no snapshot \(File exists\)"):
        snapshots.write(folder, sample(1), ABOUT)
    with pytest.raises(SnapshotError, match=r"snapshots cannot be looked into \(Not a directory\)"):
        snapshots.read(folder, dim=DIM, model=MODEL)


def test_another_model_s_snapshot_is_refused_for_one_of_this_model(tmp_path: Path) -> None:
    mine = snapshots.write(tmp_path, sample(1), ABOUT)
    other = snapshots.write(tmp_path, sample(2), About("x" * 64, ""))
    loaded = snapshots.read(tmp_path, dim=DIM, model=MODEL)
    assert loaded.path == mine
    assert loaded.refused == (
        f"{other / 'manifest.json'} is of model {'x' * 64}, not {MODEL}, and their vectors do not "
        "compare: load it with its own bundle, or build the index from the log",
    )


def test_another_dimension_is_refused(tmp_path: Path) -> None:
    path = snapshots.write(tmp_path, sample(1), ABOUT)
    with pytest.raises(SnapshotRefused) as refusal:
        snapshots.read(tmp_path, dim=64, model=MODEL)
    assert f"{path / 'manifest.json'} is of 8 dimensions, not 64: load it" in str(refusal.value)


@pytest.mark.parametrize(("format_", "age"), [("3", "newer"), ("1", "older")])
def test_another_format_is_refused_whatever_else_it_holds(
    tmp_path: Path, format_: str, age: str
) -> None:
    path = snapshots.write(tmp_path, sample(1), ABOUT)
    rewrite_manifest(path, b'"format": 2', f'"format": {format_}'.encode())
    rewrite_manifest(path, b'"items"', b'"rows"')
    with pytest.raises(SnapshotRefused) as refusal:
        snapshots.read(tmp_path, dim=DIM, model=MODEL)
    assert (
        f"{path / 'manifest.json'} is of format {format_}, {age} than the format 2 read here: "
        "load it with the version that wrote it, or build the index from the log"
    ) in str(refusal.value)


def test_writing_and_reading_make_no_copy_of_the_codes(tmp_path: Path) -> None:
    contents = sample(1, n=50_000, dim=128)
    size = contents.codes.nbytes
    tracemalloc.start()
    snapshots.write(tmp_path, contents, ABOUT)
    written = tracemalloc.get_traced_memory()[1]
    tracemalloc.reset_peak()
    snapshots.read(tmp_path, dim=128, model=MODEL)
    read = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert written < size / 2
    assert read < size * 1.75  # the codes once; ids as objects, and their file, come on top
