"""How many leaves of the memory tree are alive: the groups that users really fall into."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from bundle import Vocabulary, pad_histories
from trainer.config import Config
from trainer.data import Dataset
from trainer.errors import ConfigError
from trainer.network import CoupleEncoder
from trainer.sequences import Numbers
from trainer.towers import TwoTowers


@dataclass(frozen=True)
class LeafUsage:
    """Over users, each counted at their heaviest leaf."""

    leaves: int  # that the tree has
    used: int  # heaviest for at least one user
    perplexity: float  # of the counts: leaves used evenly would give `used`


def leaf_usage(
    network: TwoTowers,
    vocabulary: Vocabulary,
    dataset: Dataset,
    config: Config,
    histories: Sequence[Numbers],
) -> LeafUsage:
    """Usage over histories of item numbers (§3.2.3, dead nodes)."""
    rows = [[vocabulary.ids(dataset.tags[i]) for i in history] for history in histories]
    tags = torch.from_numpy(pad_histories(rows, config.max_items, config.max_tags))
    encoder = network.encoder
    if not isinstance(encoder, CoupleEncoder) or encoder.group is None:
        raise ConfigError(f"{config.model} has no memory tree")
    with torch.inference_mode():
        seen, _ = network.seen(tags, network.tags.weight)
        _, nodes = encoder.parts(seen)
    counts = torch.bincount(nodes[-1].argmax(1), minlength=config.tree[-1]).double()
    share = counts[counts > 0] / counts.sum()
    perplexity = torch.exp(-(share * share.log()).sum()).item()
    return LeafUsage(len(counts), int((counts > 0).sum()), perplexity)
