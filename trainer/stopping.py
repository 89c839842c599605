"""Early stopping: the weights of the epoch that finds most of what a validation holds out.

Users and items are held out of the training data in the same way as the test is, so that the test
plays no part.
"""

import torch
from torch import Tensor

from bundle import ItemIds, Vocabulary
from trainer.config import Config
from trainer.data import Dataset
from trainer.errors import DataError
from trainer.evaluation import Trial, judge, trial_of
from trainer.scorer import TowersScorer
from trainer.split import VALIDATION_SHARE, Split, hold_out
from trainer.towers import TwoTowers

METRIC = "NDCG@10"
WEIGHTS = "weights."


class Stopping:
    """Judges after every epoch, and remembers the best weights."""

    def __init__(self, held: Trial, vocabulary: Vocabulary, config: Config) -> None:
        """Hold out of the trial's training data; with patience 0 nothing is held out.

        Raises:
            DataError: there is nobody to judge.
        """
        self._vocabulary, self._patience = vocabulary, config.patience
        self._waited, self._best = 0, -1.0
        self._weights: dict[str, Tensor] = {}
        dataset, train = held.dataset, held.split.train
        self.split: Split = held.split
        if config.patience:
            seed = config.split_seed + 2
            self.split = hold_out(train, dataset.is_target, "cold", seed, VALIDATION_SHARE)
            if not self.split.cases:
                raise DataError("nobody is left to stop early by: set patience=0 or give more data")
        self._trial = trial_of(dataset, self.split, config.split_seed)

    @property
    def dataset(self) -> Dataset:
        return self._trial.dataset

    def score(self, network: TwoTowers) -> float:
        """NDCG@10 on the validation users; remembers the weights where it is the best so far."""
        scorer = TowersScorer(network.eval(), self._vocabulary, ItemIds(), self.dataset)
        found = judge(self._trial, scorer)["all"][METRIC]
        self._waited += 1
        if found > self._best:
            self._best, self._waited = found, 0
            self._weights = {k: t.clone() for k, t in network.state_dict().items()}
        return found

    @property
    def enough(self) -> bool:
        """Whether the last epochs, as many as the patience, brought nothing."""
        return bool(self._patience) and self._waited >= self._patience

    def restore(self, network: TwoTowers) -> None:
        """Go back to the best weights, if any epoch was judged."""
        if self._weights:
            network.load_state_dict(self._weights)

    def state(self) -> dict[str, Tensor]:
        """What `load` needs to go on in another process."""
        # In full: a rounded score would be beaten by itself.
        score = torch.tensor([self._best, self._waited], dtype=torch.float64)
        return {"score": score, **_named(self._weights)}

    def load(self, state: dict[str, Tensor]) -> None:
        """Take over what `state` returned."""
        best, waited = state["score"].tolist()
        self._best, self._waited = best, int(waited)
        self._weights = {n.removeprefix(WEIGHTS): t for n, t in state.items() if n != "score"}


def _named(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    return {WEIGHTS + name: tensor for name, tensor in weights.items()}
