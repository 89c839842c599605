"""`model`: the items whose vectors lie nearest to the user's."""

import numpy as np

from service.channels.channel import Candidates, Question


class ModelChannel:
    """What the towers say; nothing where the user tower has nothing to say of such a history."""

    def find(self, question: Question, wanted: int) -> Candidates:
        """Scores are inner products."""
        if not (question.user.any() and np.isfinite(question.user).all()):
            return []  # zeros are as near to everything, and what is no number to nothing
        return question.generation.search(question.user, wanted, question.terms)
