"""What became of requests is kept whole: by kind, by time, by step; and comes back from JSON."""

import json

import numpy as np
import pytest

from loadtest.connection import HUNG_UP
from loadtest.record import Record, Step
from loadtest.tally import UNANSWERED, Tally

SHORT = b'{"candidates":[],"degraded":["no_history"],"experiments":[]}'
WHOLE = b'{"candidates":[],"degraded":[],"experiments":[]}'


def test_percentiles_are_exact_to_three_digits() -> None:
    """Of a million times drawn by a law with a long tail, beside numpy."""
    took = np.random.default_rng(1).lognormal(-6, 1, 100_000)
    tally = Tally()
    for seconds in took.tolist():
        tally.note(seconds, 200, degraded=False)
    for percent in (10, 50, 90, 99, 99.9):
        assert tally.percentile(percent) == pytest.approx(np.percentile(took, percent), rel=2e-3)
    assert tally.percentile(100) == pytest.approx(took.max(), rel=1e-3)


def test_whatever_is_no_good_answer_is_an_error_and_has_no_latency() -> None:
    """Refused, hung up on, never answered; a fast refusal flatters no percentile."""
    tally = Tally()
    for status in (200, 202, 429, 503, HUNG_UP, UNANSWERED):
        tally.note(0.5 if status in (200, 202) else 0.001, status, degraded=False)
    assert (tally.count, tally.good, tally.errors) == (6, 2, 4)
    assert tally.percentile(1) == pytest.approx(0.5, rel=1e-3)


def recorded() -> Record:
    """Two kinds over 20 s, a step that broke, a mark."""
    record = Record(20.0)
    note = record.noting("recommend")
    for n in range(200):
        note(n / 10, n / 10 + 0.01, 200, SHORT if n % 4 == 0 else WHOLE)
    record.noting("items")(5.0, 5.5, 503, b"")
    record.end_stretch(20.0, [0.001, 0.02, 0.001])
    record.started = 20.0
    record.steps.append(Step(50.0))
    note(1.0, 3.0, 200, WHOLE)
    record.mark(7.5, "something happened")
    record.end_stretch(4.0, [0.005])
    return record


def test_requests_are_kept_by_kind_time_and_step() -> None:
    """By when they were due; those of a later stretch stand after it."""
    record = recorded()
    assert {kind: tally.count for kind, tally in record.kinds.items()} == {
        "recommend": 201,
        "items": 1,
    }
    assert record.total.count == 202
    assert record.total.degraded == 50
    assert record.intervals[int(5.0 / record.width)].errors == 1
    assert record.intervals[int(21.0 / record.width)].percentile(50) == pytest.approx(2, rel=1e-3)
    assert sum(tally.count for tally in record.intervals.values()) == 202
    assert [(step.rate, step.tally.count) for step in record.steps] == [(50.0, 1)]
    assert (record.seconds, record.pauses) == (24.0, [0.02, 0.005])


def test_a_soak_of_a_day_has_no_more_intervals_than_a_minute() -> None:
    """Each is as long as it takes."""
    record = Record(86_400.0)
    for hour in range(24):
        record.noting("recommend")(3600.0 * hour, 3600.0 * hour + 0.01, 200, WHOLE)
    assert record.width == 360.0
    assert len(record.intervals) == 24
    assert max(record.intervals) < 240


def test_a_record_comes_back_from_json() -> None:
    """With every figure it had."""
    record = recorded()
    again = Record.decode(json.loads(json.dumps(record.encode())))
    assert again.encode() == record.encode()
    assert again.total.percentile(99) == record.total.percentile(99)
    assert again.marks == [(7.5, "something happened")]
    assert Record.decode(Record(5.0).encode()).total.count == 0
