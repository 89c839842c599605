"""`model`: the items whose vectors lie nearest to the user's."""

from service.channels.channel import Candidates, Question


class ModelChannel:
    """What the towers say; nothing where the user tower has nothing to say of such a history."""

    def find(self, question: Question, wanted: int) -> Candidates:
        """Scores are inner products."""
        if question.nearest is not None:
            return question.nearest[:wanted]
        return question.generation.search(question.user, wanted, question.terms)
