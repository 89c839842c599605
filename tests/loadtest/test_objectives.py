"""Objectives are read to the letter, and hold for good answers and errors apart."""

import pytest

from loadtest.errors import ObjectiveRefused
from loadtest.objectives import objectives
from loadtest.tally import Tally


@pytest.fixture
def tally() -> Tally:
    """A thousand good answers of 1 to 1,000 ms, and two of the service's refusals."""
    found = Tally()
    for n in range(1, 1001):
        found.note(n / 1000, 200, degraded=False)
    for _ in range(2):
        found.note(0.001, 429, degraded=False)
    return found


@pytest.mark.parametrize(
    ("text", "met", "shown"),
    [
        ("p50=500ms", True, "500.2 ms"),
        ("p50=0.4s", False, "500.2 ms"),
        ("p99.9=999500us", True, "999.4 ms"),
        ("max=1s", True, "1,000.4 ms"),
        ("errors=2", True, "2"),
        ("errors=1", False, "2"),
        ("errors=0.2%", True, "0.20 %"),
        ("errors=0.1%", False, "0.20 %"),
    ],
)
def test_an_objective_is_met_or_not(tally: Tally, text: str, met: bool, shown: str) -> None:
    """To the three digits that a histogram keeps."""
    (found,) = objectives(text)
    assert found.met(tally) is met
    assert found.shown(tally) == shown


def test_a_list_is_read_in_order() -> None:
    """Blanks and an empty list are no mistake."""
    assert [one.text for one in objectives(" p99=50ms , errors=0")] == ["p99=50ms", "errors=0"]
    assert objectives("") == ()


def test_without_a_good_answer_no_latency_is_met() -> None:
    """And it is said why."""
    (found,) = objectives("p99=10s")
    assert not found.met(Tally())
    assert found.shown(Tally()) == "no good answer"


@pytest.mark.parametrize(
    "text", ["p99", "p99=50", "p99=fast", "p100=1s", "rate=5", "errors=few", "p99=-1ms", "=5"]
)
def test_what_is_no_objective_is_refused_with_an_example(text: str) -> None:
    """In one sentence that names it."""
    with pytest.raises(ObjectiveRefused, match="write --slo like p99=50ms"):
        objectives(f"max=1s,{text}")


def test_an_objective_given_twice_is_refused() -> None:
    """Which of the two should hold is not for us to say."""
    with pytest.raises(ObjectiveRefused, match="names p99 twice"):
        objectives("p99=50ms,p99=60ms")
