"""`popular`: what most people liked lately."""

import numpy as np

from service.attention import Attention
from service.channels.channel import Candidates, Question
from service.facts import Facts
from service.replica import Replica


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
        rows = facts.find(times)
        rows = rows[facts.eligible(rows, terms)][:wanted]
        ids = facts.ids(rows)
        since = np.array([times[item_id] for item_id in ids]) - terms.now
        return list(zip(ids, (2 ** (since / self._half_life_s)).tolist(), strict=True))
