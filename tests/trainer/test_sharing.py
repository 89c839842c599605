"""Processes of a host have one copy of the interactions (that two train alike: test_processes)."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from trainer import sharing
from trainer.data import INTERACTIONS, read
from trainer.errors import DataError
from trainer.interactions import Interactions
from trainer.sequences import Sequences


def test_what_is_mapped_is_what_was_read(data: Path, tmp_path: Path) -> None:
    """It stays when the files are gone, and nobody can change what others see."""
    ids = pl.Series("item_id", read(data).item_ids)
    first = sharing.read(data / INTERACTIONS, ids)
    sharing.write(first, tmp_path)
    found = sharing.mapped(tmp_path)
    for file in tmp_path.iterdir():
        file.unlink()
    assert found.users.to_list() == first.users.to_list()
    assert np.array_equal(found.sequences.items, first.sequences.items)
    assert np.array_equal(found.sequences.starts, first.sequences.starts)
    assert found.unknown == first.unknown
    assert not found.sequences.items.flags.writeable


def test_no_room_is_said_in_a_sentence(tmp_path: Path) -> None:
    """And where room is needed."""
    none = Interactions(pl.Series("user_id", ["u"]), Sequences.of([[0]]), 0)
    with pytest.raises(DataError, match="TMPDIR says where"):
        sharing.write(none, tmp_path / "missing")
