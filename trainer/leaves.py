"""How many leaves of the memory tree are alive: the groups that users really fall into."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from bundle import Vocabulary, pad_histories
from trainer.config import Config
from trainer.data import Dataset, Numbers
from trainer.network import Couple


@dataclass(frozen=True)
class LeafUsage:
    """Over users, each counted at their heaviest leaf."""

    leaves: int  # that the tree has
    used: int  # heaviest for at least one user
    perplexity: float  # of the counts: leaves used evenly would give `used`


def leaf_usage(
    network: Couple,
    vocabulary: Vocabulary,
    dataset: Dataset,
    config: Config,
    histories: Sequence[Numbers],
) -> LeafUsage:
    """Usage over histories of item numbers (§3.2.3, dead nodes)."""
    rows = [[vocabulary.ids(dataset.tags[i]) for i in history] for history in histories]
    tags = torch.from_numpy(pad_histories(rows, config.max_items, config.max_tags))
    with torch.inference_mode():
        _, nodes = network.encode(tags)
    counts = torch.bincount(nodes[-1].argmax(1), minlength=config.tree[-1]).double()
    share = counts[counts > 0] / counts.sum()
    perplexity = torch.exp(-(share * share.log()).sum()).item()
    return LeafUsage(len(counts), int((counts > 0).sum()), perplexity)
