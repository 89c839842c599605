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
        found = [(rows, facts.seen(rows) < self._exposures) for rows in facts.latest(terms, wanted)]
        first = facts.merged([rows[owed] for rows, owed in found], wanted)
        rest = facts.merged([rows[~owed] for rows, owed in found], wanted - len(first))
        rows, owed = np.concatenate([first, rest]), [1] * len(first) + [0] * len(rest)
        scores = owed + 1 / (1 + (terms.now - facts.published(rows)) / DAY_S)
        return list(zip(facts.ids(rows), scores.tolist(), strict=True))
