"""The plots say in words and numbers that people read what was measured."""

import re

from loadtest import plots
from loadtest.record import Record, Step
from loadtest.scenarios import Climb

WORDS = re.compile(r"<text[^>]*>([^<]+)</text>")


def test_small_figures_are_written_out() -> None:
    """A lag of 0.4 s is not 400m, and 15,000 bytes are 15k."""
    lag, size = ([(float(at), each * at) for at in range(8)] for each in (0.1, 5e3))
    words = WORDS.findall(plots.series([("lag", lag), ("size", size)], "s"))
    assert "0.4" in words
    assert "20k" in words
    assert not [word for word in words if word.endswith("m")]


def test_a_ramp_names_the_rates_of_its_steps() -> None:
    """Above a hundred too, where a logarithmic axis has no mark of its own for long."""
    record, climb = Record(10.0), Climb(100.0)
    for met in (True, False, True):
        record.steps.append(Step(climb.rate))
        record.steps[-1].tally.note(0.01, 200, degraded=False)
        climb.note(met=met)
    words = WORDS.findall(plots.ramp(record, climb, 99.0, 0.05, "r"))
    assert {"100", "141", "200"} <= set(words)
