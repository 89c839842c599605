"""However the rows come and in however many parts they are read, users get the same sequences."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from trainer import interactions, sequences
from trainer.errors import DataError
from trainer.interactions import read
from trainer.sequences import Numbers, offsets

USERS, ITEMS, EVENTS = 40, 30, 2000
IDS = pl.Series("item_id", [f"i{number:02}" for number in range(ITEMS)])


def write(path: Path, rows_a_group: int, seed: int = 0) -> pl.DataFrame:
    """Events in no order, many at one time, some of them of an unknown item."""
    rng = np.random.default_rng(seed)
    table = pl.DataFrame({
        "user_id": [f"u{number:02}" for number in rng.integers(0, USERS, EVENTS)],
        "item_id": [f"i{number:02}" for number in rng.integers(0, ITEMS + 2, EVENTS)],
        "timestamp": rng.integers(-9, 9, EVENTS),
    })  # fmt: skip
    table.write_parquet(
        path, row_group_size=rows_a_group, compression="uncompressed", statistics=False
    )
    return table


def expected(table: pl.DataFrame) -> dict[str, list[str]]:
    """The same, as one would write it first."""
    found: dict[str, list[str]] = {}
    for user, item, _ in sorted(table.iter_rows(), key=lambda row: (row[0], row[2])):
        row = found.setdefault(user, [])
        if item in set(IDS) - set(row):
            row.append(item)
    return found


@pytest.mark.parametrize("rows_a_group", [7, 300, EVENTS])
@pytest.mark.parametrize("part", [1, 10, 700, sequences.PART])
def test_users_have_their_items_in_order_of_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows_a_group: int, part: int
) -> None:
    """Of equal times in the order of the file, each item once."""
    monkeypatch.setattr(interactions, "PART", part)
    table = write(tmp_path / "interactions.parquet", rows_a_group)
    found = read(tmp_path / "interactions.parquet", IDS)
    rows = {u: IDS[found.sequences[n]].to_list() for n, u in enumerate(found.users)}
    assert rows == expected(table)
    assert list(rows) == sorted(rows)
    assert found.unknown == len(table.filter(~pl.col("item_id").is_in(IDS.to_list()))) > 0


def test_a_file_that_changes_between_the_passes_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another command has written the folder: users have more or fewer events than were counted."""
    path = tmp_path / "interactions.parquet"
    write(path, EVENTS)

    def replaced(lengths: Numbers) -> Numbers:
        """Where a user's events start: known between the passes."""
        write(path, EVENTS, seed=1)
        return offsets(lengths)

    monkeypatch.setattr(interactions, "offsets", replaced)
    with pytest.raises(DataError, match="changed while it was read"):
        read(path, IDS)
