"""The yardsticks are right, and recall is what the share of the best scores found is."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.catalogue import World, rounded
from benchmarks.yardsticks import BareIvf, Hnsw, K, Rows, Truth, scanning, smallest

WORLD = World()
MATRIX = rounded(WORLD.items(np.random.default_rng(1), 0, 3_000).vectors)
USERS = WORLD.users(np.random.default_rng(2), 20)
TRUTH = Truth(MATRIX, USERS)
ALL = np.arange(len(MATRIX))
ODD = ALL[1::2]
BEST = [np.argsort(-(MATRIX @ user))[:K] for user in USERS]


def test_the_best_have_recall_one_in_any_order() -> None:
    """Computed by sorting all scores."""
    assert TRUTH.recall(BEST) == 1
    assert TRUTH.recall([rows[::-1] for rows in BEST]) == 1


def test_recall_is_the_share_that_was_found() -> None:
    """Half of the best: a half; others, nothing (-1) and repeats add nothing."""
    worst = [np.argsort(MATRIX @ user)[: K // 2] for user in USERS]
    halves = [rows[: K // 2] for rows in BEST]
    nothing: Rows = np.full(K // 2, -1)
    for more in (worst, halves, [nothing] * len(USERS)):
        found = [np.concatenate(both) for both in zip(halves, more, strict=True)]
        assert TRUTH.recall(found) == pytest.approx(0.5)


def test_a_twin_counts_as_much_as_the_item_itself() -> None:
    """Recall is by score: whichever of equal vectors is found, nothing is missed."""
    twins = np.concatenate([MATRIX, MATRIX])
    truth = Truth(twins, USERS)
    firsts = [rows[: K // 2] for rows in BEST]
    moved = [np.concatenate([rows[: K // 4], rows[: K // 4] + len(MATRIX)]) for rows in firsts]
    assert truth.recall(firsts) == truth.recall(moved) == pytest.approx(0.5)
    assert truth.recall([np.append(rows, rows + len(MATRIX)) for rows in firsts]) == 1


def test_fewer_matches_than_wanted_are_all_that_is_wanted() -> None:
    """Ten matching rows: finding them is recall one, finding five is a half."""
    few = ALL[:10]
    truth = Truth(MATRIX, USERS, few)
    assert truth.recall([few] * len(USERS)) == 1
    assert truth.recall([few[:5]] * len(USERS)) <= 0.5


def test_a_scan_of_matches_finds_exactly_the_best_of_them() -> None:
    """All of them there, in order; nothing else."""
    for rows in (ODD, ALL[:10]):
        search = scanning(MATRIX, rows)
        assert Truth(MATRIX, USERS, rows).recall_of(search) == 1
        found = search(USERS[0])
        assert np.isin(found, rows).all()
        assert (np.diff(MATRIX[found] @ USERS[0]) <= 0).all()


def test_bare_faiss_is_exact_once_it_probes_every_list() -> None:
    """Its codes are scored as the truth is; a selector keeps to the matching rows."""
    ivf = BareIvf(MATRIX, 16)
    assert TRUTH.recall_of(ivf.searching(16)) == 1
    assert TRUTH.recall_of(ivf.searching(1)) < 0.95
    odd = ivf.searching(16, ALL % 2 == 1)
    assert Truth(MATRIX, USERS, ODD).recall_of(odd) == 1
    assert np.isin(odd(USERS[0]), ODD).all()


def test_tuning_takes_the_fewest_lists_that_reach_the_target() -> None:
    """One list less does not reach it."""
    ivf = BareIvf(MATRIX, 16)
    probes, search = ivf.tuned(TRUTH, 0.95)
    assert TRUTH.recall_of(search) >= 0.95 > TRUTH.recall_of(ivf.searching(probes - 1))


@pytest.mark.parametrize("wanted", [1, 2, 37, 64, 99, 100])
def test_the_smallest_effort_is_found(wanted: int) -> None:
    """Whatever it is, up to all there is."""
    assert smallest(100, lambda effort: effort / 100, wanted / 100) == wanted


def test_an_effort_that_never_suffices_is_the_largest() -> None:
    """The caller shows the recall that it reaches."""
    assert smallest(100, lambda _: 0.5, 0.99) == 100


def test_hnswlib_reaches_the_recall_and_keeps_its_graph(tmp_path: Path) -> None:
    """The second one is loaded from the folder and finds the same."""
    first = Hnsw(MATRIX, tmp_path)
    assert first.tune(TRUTH, 0.95) >= K
    assert TRUTH.recall_of(first.search) >= 0.95
    (kept,) = tmp_path.iterdir()
    changed = kept.stat().st_mtime_ns
    second = Hnsw(MATRIX, tmp_path)
    second.tune(TRUTH, 0.95)
    assert kept.stat().st_mtime_ns == changed
    assert np.array_equal(first.search(USERS[0]), second.search(USERS[0]))
