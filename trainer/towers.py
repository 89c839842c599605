"""Two towers over one tag table: every neural model is this, with its own user encoder.

The item tower, the residual and the normalisation are shared, so that a difference between two
models is the user encoder's. Shapes: B batch, L items, N tags, T rows of the tag table, D dim,
I interests.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trainer.config import Config
from trainer.encoder import Encoded, Seen
from trainer.factors import Factors
from trainer.network import CoupleEncoder, TagTable, mean, mean_tags, unit
from trainer.rivals import ENCODERS

NETWORKS = ("couple", *ENCODERS)


class TwoTowers(nn.Module):
    """The item tower (Eq. 1) and a user tower around one encoder."""

    def __init__(self, vocabulary: int, domains: int, config: Config) -> None:
        super().__init__()
        D = config.dim
        self.config = config
        self.tags = TagTable(vocabulary, config)
        self.domains = nn.Parameter(torch.randn(domains, D) * 0.1 * D**-0.5)
        self.encoder = {"couple": CoupleEncoder, **ENCODERS}[config.model](config, domains)
        self.interests: int = self.encoder.interests
        self.gate = nn.Parameter(torch.tensor(config.gate)) if config.residual else None
        self.nobody = nn.Parameter(torch.randn(D) * D**-0.5)
        self.factors: Factors | None = None  # fitted once the network is trained

    @property
    def dim(self) -> int:
        """Length of a served vector."""
        return self.config.dim + (self.config.factors + 1 if self.factors is not None else 0)

    def item(self, tags_BN: Tensor) -> Tensor:
        """Tag ids [B, N] → item vectors of length 1, as served; zeros for an item without tags."""
        item_BD = self.encode_items(tags_BN, self.tags.weight)
        return item_BD if self.factors is None else self.factors.join_item(item_BD, tags_BN)

    def user(self, tags_BLN: Tensor, items_BM: Tensor | None = None) -> Tensor:
        """Tag ids [B, L, N], item ids [B, M] if factors want them → [B, I, …] of length 1."""
        users_BID = self.encode_users(tags_BLN, self.tags.weight).users_BID
        if self.factors is None:
            return users_BID
        if items_BM is None:
            items_BM = tags_BLN.new_zeros((len(tags_BLN), 1))
        return self.factors.join_user(users_BID, items_BM)

    def encode_items(self, tags_BN: Tensor, table_TD: Tensor) -> Tensor:
        """The item tower over any tag table whose rows the ids are."""
        return unit(mean_tags(tags_BN, self.tags.real(tags_BN), table_TD))

    def encode_users(
        self,
        tags_BLN: Tensor,
        table_TD: Tensor,
        domains_BL: Tensor | None = None,
        tau: float | None = None,
    ) -> Encoded:
        """User vectors of length 1, and what the encoder adds to the loss.

        `domains_BL` (the number of domains where hidden) and `tau` are given in training only.
        """
        seen, items_BLD = self.seen(tags_BLN, table_TD, domains_BL, tau)
        users_BID, penalty = self.encoder(seen)
        if self.gate is not None:
            mean_BD = mean(unit(items_BLD), seen.real_BLN.any(-1))
            # Of length 1: else the rivals' scales at the start (.09 to 8) would decide.
            users_BID = mean_BD.unsqueeze(1) + self.gate * unit(users_BID)
        empty_B11 = ~seen.real_BLN.flatten(1).any(1)[:, None, None]
        return Encoded(unit(torch.where(empty_B11, self.nobody, users_BID)), penalty)

    def seen(
        self,
        tags_BLN: Tensor,
        table_TD: Tensor,
        domains_BL: Tensor | None = None,
        tau: float | None = None,
    ) -> tuple[Seen, Tensor]:
        """What the encoder is given, and the items [B, L, D] without their domain vectors."""
        real_BLN = self.tags.real(tags_BLN)
        items_BLD = mean_tags(tags_BLN, real_BLN, table_TD)
        known_BL = real_BLN.any(-1)
        # An empty history attends to one padding item instead of to nothing (softmax over ∅).
        first_BL = torch.ones_like(known_BL).cumsum(1) == 1
        real_BL = known_BL | (~known_BL.any(1, keepdim=True) & first_BL)
        shown_BLD = items_BLD
        if domains_BL is not None and self.config.domain_vectors:
            shown_BLD = items_BLD + F.embedding(domains_BL, F.pad(self.domains, (0, 0, 0, 1)))
        return Seen(shown_BLD, real_BL, tags_BLN, real_BLN, table_TD, domains_BL, tau), items_BLD

    def freeze(self) -> None:
        """Work out once what depends on no user, for weights that change no more."""
        if isinstance(self.encoder, CoupleEncoder):
            self.encoder.freeze(self.tags.weight)
