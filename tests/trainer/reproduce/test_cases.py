"""Figure 8's users are drawn by a rule, and what is shown of them is what was judged."""

from pathlib import Path

import numpy as np
import pytest

from trainer.checkpoint import Checkpoint, open_checkpoint, read_ranks
from trainer.data import read
from trainer.evaluation import Trial, trial
from trainer.metrics import Ranks
from trainer.reproduce.cases import FOUND, KINDS, SHOWN, Nearness, cases_of
from trainer.reproduce.results import Case


@pytest.fixture(scope="module")
def found(checkpoint: Path) -> Checkpoint:
    return open_checkpoint(checkpoint)


@pytest.fixture(scope="module")
def held(data: Path, found: Checkpoint) -> Trial:
    return trial(read(data), found.config)


@pytest.fixture(scope="module")
def ranks(checkpoint: Path) -> Ranks:
    return Ranks(**read_ranks(checkpoint))


@pytest.fixture(scope="module")
def cases(found: Checkpoint, held: Trial, ranks: Ranks) -> tuple[Case, ...]:
    return cases_of(found, held, ranks)


def test_each_kind_is_what_it_says(cases: tuple[Case, ...]) -> None:
    """Cold users have no item of the target domain; found means among the first ten."""
    kinds = {kind: (cold, hit) for kind, cold, hit in KINDS}
    assert cases
    for case in cases:
        cold, hit = kinds[case.kind]
        assert all(item.domain == "product" for item in case.history) == cold
        assert (case.rank <= FOUND) == hit


def test_the_truth_stands_where_its_rank_says(cases: tuple[Case, ...]) -> None:
    """Candidates are in the order of their scores, the truth among them if it is near the top."""
    for case in cases:
        scores = [candidate.score for candidate in case.candidates]
        assert scores == sorted(scores, reverse=True)
        places = [place for place, c in enumerate(case.candidates, 1) if c.truth]
        assert places == ([case.rank] if case.rank <= SHOWN else [])


def test_the_draw_is_the_same_every_time(
    found: Checkpoint, held: Trial, ranks: Ranks, cases: tuple[Case, ...]
) -> None:
    """Nobody picks."""
    assert cases_of(found, held, ranks) == cases


def test_a_kind_without_users_is_left_out(found: Checkpoint, held: Trial, ranks: Ranks) -> None:
    """Where nobody was missed no miss is shown."""
    nought = Ranks(ranks.sampled, np.zeros_like(ranks.full))
    assert not any("missed" in case.kind for case in cases_of(found, held, nought))


def test_links_are_the_nearest_pairs_each_tag_once(found: Checkpoint) -> None:
    """A tag is nearest to itself; unknown tags take no part."""
    near = Nearness(found)
    links = near.links(["noodles", "wok", "no such tag"], ["street food", "noodles"])
    assert links[0].history == links[0].candidate == "noodles"
    assert links[0].cosine == pytest.approx(1.0)
    assert [(link.history, link.candidate) for link in links[1:]] == [("wok", "street food")]
    assert near.links(["no such tag"], ["noodles"]) == ()
    assert near.links([], []) == ()
