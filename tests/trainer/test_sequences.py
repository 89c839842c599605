"""Rows of any length keep what is asked of them, in however many parts it is asked."""

import numpy as np
import pytest

from trainer import sequences
from trainer.sequences import Sequences, digits


@pytest.fixture(autouse=True, params=[3, sequences.PART])
def _parts(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Few events at a time, or all at once."""
    monkeypatch.setattr(sequences, "PART", request.param)


def test_sequences_give_rows_and_counts() -> None:
    """Rows of any length, empty ones too."""
    found = Sequences.of([[3, 1], [], [1]])
    assert [found[u].tolist() for u in range(len(found))] == [[3, 1], [], [1]]
    assert found.counts(4).tolist() == [0, 2, 0, 1]
    assert found.counts(2).tolist() == [0, 2]


def test_items_can_be_taken_out_of_sequences() -> None:
    """The rows stay, also those that become empty."""
    found = Sequences.of([[3, 1], [], [1], [0, 1, 2]]).only(np.array([True, False, True, True]))
    assert [found[u].tolist() for u in range(len(found))] == [[3], [], [], [0, 2]]


def test_events_can_be_taken_out_of_sequences() -> None:
    """Whatever item they are of; rows at either end may become empty."""
    rows = Sequences.of([[], [3, 1], [], [1], [0, 1, 2], []])
    found = rows.where(np.array([False, False, False, True, False, True]))
    assert [found[u].tolist() for u in range(len(found))] == [[], [], [], [], [0, 2], []]
    assert rows.where(np.ones(6, dtype=np.bool_)) is rows
    assert not len(rows.where(np.zeros(6, dtype=np.bool_)).items)


def test_an_event_knows_its_row_and_its_item() -> None:
    """Rows without an event are passed over."""
    rows = Sequences.of([[], [3, 1], [], [], [1, 2], []])
    assert rows.rows(np.arange(4)).tolist() == [1, 1, 4, 4]
    assert rows.of_items(np.array([False, True, False, True])).tolist() == [True, True, True, False]
    assert rows.met().tolist() == [1, 2, 3]


def test_no_sequences_are_sequences() -> None:
    """Nobody, and users without an event."""
    several: list[list[list[int]]] = [[], [[], []]]
    for rows in several:
        found = Sequences.of(rows)
        assert found.met().tolist() == []
        assert found.only(np.ones(3, dtype=np.bool_)).counts(3).tolist() == [0, 0, 0]


def test_fingerprints_do_not_see_how_narrow_numbers_are() -> None:
    """Four bytes or eight, in parts or at once: those of int64."""
    numbers = np.arange(-5, 5)
    assert b"".join(digits(numbers.astype(np.int32))) == numbers.tobytes()
