"""What users did together, carried to items nobody has met: a second block of both towers.

The network learns what tags say of each other; which items the same users chose says more, where
it is known. The co-occurrence of the training items is factored, and a new item takes over the
factors of the items that it looks like: attention over all items that training has seen. Two items
look alike by the network's vectors and, for a part, by the rare tags they share (latent semantic
analysis). It is fitted after training, since learning both jointly loses (MODEL.md), and weighed by
what it brings to items set aside (calibration.py).
Shapes: B batch, M item ids of a history, N tags, D dim, S lexical dim, I interests, F factors,
W known items, T tag ids (0 is padding), V items of the data set.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from trainer.config import Config
from trainer.icf import cooccurrence_factors
from trainer.network import FAR, mean_tags, unit
from trainer.sequences import Numbers, Sequences

SAMPLE = 2000  # users and items over which the spread of scores is measured
EVEN = 1e-4  # of a score's size: a smaller spread is rounding


class Factors(nn.Module):
    """Factors of known items, and how a new one gets its own. Row w is line w + 1 of items.txt."""

    lexical: Tensor
    anchors: Tensor
    factors: Tensor
    loud: Tensor

    def __init__(self, known: int, vocabulary: int, config: Config) -> None:
        super().__init__()
        self.sharp, self.recency = config.sharpness, config.recency
        self.share = config.lexical_share
        self.register_buffer("lexical", torch.zeros(vocabulary + 1, config.lexical))
        self.register_buffer("anchors", torch.zeros(known, config.dim + config.lexical))  # looks
        self.register_buffer("factors", torch.zeros(known + 1, config.factors))  # row 0: unknown
        self.register_buffer("loud", torch.tensor(1.0))  # of this block beside the network's

    def look(self, item_BD: Tensor, tags_BN: Tensor) -> Tensor:
        """What an item is recognised by: [B, D + S]; inner products are cosines, mixed."""
        lexical_BS = unit(mean_tags(tags_BN, tags_BN > 0, self.lexical))
        return torch.cat([(1 - self.share) ** 0.5 * item_BD, self.share**0.5 * lexical_BS], dim=1)

    def of_items(self, look_BX: Tensor) -> Tensor:
        """Looks → [B, F]: attention over the known items."""
        near_BW = torch.softmax(self.sharp * (look_BX @ self.anchors.T), dim=-1)
        return _damped(near_BW @ self.factors[1:])

    def of_users(self, items_BM: Tensor) -> Tensor:
        """Item ids, oldest first, 0 unknown → [B, F]: recent items weigh more; zero for none."""
        real_BM = (items_BM > 0).to(self.factors.dtype)
        age_BM = real_BM.sum(1, keepdim=True) - real_BM.cumsum(1)
        weight_BM = real_BM * torch.exp(age_BM * float(np.log(self.recency)))
        weight_BM = weight_BM / weight_BM.sum(1, keepdim=True).clamp(min=1e-12)
        return _damped((weight_BM.unsqueeze(1) @ self.factors[items_BM]).squeeze(1))

    def louder(self, times: float) -> Self:
        """The same block, its scores multiplied."""
        self.loud.mul_(times)
        return self

    def join_item(self, item_BD: Tensor, tags_BN: Tensor) -> Tensor:
        """Item vectors and their tags → [B, D + F + 1] of length 1; zero stays zero.

        Factors differ in length. The last number fills every item up to the same length and meets
        a zero in the user's vector, so that the order by inner product is untouched
        (Bachrach et al., RecSys 2014).
        """
        factors_BF = self.of_items(self.look(item_BD, tags_BN))
        # A little above: at zero the root below would turn rounding into 1e-4.
        longest = 1.01 * self.factors.norm(dim=1).max().clamp(min=1e-12)
        rest_B1 = (longest - (factors_BF**2).sum(1, keepdim=True)).clamp(min=0.0).sqrt()
        joined = torch.cat([item_BD, factors_BF, rest_B1], dim=1)
        real_B1 = (item_BD != 0).any(1, keepdim=True).to(joined.dtype)
        return unit(joined * real_B1)

    def join_user(self, user_BID: Tensor, items_BM: Tensor) -> Tensor:
        """User vectors → [B, I, D + F + 1] of length 1."""
        B, I, _ = user_BID.shape  # noqa: E741  # I: interests
        factors_BIF = (self.loud * self.of_users(items_BM)).unsqueeze(1).expand(B, I, -1)
        zero_BI1 = torch.zeros_like(user_BID[..., :1])
        return unit(torch.cat([user_BID, factors_BIF, zero_BI1], dim=2))


def _damped(vectors: Tensor) -> Tensor:
    """Length to the power ½; zero stays zero."""
    length: Tensor = vectors.norm(dim=-1, keepdim=True)
    return vectors / length.clamp(min=1e-12).sqrt()


@dataclass(frozen=True)
class Known:
    """The items a model remembers by id: item numbers [W], ascending."""

    items: Numbers

    def numbers(self, size: int) -> Numbers:
        """Line of items.txt of every item, 0 for the unknown, and for number -1: [V + 1]."""
        found = np.zeros(size + 1, dtype=np.int64)
        found[self.items] = np.arange(1, len(self.items) + 1)
        return found


def known_items(train: Sequences, sound: NDArray[np.bool_], most: int) -> Known:
    """The `most` most frequent items of the training data that may be known: `sound` is [V]."""
    counts = train.counts(len(sound)) * sound
    order = np.argsort(-counts, kind="stable")[:most]
    return Known(np.sort(order[counts[order] > 0]))


def fit_factors(
    train: Sequences,
    known: Known,
    block: Factors,
    items: tuple[Tensor, Tensor],
    users: tuple[Sequence[Numbers], Tensor],
) -> None:
    """Factor the co-occurrence of the known items, and make the block as loud as the network.

    The block has its lexical table. `items` are the network's vectors [V, D] and the tags [V, N];
    `users` some histories of item numbers with the network's vectors [B, I, D] of their users.
    """
    vectors_VD, tags_VN = items
    chosen = torch.from_numpy(known.items)
    block.anchors.copy_(block.look(vectors_VD[chosen], tags_VN[chosen]))
    numbers = known.numbers(len(vectors_VD))
    both = train.only(numbers[:-1] > 0)
    if (np.diff(both.starts) > 1).any():  # somebody has two, else all factors are zero
        found = cooccurrence_factors(both, known.items, block.factors.shape[1])
        block.factors[1:] = torch.from_numpy(found)
    block.loud.fill_(_spread(block, users, vectors_VD[chosen], numbers))


def _spread(
    block: Factors,
    users: tuple[Sequence[Numbers], Tensor],
    known_WD: Tensor,
    numbers: Numbers,
) -> float:
    """Standard deviation of the network's scores over that of this block's.

    Zero where this block tells no item from another: too few of them, or nobody with several.
    """
    histories, user_BID = users
    if len(block.anchors) < 2 or not histories:
        return 0.0
    width = max(1, *map(len, histories))
    items = np.full((len(histories), width), len(numbers) - 1)
    for row, history in zip(items, histories, strict=True):
        row[: len(history)] = history
    some = torch.arange(0, len(block.anchors), max(1, len(block.anchors) // SAMPLE))
    anchors = block.anchors[some]
    logits = block.sharp * (anchors @ block.anchors.T)
    # A known item is its own nearest; here it must look for others, as a new one does.
    logits[torch.arange(len(some)), some] = FAR
    near = torch.softmax(logits, dim=-1)
    mine = block.of_users(torch.from_numpy(numbers[items])) @ _damped(near @ block.factors[1:]).T
    theirs = (user_BID @ known_WD[some].T).amax(1)
    # What lifts all of a user's scores alike orders nothing: items must differ for some user.
    even = mine.std(dim=1).mean() <= EVEN * mine.abs().mean()
    return 0.0 if even else float(theirs.std() / mine.std())
