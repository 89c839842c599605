"""The paper's six neural rivals (§4.2) as user encoders over the item tower that all models share.

Each sees an item as the mean of its tags where its own paper has an id, and leaves pooling over a
catalogue, loss and unit length to what is common, so that a difference is the encoder's.

Shapes: B batch, L items of a history (oldest first, padded on the right), N tags of an item,
T rows of a tag table, D dim, H heads, I interests, Q domains (ICAN's channels). What ends in "x"
has either L or Q there.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trainer import processes
from trainer.config import Config
from trainer.encoder import Encoded, Seen
from trainer.network import FAR, mean, mean_tags, unit

WINDOW = 3  # items under one filter of DeepCoNN, as in its paper
BLOCKS = 2  # of SASRec, as in its paper


class Positions(nn.Module):
    """Learned vectors of how many items came after: 0 is the newest, whatever the length."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.weight = (
            nn.Parameter(torch.zeros(config.max_items, config.dim)) if config.positions else None
        )

    def forward(self, items_BLD: Tensor, real_BL: Tensor) -> Tensor:
        """The items with the vectors of their ages added."""
        if self.weight is None:
            return items_BLD
        age_BL = _age(real_BL).clamp(max=len(self.weight) - 1)
        return items_BLD + F.embedding(age_BL, self.weight)


class Attention(nn.Module):
    """Self-attention of several heads; `bias` on the logits says who may look at whom."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.heads = config.heads
        self.qkv = nn.Linear(config.dim, 3 * config.dim)
        self.out = nn.Linear(config.dim, config.dim)
        self.drop = nn.Dropout(config.dropout)

    def forward(self, vectors_BxD: Tensor, bias_Bxx: Tensor) -> Tensor:
        """→ [B, x, D]."""
        B, x, D = vectors_BxD.shape
        qkv = self.qkv(vectors_BxD).view(B, x, 3, self.heads, D // self.heads)
        query, key, value = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        logits_BHxx = query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5
        weights_BHxx = torch.softmax(logits_BHxx + bias_Bxx.unsqueeze(1), dim=-1)
        mixed_BxD = (self.drop(weights_BHxx) @ value).transpose(1, 2).flatten(2)
        found_BxD: Tensor = self.out(mixed_BxD)
        return found_BxD


class Dssm(nn.Module):
    """DSSM (Huang et al., CIKM 2013): two tanh layers over one query, here the newest item.

    The tag table stands for the first of its three layers, letter trigrams to dense.
    """

    interests = 1

    def __init__(self, config: Config, domains: int) -> None:
        super().__init__()
        D = config.dim
        self.layers = nn.Sequential(
            nn.Linear(D, D), nn.Tanh(), nn.Dropout(config.dropout), nn.Linear(D, D), nn.Tanh()
        )

    def forward(self, seen: Seen) -> Encoded:
        """→ users [B, 1, D]."""
        return _one(self.layers(_newest(seen.items_BLD, seen.real_BL)), seen)


class DeepCoNN(nn.Module):
    """DeepCoNN (Zheng et al., WSDM 2017): convolution over the items, the maximum, one layer.

    That layer is linear: after its ReLU a user could not point away from any item.
    """

    interests = 1

    def __init__(self, config: Config, domains: int) -> None:
        super().__init__()
        D = config.dim
        self.filters = nn.Conv1d(D, D, WINDOW, padding=WINDOW // 2)
        self.drop = nn.Dropout(config.dropout)
        self.out = nn.Linear(D, D)

    def forward(self, seen: Seen) -> Encoded:
        """→ users [B, 1, D]."""
        real_B1L = seen.real_BL.unsqueeze(1)
        items_BDL = seen.items_BLD.transpose(1, 2).masked_fill(~real_B1L, 0.0)
        found_BDL = torch.relu(self.filters(items_BDL)).masked_fill(~real_B1L, FAR)
        return _one(self.out(self.drop(found_BDL.amax(dim=2))), seen)


class YouTubeDnn(nn.Module):
    """YouTube DNN (Covington et al., RecSys 2016): the mean of the items through an MLP."""

    interests = 1

    def __init__(self, config: Config, domains: int) -> None:
        super().__init__()
        self.layers = _mlp(config.dim, config)

    def forward(self, seen: Seen) -> Encoded:
        """→ users [B, 1, D]."""
        return _one(self.layers(mean(seen.items_BLD, seen.real_BL)), seen)


class Ican(nn.Module):
    """ICAN (Xie et al., CIKM 2020): YouTube DNN with attention within and between channels.

    A channel is a domain. What is served has no domains, so a linear classifier tells an item's
    channel from its tags, in training as well; true domains only teach it.
    """

    interests = 1

    def __init__(self, config: Config, domains: int) -> None:
        super().__init__()
        D = config.dim
        self.classifier = nn.Linear(D, domains)
        self.channels = nn.Parameter(torch.randn(domains, D) * D**-0.5)
        self.internal, self.contextual = Attention(config), Attention(config)
        self.layers = _mlp(domains * D, config)

    def forward(self, seen: Seen) -> Encoded:
        """→ users [B, 1, D], and the classifier's cross-entropy where domains are known."""
        items_BLD, real_BL = seen.items_BLD, seen.real_BL
        logits_BLQ = self.classifier(_bare(seen))
        share_BLQ = torch.softmax(logits_BLQ, dim=-1)
        # An item looks at another as far as the two are likely of one channel.
        same_BLL = torch.log((share_BLQ @ share_BLQ.transpose(1, 2)).clamp(min=1e-9))
        alike_BLL = same_BLL.masked_fill(~real_BL.unsqueeze(1), FAR)
        items_BLD = items_BLD + self.internal(items_BLD, alike_BLL)
        # The channels' parts of the mean add up to it, and an absent channel has none.
        parts_BLQD = share_BLQ.unsqueeze(-1) * items_BLD.unsqueeze(2)
        channels_BQD = mean(parts_BLQD.flatten(2), real_BL).view(-1, *self.channels.shape)
        free_BQQ = channels_BQD.new_zeros(1, 1, 1)
        channels_BQD = channels_BQD + self.contextual(channels_BQD + self.channels, free_BQQ)
        users_BD = self.layers(channels_BQD.flatten(1))
        return Encoded(users_BD.unsqueeze(1), _channel_loss(logits_BLQ, seen))


