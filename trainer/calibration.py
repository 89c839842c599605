"""How loud the factors may be beside the network: as loud as helps on items set aside for that.

Where users' paths cross, co-occurrence says more than tags do (MicroLens); where they do not, it
says nothing and harms (Complete Journey). So a few target items are kept from the network, as cold
items are from the test, and every loudness is tried on them; the test plays no part. Where too few
users judge, chance would choose, and the network stays alone.
"""

import numpy as np
import torch

from bundle import ItemIds, Vocabulary, pad_items
from bundle.items import ITEM_ID
from trainer.config import Config
from trainer.data import Dataset
from trainer.evaluation import Trial, judge, trial_of
from trainer.factors import Factors, fit_factors, known_items
from trainer.ppmi import shared_vectors
from trainer.scorer import TowersScorer
from trainer.sequences import Sequences
from trainer.split import hold_out
from trainer.towers import TwoTowers

LOUDNESSES = (0.0, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0)  # times the network's own spread of scores
METRICS = ("HR@10", "NDCG@10", "Recall@100")  # judged by their sum
LEVEL = 0.01  # of that sum: the quietest that is so near to the best is taken
PEOPLE = 2000  # users whose scores say how far the network's spread


class Calibration:
    """Sets items aside, and later finds the loudness that they like best."""

    def __init__(self, held: Trial, config: Config) -> None:
        """Take what may be learned from; nothing is set aside where nothing is to be chosen."""
        self._config = config
        self._chooses = bool(config.factors) and config.loudness is None
        self.held = held
        if self._chooses:
            seed, is_target = config.split_seed + 3, held.dataset.is_target
            inner = hold_out(held.split.train, is_target, "cold", seed, config.calibration)
            self._chooses = (
                len(inner.cases) >= config.calibration_users and len(inner.train.items) > 0
            )
            if self._chooses:
                self.held = trial_of(held.dataset, inner, config.split_seed)

    def loudness(self, network: TwoTowers, vocabulary: Vocabulary) -> float:
        """Times the network's own spread; 0: the factors bring nothing."""
        if self._config.loudness is not None:
            return self._config.loudness
        if not self._chooses:
            return 0.0
        block, item_ids = remember(network, vocabulary, self.held.dataset, self.held.split.train)
        if block is None:
            return 0.0
        network.factors, spread = block, float(block.loud)
        scorer = TowersScorer(network, vocabulary, item_ids, self.held.dataset)
        found = {}
        for loudness in LOUDNESSES:
            block.loud.fill_(loudness * spread)
            metrics = judge(self.held, scorer)["all"]
            found[loudness] = sum(metrics[name] for name in METRICS)
        network.factors = None
        enough = max(found.values()) - LEVEL
        return next(loudness for loudness, sum_ in found.items() if sum_ >= enough)


def remember(
    network: TwoTowers, vocabulary: Vocabulary, dataset: Dataset, train: Sequences
) -> tuple[Factors | None, ItemIds]:
    """Fit the factors of a trained network, as loud as itself; → None where there is nothing."""
    config = network.config
    sound = [
        bool(vocabulary.ids(tags)) and bool(ITEM_ID.fullmatch(item_id))
        for tags, item_id in zip(dataset.tags, dataset.item_ids, strict=True)
    ]
    known = known_items(train, np.array(sound), config.max_known)
    if not config.factors or not len(known.items):
        return None, ItemIds()
    scorer = TowersScorer(network.eval(), vocabulary, ItemIds(), dataset)
    several = np.flatnonzero(np.diff(train.starts) > 1)
    some = np.random.default_rng(config.seed).permutation(several)[:PEOPLE]
    histories = [train[user][-config.max_history :] for user in some]
    ids = [vocabulary.ids(tags) for tags in dataset.tags]
    items = scorer.items(np.arange(len(ids))), torch.from_numpy(pad_items(ids, config.max_tags))
    block = Factors(len(known.items), len(vocabulary), config)
    block.lexical.copy_(
        torch.from_numpy(shared_vectors(train, ids, len(vocabulary), config.lexical))
    )
    fit_factors(train, known, block, items, (histories, scorer.users(histories)))
    return block, ItemIds(dataset.item_ids[item] for item in known.items)
