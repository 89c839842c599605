"""`popular`: what most people liked lately."""

from collections.abc import Sequence
from itertools import islice

import numpy as np

from service.attention import Attention
from service.channels.channel import Candidates, Question
from service.facts import Facts
from service.replica import Replica
from service.terms import Terms

FEW = 4  # times what is wanted: mostly enough, and the rest need not be looked at


class PopularChannel:
    """By positives of all users, each worth half after every half-life."""

    def __init__(self, facts: Replica[Facts], attention: Attention, half_life_s: float) -> None:
        self._facts = facts
        self._attention = attention
        self._half_life_s = half_life_s

    def find(self, question: Question, wanted: int) -> Candidates:
        """Score: how many positives of this moment those of the item are worth."""
        facts, terms = self._facts.shelf, question.terms
        times = self._attention.popularity
        ids = _eligible(facts, terms, list(islice(times, FEW * wanted)))
        if len(ids) < wanted:
            ids = _eligible(facts, terms, list(times))
        ids = ids[:wanted]
        since = np.array([times[item_id] for item_id in ids]) - terms.now
        return list(zip(ids, (2 ** (since / self._half_life_s)).tolist(), strict=True))


def _eligible(facts: Facts, terms: Terms, item_ids: Sequence[str]) -> list[str]:
    rows = facts.find(item_ids)
    return facts.ids(rows[facts.eligible(rows, terms)])
