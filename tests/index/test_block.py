"""A block holds what was put and not dropped since, wherever its rows have moved."""

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from index.block import Block
from index.rows import Columns
from tests.index.vectors import DIM, clustered

ROWS = 300
VECTORS = clustered(ROWS, seed=1)
QUERY = clustered(3, seed=2)


def columns(rows: NDArray[np.int64], end: float = math.inf) -> Columns:
    """Published at times that differ from row to row, expired at one."""
    return Columns((-1.0 - rows).astype(np.float64), np.full(len(rows), end), rows.astype(np.int32))


def assert_holds(block: Block, rows: set[int]) -> None:
    assert len(block) == len(rows)
    assert set(block.rows.tolist()) == rows
    assert np.allclose(block.scores(QUERY), (VECTORS[block.rows] @ QUERY.T).max(axis=1), atol=1e-5)
    assert np.array_equal(block.live(-10.0), block.rows >= 9)


CHANGES = st.lists(
    st.tuples(st.booleans(), st.sets(st.integers(0, ROWS - 1), min_size=1)), max_size=12
)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(changes=CHANGES)
def test_a_block_holds_what_was_put_and_not_dropped(changes: list[tuple[bool, set[int]]]) -> None:
    block, stored = Block(DIM), set[int]()
    for put, some in changes:
        chosen = some - stored if put else some
        rows = np.array(sorted(chosen), dtype=np.int64)
        if put:
            block.put(rows, VECTORS[rows], columns(rows))
            stored |= chosen
        else:
            block.drop(rows)
            stored -= chosen
        assert_holds(block, stored)


def test_all_are_live_between_the_last_publication_and_the_first_expiry() -> None:
    block, rows = Block(DIM), np.arange(5)
    assert block.all_live(0.0)
    block.put(rows, VECTORS[rows], columns(rows, end=10.0))
    live = {now: block.all_live(now) for now in (-1.1, -1.0, 9.9, 10.0)}
    assert live == {-1.1: False, -1.0: True, 9.9: True, 10.0: False}
    block.put(rows + 5, VECTORS[rows], columns(rows + 5, end=9.0))
    assert not block.all_live(9.0)
    block.drop(rows + 5)
    assert block.all_live(9.0)