class Block(nn.Module):
    """One block of SASRec: attention, then a two-layer network at each place."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        D, drop = config.dim, config.dropout
        self.norm = nn.LayerNorm(D)
        self.attention = Attention(config)
        self.places = nn.Sequential(
            nn.LayerNorm(D), nn.Linear(D, D), nn.ReLU(), nn.Dropout(drop), nn.Linear(D, D)
        )
        self.drop = nn.Dropout(drop)

    def forward(self, items_BLD: Tensor, bias_BLL: Tensor) -> Tensor:
        """→ [B, L, D]."""
        items_BLD = items_BLD + self.drop(self.attention(self.norm(items_BLD), bias_BLL))
        found_BLD: Tensor = items_BLD + self.drop(self.places(items_BLD))
        return found_BLD


class SasRec(nn.Module):
    """SASRec (Kang and McAuley, ICDM 2018): causal self-attention, read off at the newest item."""

    interests = 1

    def __init__(self, config: Config, domains: int) -> None:
        super().__init__()
        self.positions = Positions(config)
        self.drop = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList(Block(config) for _ in range(BLOCKS))
        self.norm = nn.LayerNorm(config.dim)

    def forward(self, seen: Seen) -> Encoded:
        """→ users [B, 1, D]."""
        age_BL = _age(seen.real_BL)
        later_BLL = age_BL.unsqueeze(1) < age_BL.unsqueeze(2)
        hidden_BLL = later_BLL | ~seen.real_BL.unsqueeze(1)
        bias_BLL = FAR * hidden_BLL.to(seen.items_BLD.dtype)
        found_BLD = self.drop(self.positions(seen.items_BLD, seen.real_BL))
        for block in self.blocks:
            found_BLD = block(found_BLD, bias_BLL)
        return _one(self.norm(_newest(found_BLD, seen.real_BL)), seen)


class ComiRec(nn.Module):
    """ComiRec-SA (Cen et al., KDD 2020): I weightings of the items are I interests.

    Positions take part in the weights alone, as in its authors' code.
    """

    def __init__(self, config: Config, domains: int) -> None:
        super().__init__()
        self.interests = config.interests
        self.positions = Positions(config)
        self.weigh = nn.Sequential(
            nn.Linear(config.dim, config.dim, bias=False),
            nn.Tanh(),
            nn.Dropout(config.dropout),
            nn.Linear(config.dim, config.interests, bias=False),
        )

    def forward(self, seen: Seen) -> Encoded:
        """→ users [B, I, D]: A = softmax(W₂ tanh(W₁ Hᵀ)), V = A H."""
        logits_BLI = self.weigh(self.positions(seen.items_BLD, seen.real_BL))
        logits_BIL = logits_BLI.transpose(1, 2).masked_fill(~seen.real_BL.unsqueeze(1), FAR)
        return Encoded(torch.softmax(logits_BIL, dim=-1) @ seen.items_BLD, _nothing(seen))


Rival = Dssm | DeepCoNN | YouTubeDnn | Ican | SasRec | ComiRec

ENCODERS: dict[str, type[Rival]] = {
    "dssm": Dssm,
    "deepconn": DeepCoNN,
    "youtube": YouTubeDnn,
    "ican": Ican,
    "sasrec": SasRec,
    "comirec": ComiRec,
}


def _mlp(inputs: int, config: Config) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(inputs, config.dim),
        nn.ReLU(),
        nn.Dropout(config.dropout),
        nn.Linear(config.dim, config.dim),
    )


def _one(users_BD: Tensor, seen: Seen) -> Encoded:
    """One interest and no penalty."""
    return Encoded(users_BD.unsqueeze(1), _nothing(seen))


def _nothing(seen: Seen) -> Tensor:
    return seen.items_BLD.new_zeros(())


def _age(real_BL: Tensor) -> Tensor:
    """How many real items came after; padding has 0, as the newest."""
    count_BL = real_BL.to(torch.int64)
    return count_BL.sum(1, keepdim=True) - count_BL.cumsum(1)


def _newest(vectors_BLD: Tensor, real_BL: Tensor) -> Tensor:
    """The vector of each user's newest real item: [B, D]."""
    newest_BL = (real_BL & (_age(real_BL) == 0)).to(vectors_BLD.dtype)
    return (newest_BL.unsqueeze(1) @ vectors_BLD).squeeze(1)


def _bare(seen: Seen) -> Tensor:
    """Items of length 1 without domain vectors, which would give the answer away: [B, L, D].

    No gradient leaves here: a rival's classifier must not shape the tags that all share.
    """
    items_BLD = seen.items_BLD
    if seen.domains_BL is not None:
        items_BLD = mean_tags(seen.tags_BLN, seen.real_BLN, seen.table_TD)
    return unit(items_BLD.detach())


def _channel_loss(logits_BLQ: Tensor, seen: Seen) -> Tensor:
    """Cross-entropy of the true domains, over real items whose domain is not hidden."""
    if seen.domains_BL is None:
        return _nothing(seen)
    Q = logits_BLQ.shape[-1]
    known_BL = seen.real_BL & (seen.domains_BL < Q)
    target = seen.domains_BL.masked_fill(~known_BL, Q).flatten()
    total = F.cross_entropy(logits_BLQ.flatten(0, 1), target, ignore_index=Q, reduction="sum")
    return processes.total(total) / processes.total(known_BL.sum()).clamp(min=1)
