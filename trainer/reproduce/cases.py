"""Figure 8: a few users, the cold items retrieved for them, and the tags that connect the two.

Which users is drawn, not picked: a figure of successes alone would say nothing.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bundle import Vocabulary
from trainer.checkpoint import Checkpoint
from trainer.data import Dataset
from trainer.evaluation import Trial, scorer_of
from trainer.metrics import Ranks
from trainer.network import unit
from trainer.reproduce.results import Candidate, Case, Item, Link
from trainer.sequences import Numbers

SHOWN = 5  # candidates of a user
FOUND = SHOWN  # a truth among them was found
MIN_ITEMS = 3
LINKS = 3
SEED = 8  # of the figure

# What is drawn: in words, cold user or not, truth found or not.
KINDS = (
    ("a warm user whose next item was found", False, True),
    ("a cold user whose next item was found", True, True),
    ("a cold user whose next item was missed", True, False),
)


def cases_of(found: Checkpoint, held: Trial, ranks: Ranks) -> tuple[Case, ...]:
    """One user of each kind that there is."""
    scorer, near = scorer_of(found, held.dataset), Nearness(found)
    shown = []
    for kind, cold, hit in KINDS:
        number = _drawn(held, ranks.full, cold, hit)
        if number is None:
            continue
        case = held.split.cases[number]
        history = case.history[-found.config.max_items :]
        scores = scorer([case.history], held.pool)[0]
        best = _best(scores, held, number, int(ranks.full[number]))
        candidates = tuple(
            _candidate(held, int(i), scores[i], case.positive, near, history) for i in best
        )
        shown.append(
            Case(
                kind=kind,
                history=tuple(item_of(held.dataset, int(i)) for i in history),
                truth=item_of(held.dataset, case.positive),
                rank=int(ranks.full[number]) + 1,
                candidates=candidates,
            )
        )
    return tuple(shown)


def _drawn(held: Trial, full: Numbers, cold: bool, hit: bool) -> int | None:
    """A user of this kind at random, the same every time."""
    fitting = [
        number
        for number, case in enumerate(held.split.cases)
        if case.cold == cold and (full[number] < FOUND) == hit and len(case.history) >= MIN_ITEMS
    ]
    return int(np.random.default_rng(SEED).choice(fitting)) if fitting else None


def _best(scores: NDArray[np.float32], held: Trial, number: int, rank: int) -> Numbers:
    """Places in the pool of the best items that the user never met: [SHOWN].

    The truth stands at the rank at which it was judged, where ties fell at random.
    """
    case, order = held.split.cases[number], np.argsort(-scores, kind="stable")
    others = order[~np.isin(held.pool[order], held.split.whole[case.user])]
    truth = np.searchsorted(held.pool, case.positive)
    return np.insert(others, rank, truth)[:SHOWN]


def item_of(dataset: Dataset, item: int) -> Item:
    """An item by its title, else by its id."""
    return Item(
        name=dataset.titles[item] or dataset.item_ids[item],
        domain=dataset.domains[dataset.item_domains[item]],
        tags=dataset.tags[item],
    )


class Nearness:
    """How near two tags lie in the tag table, which both towers read."""

    def __init__(self, found: Checkpoint) -> None:
        """Take a checkpoint with a network."""
        self._vocabulary: Vocabulary = found.vocabulary
        self._vectors = unit(found.network.tags.weight.detach()).numpy()

    def links(self, history: Sequence[str], candidate: Sequence[str]) -> tuple[Link, ...]:
        """The nearest pairs, each tag in one pair; tags that are not known take no part."""
        left, right = (self._known(tags) for tags in (history, candidate))
        cosines = self._of(left) @ self._of(right).T
        out: list[Link] = []
        while cosines.size and cosines.max() > -np.inf and len(out) < LINKS:
            row, column = np.unravel_index(int(cosines.argmax()), cosines.shape)
            cosine = float(cosines[row, column])
            out.append(Link(history=left[row], candidate=right[column], cosine=round(cosine, 3)))
            cosines[row, :] = cosines[:, column] = -np.inf
        return tuple(out)

    def _known(self, tags: Sequence[str]) -> list[str]:
        return [tag for tag in dict.fromkeys(tags) if self._vocabulary.ids([tag])]

    def _of(self, tags: list[str]) -> NDArray[np.float32]:
        ids = [self._vocabulary.ids([tag])[0] for tag in tags]
        vectors: NDArray[np.float32] = self._vectors[ids or slice(0)].astype(np.float32)
        return vectors


def _candidate(
    held: Trial, place: int, score: np.float32, truth: int, near: Nearness, history: Numbers
) -> Candidate:
    item = int(held.pool[place])
    tags = [tag for i in history for tag in held.dataset.tags[i]]
    return Candidate(
        item=item_of(held.dataset, item),
        truth=item == truth,
        score=round(float(score), 3),
        links=near.links(tags, held.dataset.tags[item]),
    )
