"""Text files as people have them: zipped, cut short, of another kind, with a bad line or two."""

import gzip
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest

from trainer.errors import DataError
from trainer.sources.rows import Csv, Rows, named, number, spool, whole


def pair(line: str) -> tuple[str, int]:
    """A line such as "a 1"."""
    name, _, value = line.partition(" ")
    return named(name), whole(value)


def rows(path: Path) -> Rows[tuple[str, int]]:
    """The rows of a file of pairs."""
    return Rows(path, "a file of pairs", pair)


@pytest.mark.parametrize("name", ["pairs.txt", "pairs.txt.gz", "zipped without saying so"])
def test_good_lines_are_read_plain_or_zipped(tmp_path: Path, name: str) -> None:
    """Line ends of any system, empty lines and a missing last line end do no harm."""
    data = b"a 1\r\nb 2\n\n  \nc 3"
    (tmp_path / name).write_bytes(gzip.compress(data) if "z" in name else data)
    found = rows(tmp_path / name)
    assert list(found) == [("a", 1), ("b", 2), ("c", 3)]
    assert found.faults.count == 0


def test_bad_lines_are_counted_and_the_first_five_located(tmp_path: Path) -> None:
    """With a reason each; the good ones around them are kept."""
    path = tmp_path / "pairs.txt"
    path.write_bytes(b"a 1\n" + b"x y\n" * 3 + b" 2\n\xff 4\n" + b"b nan\n" * 30 + b"b 2\n")
    found = rows(path)
    assert list(found) == [("a", 1), ("b", 2)]
    assert str(found.faults) == (
        f"{path}: 35 malformed rows left out: 2: 'y' is not a number; 3: 'y' is not a number; "
        "4: 'y' is not a number; 5: no id of 1 to 128 characters; 6: not UTF-8; …"
    )


@pytest.mark.parametrize(
    ("name", "data", "complaint"),
    [
        ("missing", None, r"missing does not exist"),
        ("empty", b"", r"empty has no rows: it should be a file of pairs"),
        ("blank", b"\n\n", r"blank has no rows: it should be a file of pairs"),
        ("page", b" <!DOCTYPE html><p>404", r"page is a web page, not data: download it again"),
        ("page.gz", b"\n<html>Moved", r"page.gz is a web page"),
        ("plain.gz", b"a 1\n", r"plain.gz is no gzip file"),
        (
            "cut.gz",
            gzip.compress(b"a 1\n" * 9999, mtime=0)[:-20],
            r"cut.gz is cut short or damaged",
        ),
        (
            "bad.gz",
            gzip.compress(b"a 1\n" * 99, mtime=0)[:20] + b"x" * 50,
            r"bad.gz is cut short or damaged",
        ),
        ("other", b"no,pair\n" * 100, r"other is not a file of pairs; line 1: '' is not a number"),
        ("few", b"no,pair\n", r"few is not a file of pairs; line 1: '' is not a number"),
        ("bytes", bytes(range(128, 256)) * 9, r"bytes is not a file of pairs; line 1: not UTF-8"),
    ],
)
def test_a_wrong_file_is_one_sentence(
    tmp_path: Path, name: str, data: bytes | None, complaint: str
) -> None:
    """Whatever it is, and however it came here."""
    if data is not None:
        (tmp_path / name).write_bytes(data)
    with pytest.raises(DataError, match=complaint):
        list(rows(tmp_path / name))


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    """The system's own word for it is repeated."""
    with pytest.raises(DataError, match=r"cannot be read: Is a directory"):
        list(rows(tmp_path))


def test_another_kind_of_file_is_not_read_to_its_end(tmp_path: Path) -> None:
    """Twenty bad lines without a good one are enough."""
    path = tmp_path / "pairs.txt"
    path.write_bytes(b"x\n" * 20 + b"a 1\n")
    found = rows(path)
    with pytest.raises(DataError, match="is not a file of pairs"):
        next(iter(found))
    assert found.faults.count == 20


def cells(found: Sequence[str]) -> list[str]:
    """What a CSV gives."""
    return list(found)


def test_columns_of_a_csv_may_stand_in_any_order(tmp_path: Path) -> None:
    """Commas in quotes, a byte order mark and columns nobody asked for."""
    path = tmp_path / "films.csv"
    path.write_text('\ufefftitle,more,id\n"Heat, again",x,1\n"open,x,2\nShort,3\n', "utf-8")
    found = Rows(path, "a CSV with id,title", Csv(("id", "title"), cells))
    assert list(found) == [["1", "Heat, again"]]
    assert found.faults.first == ["3: unexpected end of data", "4: 2 fields, not 3"]


def test_a_csv_without_a_column_is_refused(tmp_path: Path) -> None:
    """The column is named."""
    (tmp_path / "films.csv").write_text("id,name\n1,Heat\n")
    found = Rows(tmp_path / "films.csv", "a CSV with id,title", Csv(("id", "title"), cells))
    with pytest.raises(DataError, match="is not a CSV with id,title; line 1: no column 'title'"):
        list(found)


@pytest.mark.parametrize("text", ["", "x", "nan", "inf", None, "1e999"])
def test_a_number_is_a_finite_one(text: object) -> None:
    """Anything else is malformed."""
    with pytest.raises(ValueError, match="is not a number"):
        number(text)


@pytest.mark.parametrize("text", ["", "  ", "x" * 129, None, 1.5, ["a"]])
def test_an_id_is_text_that_the_service_takes(text: object) -> None:
    """Or a whole number."""
    with pytest.raises(ValueError, match="no id of 1 to 128 characters"):
        named(text)
    assert named(" a ") == "a"
    assert named(7) == "7"


def test_rows_pass_to_disk_in_parts_and_keep_their_order(tmp_path: Path) -> None:
    """No more than a part is in memory, and 450,000 rows are three; any folder will do."""
    schema = {"name": pl.String(), "value": pl.Int64()}
    table = spool(((f"n{n}", n) for n in range(450_000)), schema, tmp_path / "parts[1]")
    assert len(list((tmp_path / "parts[1]").iterdir())) == 3
    assert table.select("value").collect()["value"].to_list() == list(range(450_000))
