"""Findings say what the intervals say, and nothing where there are none."""

import pytest

from tests.trainer.reproduce.making import BY_NAME, cloud, contrast, line, results, whole
from trainer.reproduce.findings import findings
from trainer.reproduce.record import Leaves
from trainer.reproduce.results import Finding, Results
from trainer.reproduce.rows import RIVALS

ABOVE, BELOW, NEITHER = (0.01, 0.03), (-0.03, -0.01), (-0.01, 0.02)


def only(found: Results, start: str) -> Finding:
    """The finding whose claim starts so."""
    (one,) = [finding for finding in findings(found) if finding.claim.startswith(start)]
    return one


@pytest.mark.parametrize(
    ("last", "verdict"), [(ABOVE, "holds"), (NEITHER, "open"), (BELOW, "fails")]
)
def test_table_4_holds_only_above_every_rival(last: tuple[float, float], verdict: str) -> None:
    """One rival that is level leaves it open, one that is better makes it fail."""
    bounds = [ABOVE] * 5 + [last]
    some = tuple(
        contrast("table4/paper/couple", f"table4/paper/{rival}", bound)
        for rival, bound in zip(RIVALS, bounds, strict=True)
    )
    assert only(results(some), "COUPLE is above all six").verdict == verdict


def test_table_4_is_open_while_a_rival_is_missing() -> None:
    """Above five of six is not above all."""
    some = (contrast("table4/paper/couple", "table4/paper/dssm", ABOVE),)
    assert only(results(some), "COUPLE is above all six").verdict == "open"


def test_nothing_is_said_without_rows() -> None:
    """An empty report has no findings."""
    assert findings(results()) == ()


def test_table_5_names_both_rows() -> None:
    """The queue is held against batch negatives."""
    lines = (line(BY_NAME["table5/queue"], 0.3), line(BY_NAME["table5/batch"], 0.35))
    found = results((contrast("table5/queue", "table5/batch", BELOW),), lines)
    queue = only(found, "A queue of negatives")
    assert queue.verdict == "fails"
    assert "All + FIFO queue is below batch negatives by .020 [.010, .030]" in queue.text


@pytest.mark.parametrize(
    ("warm", "cold", "hurts", "most"),
    [
        ((-0.02, -0.01), (-0.09, -0.05), "holds", "holds"),
        ((-0.03, -0.01), (-0.09, -0.02), "holds", "open"),
        ((-0.09, -0.05), (-0.02, 0.01), "open", "fails"),
        ((-0.09, -0.05), (0.01, 0.03), "fails", "fails"),
    ],
)
def test_figure_4_asks_of_both_groups(
    warm: tuple[float, float], cold: tuple[float, float], hurts: str, most: str
) -> None:
    """Both must lose; cold users lose more only where the intervals do not overlap."""
    row, whole_ = "figure4/default/0", "figure4/default/1"
    some = (contrast(row, whole_, warm, "warm"), contrast(row, whole_, cold, "cold"))
    assert only(results(some), "Less source").verdict == hurts
    assert only(results(some), "… and cold users").verdict == most


@pytest.mark.parametrize(("on", "verdict"), [(0.2, "holds"), (0.105, "open"), (0.0, "fails")])
def test_figure_5_goes_by_the_silhouette(on: float, verdict: str) -> None:
    """With SRIP against .1 without; less than .01 is no difference."""
    clouds = (cloud("figure5/default/with", on), cloud("figure5/default/without", 0.1))
    assert only(results(clouds=clouds), "Orthogonality").verdict == verdict


@pytest.mark.parametrize(
    ("used", "perplexity", "verdict"),
    [(345, 123.0, "holds"), (345, 50.0, "fails"), (3, 2.0, "fails")],
)
def test_a_tree_is_alive_by_both_measures(used: int, perplexity: float, verdict: str) -> None:
    """330 of 512 leaves and a perplexity over 100."""
    leaves = Leaves(leaves=512, used=used, perplexity=perplexity)
    found = results(lines=(line(BY_NAME["table4/paper/couple"], 0.3, leaves),))
    assert only(found, "The memory tree uses").verdict == verdict


def test_a_rival_ahead_by_more_than_the_bar_fails_only_beyond_doubt() -> None:
    """At the default recipe: .01 HR@10 (issue 3), judged by the best rival."""
    row = "table4/default/couple"
    level = contrast(row, "table4/default/dssm", (-0.01, 0.02))
    for bounds, verdict in (((-0.05, -0.02), "fails"), ((-0.04, 0.01), "open")):
        found = results((level, contrast(row, "table4/default/sasrec", bounds)))
        best = only(found, "At one recipe")
        assert best.verdict == verdict
        assert "The best rival is SASRec" in best.text


def test_every_kind_of_finding_can_be_said_at_once() -> None:
    """A full report speaks of the paper and of the project."""
    found = findings(whole())
    assert {finding.source for finding in found} == {"paper", "project"}
    assert len({finding.claim for finding in found}) == len(found) >= 12
