"""Numbers as papers write them."""

import pytest

from tests.trainer.reproduce.making import contrast
from trainer.reproduce.results import Value
from trainer.reproduce.wording import MINUS, interval, number, standings, value


@pytest.mark.parametrize(
    ("given", "digits", "shown"),
    [
        (0.3141, 3, ".314"),
        (-0.002, 3, f"{MINUS}.002"),
        (-0.0002, 3, ".000"),
        (1.0, 3, "1.000"),
        (61.4, 0, "61"),
        (0.0, 0, "0"),
        (-0.5, 2, f"{MINUS}.50"),
    ],
)
def test_numbers(given: float, digits: int, shown: str) -> None:
    """No leading zero below 1, a true minus sign, and no minus nought."""
    assert number(given, digits) == shown


def test_values_and_intervals() -> None:
    """A single seed has no deviation; what is missing is a dash."""
    assert value(Value(mean=0.25, sd=0.004, seeds=(0.1,))) == ".250 ± .004"
    assert value(Value(mean=0.25, sd=None, seeds=(0.25,))) == ".250"
    assert value(None) == number(None) == "\N{EN DASH}"
    assert interval(contrast("a", "b", (0.002, 0.018))) == ".010 [.002, .018]"


def test_standings_say_above_below_or_neither() -> None:
    """What is below is said the other way round, so that numbers are sizes."""
    some = [
        (contrast("a", "b", (0.002, 0.018)), "B"),
        (contrast("a", "c", (-0.018, -0.002)), "C"),
        (contrast("a", "d", (-0.004, 0.010)), "D"),
        (contrast("a", "e", (0.1, 0.3)), "E"),
    ]
    assert standings(some) == (
        "above B by .010 [.002, .018], E by .200 [.100, .300]; below C by .010 [.002, .018]; "
        f"not distinguishable from D: .003 [{MINUS}.004, .010]"
    )
