"""What every channel is asked, and what it answers."""

from collections.abc import Collection, Sequence
from typing import NamedTuple, Protocol

from bundle.probe import Vectors
from service.event import Watched
from service.generation import Candidates as Candidates
from service.generation import Generation
from service.terms import Terms


class Question(NamedTuple):
    """One user's, to every channel alike."""

    generation: Generation
    user: Vectors  # [1, I, D] by the generation's user tower
    history: Sequence[Watched]  # oldest first
    terms: Terms
    nearest: Candidates | None = None  # to the user, as many as are wanted, where it is known

    def without(self, item_ids: Collection[str]) -> "Question":
        """The same, but for items that the answer has already."""
        taken, terms = set(item_ids), self.terms
        rest = terms._replace(exclude={*terms.exclude, *taken})
        left = [one for one in self.nearest or () if one[0] not in taken]
        return self._replace(terms=rest, nearest=None if self.nearest is None else left)


class Channel(Protocol):
    """One rule by which items are found."""

    def find(self, question: Question, wanted: int) -> Candidates:
        """Up to `wanted` (item id, score) that meet the terms, each once, by falling score."""
