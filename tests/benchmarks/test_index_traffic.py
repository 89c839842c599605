"""No wrong answer of the churn goes unseen, and no right one is blamed."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.catalogue import DIM, NOW, World, id_of
from benchmarks.index_churn import churn
from benchmarks.index_stage import Options, Stage, fill
from benchmarks.index_traffic import Answer, Clock, Ledger, Traffic
from index import ItemIndex

OLD, NEW, SHORT, GONE = (id_of(number) for number in (5, 100, 101, 6))
LEDGER = Ledger(
    first=100,
    added={NEW: 10.0, SHORT: 10.0, OLD: 30.0},  # OLD got another vector
    expiry={SHORT: NOW + 20},
    removed={GONE: 12.0},
)
ANSWER = Answer(due=10.5, began=11.0, ended=11.5, now=NOW, ids=[OLD, NEW, SHORT, GONE])


def test_what_was_there_is_right() -> None:
    """A removal that had not returned, an upsert that had begun, an expiry to come."""
    assert LEDGER.wrong(ANSWER) == 0


@pytest.mark.parametrize(
    "wrong",
    [
        replace(ANSWER, began=12.5, ended=13.0),  # GONE is
        replace(ANSWER, now=NOW + 20),  # SHORT has expired
        replace(ANSWER, ids=[id_of(102)]),  # nobody knows it
        replace(ANSWER, ids=[OLD, OLD]),
    ],
)
def test_what_is_wrong_is_counted(wrong: Answer) -> None:
    """Dead, unknown and doubled ids, one each."""
    assert LEDGER.wrong(wrong) == 1


def test_an_item_from_the_future_is_unknown() -> None:
    """NEW and SHORT were stored after this answer came."""
    assert LEDGER.wrong(replace(ANSWER, began=8.0, ended=9.0)) == 2


def test_searches_come_at_the_rate_and_find_what_is_there() -> None:
    """About 500 a second, each no earlier than it was due."""
    items = World().items(np.random.default_rng(1), 0, 500)
    index = ItemIndex(DIM)
    fill(index, items)
    queries = items.vectors[:10]
    answers = Traffic(index, queries, Clock(), np.random.default_rng(2)).run(0.5)
    assert 180 < len(answers) < 320
    assert all(answer.due <= answer.began <= answer.ended for answer in answers)
    assert answers[0].ids[0] == items.ids[0]
    assert sum(map(Ledger(len(items)).wrong, answers)) == 0


def test_the_index_gives_no_wrong_answer_while_items_come_and_go() -> None:
    """The whole measurement, short: news is found, nothing is wrong."""
    options = Options(items=2_000, rounds=1, quick=True, turnovers=1)
    _, found, checked = churn(Stage(options))
    assert " measured" in found.ours
    assert checked.ours.startswith("0 of ")
    assert checked.met
