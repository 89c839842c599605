"""`author`: new items of authors that the user engaged with (author-CF of the paper, section 5)."""

from collections import defaultdict
from collections.abc import Sequence
from heapq import nlargest

import numpy as np

from service.channels.channel import Candidates, Question
from service.event import Watched
from service.facts import Facts
from service.replica import Replica

HALVED = 10  # engagements later, one counts half
AUTHORS = 50  # are looked at: those engaged with most
ITEMS = 100  # of each are looked at: the newest
DAY_S = 86_400.0


class AuthorChannel:
    """Every positive event is an engagement with its item's author; the newest count most."""

    def __init__(self, facts: Replica[Facts]) -> None:
        self._facts = facts

    def find(self, question: Question, wanted: int) -> Candidates:
        """Score: the author's share of the user's engagement / (1 + days since publication)."""
        facts, terms = self._facts.shelf, question.terms
        shares = _shares(facts, question.history)
        offered = {author: facts.by_author(author, ITEMS) for author in shares}
        rows = np.array([row for some in offered.values() for row in some], dtype=np.int64)
        share = np.repeat(list(shares.values()), [len(some) for some in offered.values()])
        kept = facts.eligible(rows, terms)
        rows, share = rows[kept], share[kept]
        scores = share / (1 + (terms.now - facts.published(rows)) / DAY_S)
        best = np.argsort(-scores, kind="stable")[:wanted]
        return list(zip(facts.ids(rows[best]), scores[best].tolist(), strict=True))


def _shares(facts: Facts, history: Sequence[Watched]) -> dict[str, float]:
    """Author → share of the engagement of a history (oldest item first), the largest first."""
    weights: defaultdict[str, float] = defaultdict(float)
    for age, item in enumerate(reversed(history)):
        if author := item.author_id or facts.author_of(item.item_id or ""):
            weights[author] += 0.5 ** (age / HALVED)
    total = sum(weights.values())
    most = nlargest(AUTHORS, weights, key=weights.__getitem__)
    return {author: weights[author] / total for author in most}
