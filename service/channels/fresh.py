"""`fresh`: the newest items, and first of all those that hardly anybody has been shown yet."""

import numpy as np

from service.channels.channel import Candidates, Question
from service.facts import Facts
from service.replica import Replica

DAY_S = 86_400.0


class FreshChannel:
    """An item is owed `exposures` impressions; until it had them it goes before those that had."""

    def __init__(self, facts: Replica[Facts], exposures: int) -> None:
        self._facts = facts
        self._exposures = exposures

    def find(self, question: Question, wanted: int) -> Candidates:
        """Score: 1 / (1 + days since publication), and one more while impressions are owed."""
        facts, terms = self._facts.shelf, question.terms
        rows = facts.latest(terms, wanted)
        owed = facts.seen(rows) < self._exposures
        rows = np.concatenate([rows[owed], rows[~owed]])[:wanted]
        owed = np.arange(len(rows)) < np.count_nonzero(owed)
        scores = owed + 1 / (1 + (terms.now - facts.published(rows)) / DAY_S)
        return list(zip(facts.ids(rows), scores.tolist(), strict=True))
