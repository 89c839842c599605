"""The COUPLE network, in the order of the paper (§3.2-3.3, arXiv 2112.03667).

Shapes: B batch, L items of a history (oldest first, padded on the right), N tags of an item,
T rows of a tag table, D dim, H heads, M vectors to aggregate or negatives, K leaves, P parents,
C children of one parent, I interests. Tag 0 is padding.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trainer import processes
from trainer.config import Config
from trainer.encoder import Encoded, Seen

FAR = -1e9  # a masked logit; -inf would give NaN where everything is masked


class TagTable(nn.Module):
    """Tag embeddings; an item is the mean of its tags (Eq. 1)."""

    def __init__(self, size: int, config: Config) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(size + 1, config.dim) * config.dim**-0.5)
        self.drop = config.tag_dropout

    def real(self, tags_BxN: Tensor) -> Tensor:
        """Which tags count: no padding, and in training some are dropped, never all of an item."""
        real = tags_BxN > 0
        if self.training and self.drop:
            kept = real & (torch.rand(tags_BxN.shape) >= self.drop)
            real = torch.where(kept.any(-1, keepdim=True), kept, real)
        return real


def mean_tags(tags_BxN: Tensor, real_BxN: Tensor, table_TD: Tensor) -> Tensor:
    """Mean of the tags that count: [..., D]; an item without any is the zero vector."""
    weight = real_BxN.to(table_TD.dtype)
    weight = weight / weight.sum(-1, keepdim=True).clamp(min=1.0)
    return sum_tags(tags_BxN, weight, table_TD)  # Eq. (1)


def sum_tags(tags_BxN: Tensor, weight_BxN: Tensor, table_TD: Tensor) -> Tensor:
    """Weighted sum of tag embeddings: [..., D]."""
    if torch.compiler.is_exporting():
        vectors_BxND = F.embedding(tags_BxN, table_TD)
        return (weight_BxN.unsqueeze(-2) @ vectors_BxND).squeeze(-2)
    # The same sum without the [..., N, D] in between, over the E places that count: padding is two
    # thirds of them. ONNX has no bags.
    at_E = weight_BxN.flatten().nonzero().squeeze(1)
    ids_E, weight_E = tags_BxN.flatten()[at_E], weight_BxN.flatten().index_select(0, at_E)
    counts = (weight_BxN != 0).sum(-1).flatten()
    starts = counts.cumsum(0) - counts
    bags = F.embedding_bag(ids_E, table_TD, starts, mode="sum", per_sample_weights=weight_E)
    return bags.view(*tags_BxN.shape[:-1], table_TD.shape[1])


def agreement(table_TD: Tensor, query_BD: Tensor, tags_Bx: Tensor, real_Bx: Tensor) -> Tensor:
    """Inner product of each user's query with their tags' rows: [B, x]; FAR where not real."""
    if torch.compiler.is_exporting():
        logits_Bx = (F.embedding(tags_Bx, table_TD) @ query_BD.unsqueeze(-1)).squeeze(-1)
        return logits_Bx.masked_fill(~real_Bx, FAR)
    # Only at the E places that are real: most are padding, and [B, x, D] is what a step waits for.
    at_E = real_Bx.flatten().nonzero().squeeze(1)
    rows_ED = F.embedding(tags_Bx.flatten()[at_E], table_TD)
    query_ED = F.embedding(at_E // tags_Bx.shape[1], query_BD)
    far_E = table_TD.new_full((real_Bx.numel(),), FAR)
    return far_E.index_copy(0, at_E, (rows_ED * query_ED).sum(-1)).view(real_Bx.shape)


class WeightedAggregation(nn.Module):
    """M vectors weighed by how they agree with their mean through a matrix (Eq. 3, 4, 11)."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.matrix = nn.Parameter(torch.eye(dim) * dim**-0.5)

    def forward(self, vectors_BMD: Tensor, real_BM: Tensor | None = None) -> Tensor:
        """→ [B, D]; vectors that are not real get no weight."""
        mean_B1D = mean(vectors_BMD, real_BM).unsqueeze(1)
        agree_B1M = mean_B1D @ self.matrix.T @ vectors_BMD.transpose(1, 2)  # d_k of Eq. (4)
        if real_BM is not None:
            agree_B1M = agree_B1M.masked_fill(~real_BM.unsqueeze(1), FAR)
        return (torch.softmax(agree_B1M, dim=-1) @ vectors_BMD).squeeze(1)


class HistoryEncoder(nn.Module):
    """History preference: one block of self-attention, then weighted aggregation (Eq. 2-4)."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        D = config.dim
        self.heads, self.by_head = config.heads, config.aggregate == "heads"
        self.positions = (
            nn.Parameter(torch.zeros(config.max_items, D)) if config.positions else None
        )
        self.qkv = nn.Linear(D, 3 * D)
        self.out = nn.Linear(D, D)
        self.norm = nn.LayerNorm(D)
        self.ffn = nn.Sequential(nn.LayerNorm(D), nn.Linear(D, D), nn.ReLU(), nn.Linear(D, D))
        self.drop = nn.Dropout(config.dropout)
        self.aggregate = WeightedAggregation(D)

    def forward(self, items_BLD: Tensor, real_BL: Tensor) -> Tensor:
        """Items [B, L, D] → history vectors [B, D]."""
        if self.positions is not None:
            items_BLD = items_BLD + F.embedding(_age(real_BL, len(self.positions)), self.positions)
        mixed_BHLd = self._attend(self.norm(items_BLD), real_BL)  # Eq. (2)
        if self.by_head:
            return self._aggregate_heads(mixed_BHLd, real_BL)
        joined_BLD = mixed_BHLd.transpose(1, 2).flatten(2)
        block_BLD = items_BLD + self.drop(self.out(joined_BLD))
        block_BLD = block_BLD + self.drop(self.ffn(block_BLD))
        history_BD: Tensor = self.aggregate(block_BLD, real_BL)  # Eq. (3), (4), m = l
        return history_BD

    def _attend(self, items_BLD: Tensor, real_BL: Tensor) -> Tensor:
        """→ [B, H, L, D / H]."""
        B, L, D = items_BLD.shape
        qkv = self.qkv(items_BLD).view(B, L, 3, self.heads, D // self.heads).permute(2, 0, 3, 1, 4)
        query, key, value = qkv.unbind(0)
        logits_BHLL = query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5
        logits_BHLL = logits_BHLL.masked_fill(~real_BL[:, None, None, :], FAR)
        mixed_BHLd: Tensor = self.drop(torch.softmax(logits_BHLL, dim=-1)) @ value
        return mixed_BHLd

    def _aggregate_heads(self, mixed_BHLd: Tensor, real_BL: Tensor) -> Tensor:
        """Eq. (2) read to the letter: one output a head, the mean over its positions."""
        weight = real_BL.to(mixed_BHLd.dtype)
        mean_BHd = (weight[:, None, None, :] @ mixed_BHLd).squeeze(2) / weight.sum(1)[:, None, None]
        parts = self.out.weight.view(len(self.out.weight), self.heads, -1)  # [D, H, D / H]
        heads_BHD = torch.einsum("bhd,ehd->bhe", mean_BHd, parts) + self.out.bias
        heads_BHD = heads_BHD + self.drop(self.ffn(heads_BHD))
        history_BD: Tensor = self.aggregate(heads_BHD)
        return history_BD


def _age(real_BL: Tensor, most: int) -> Tensor:
    """Positions counted from the newest item, 0; padding counts as 0 too."""
    length_B1 = real_BL.sum(1, keepdim=True)
    place_1L = torch.arange(real_BL.shape[1]).unsqueeze(0)
    return (length_B1 - 1 - place_1L).clamp(0, most - 1)


class FrequencyEncoder(nn.Module):
    """Content preference: the history attends to all tags; a repeated tag counts twice (Eq. 5)."""

    frozen: Tensor | None

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.hidden = nn.Linear(config.dim, config.dim)
        self.register_buffer("frozen", None, persistent=False)

    def freeze(self, table_TD: Tensor) -> None:
        """Keep h_t of Eq. (5) as a table of its own, for weights that change no more."""
        self.frozen = self._hidden(table_TD).detach()

    def _hidden(self, table_TD: Tensor) -> Tensor:
        """h_t of every tag once, not once for every place it stands: [T, D]."""
        return torch.tanh(self.hidden(table_TD))

    def forward(
        self, history_BD: Tensor, table_TD: Tensor, tags_Bx: Tensor, real_Bx: Tensor
    ) -> Tensor:
        """x = L · N tags of the whole history → content vectors [B, D]."""
        hidden_TD = self._hidden(table_TD) if self.frozen is None else self.frozen
        logits_Bx = agreement(hidden_TD, history_BD, tags_Bx, real_Bx)
        attention_Bx = torch.softmax(logits_Bx, dim=-1)
        return sum_tags(tags_Bx, attention_Bx, table_TD)  # Eq. (5)


class MemoryTree(nn.Module):
    """Group preference: weights flow from the root to the leaves; the top K speak (Eq. 6-8)."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.layers = nn.ParameterList(
            torch.randn(size, config.dim) * config.dim**-0.5 for size in config.tree
        )
        self.leaves, self.renormalise = config.leaves, config.renormalise
        self.cosine, self.scale = config.routing == "cosine", config.routing_scale
        self.frozen: list[Tensor] | None = None

    def freeze(self) -> None:
        """Keep the nodes' directions, for weights that change no more."""
        self.frozen = [nodes.detach() for nodes in self._directions()]

    def _directions(self) -> list[Tensor]:
        return [unit(nodes) if self.cosine else nodes for nodes in self.layers]

    def weights(self, history_BD: Tensor) -> list[Tensor]:
        """Node weights of every layer, root left out; each layer sums to 1."""
        parent_B1 = torch.ones_like(history_BD[:, :1])
        query_BD = self.scale * unit(history_BD) if self.cosine else history_BD
        found = []
        for nodes in self.frozen or self._directions():
            logits = query_BD @ nodes.T
            logits = logits.view(-1, parent_B1.shape[1], len(nodes) // parent_B1.shape[1])
            parent_B1 = (parent_B1.unsqueeze(-1) * torch.softmax(logits, -1)).flatten(1)  # Eq. (6)
            found.append(parent_B1)
        return found

    def forward(self, leaf_weights_BK: Tensor, tau: float | None = None) -> Tensor:
        """Leaf weights [B, leaves] → group vectors [B, D]; `tau` draws them (training only)."""
        if tau is not None:
            noise = -torch.log(-torch.log(torch.rand_like(leaf_weights_BK).clamp(1e-9, 1 - 1e-7)))
            logits = (torch.log(leaf_weights_BK + 1e-20) + noise) / tau
            leaf_weights_BK = torch.softmax(logits, dim=-1)  # Eq. (7)
        top_BK, index_BK = leaf_weights_BK.topk(self.leaves, dim=-1)
        if self.renormalise:
            top_BK = top_BK / top_BK.sum(-1, keepdim=True).clamp(min=1e-20)
        return (top_BK.unsqueeze(1) @ F.embedding(index_BK, self.layers[-1])).squeeze(1)  # Eq. (8)


def srip_penalty(
    nodes_CD: Tensor, over: str, parents: int, seed_D: Tensor, rounds: int = 1
) -> Tensor:
    """Spectral norm of a layer's distance from orthogonality, by power iteration (Eq. 9-10).

    over: "columns" WᵀW - I as printed, "rows" WWᵀ - I, or "children" WWᵀ - I of each parent's own
    children, the mean over parents. `seed_D` is a fixed start with at least max(C, D) numbers.
    """
    groups = nodes_CD.view(parents if over == "children" else 1, -1, nodes_CD.shape[1])
    W = groups.transpose(1, 2) if over == "columns" else groups
    gap = W @ W.transpose(1, 2) - torch.eye(W.shape[1])
    v = seed_D[: W.shape[1]].expand(len(W), -1).unsqueeze(-1)
    for _ in range(rounds - 1):
        v = F.normalize(gap @ (gap @ v), dim=1)
    u = gap @ v
    v = gap @ u  # Eq. (10)
    sigma: Tensor = v.norm(dim=1) / u.norm(dim=1).clamp(min=1e-12)
    return sigma.mean()


class NegativeQueue(nn.Module):
    """The FIFO queue of item vectors of recent steps (§3.3); -1 marks what was never filled."""

    vectors: Tensor
    ids: Tensor
    start: Tensor

    def __init__(self, size: int, dim: int) -> None:
        super().__init__()
        self.register_buffer("vectors", torch.zeros(size, dim))
        self.register_buffer("ids", torch.full((size,), -1))
        self.register_buffer("start", torch.zeros((), dtype=torch.int64))

    def push(self, vectors_BD: Tensor, ids_B: Tensor) -> None:
        """Overwrite the oldest B entries."""
        if len(self.ids) % len(ids_B):
            raise ValueError(f"a queue of {len(self.ids)} is no multiple of {len(ids_B)}")
        begin = int(self.start)
        self.vectors[begin : begin + len(ids_B)] = vectors_BD.detach()
        self.ids[begin : begin + len(ids_B)] = ids_B
        self.start.fill_((begin + len(ids_B)) % len(self.ids))


class Candidates(NamedTuple):
    """Item vectors [M, D], their ids [M] and the log-Q correction taken off their logits [M]."""

    vectors: Tensor
    ids: Tensor
    correction: Tensor


def contrastive_loss(
    user_BD: Tensor, positive: Candidates, negative: Candidates, temperature: float
) -> Tensor:
    """Eq. (12): each user's own item, B of them, against M negatives shared by all users.

    A negative that is the user's own item is masked, and so is one with id -1.
    """
    own_B1 = (user_BD * positive.vectors).sum(-1, keepdim=True) / temperature
    own_B1 = own_B1 - positive.correction.unsqueeze(1)
    logits_BM = user_BD @ negative.vectors.T / temperature - negative.correction
    masked = (negative.ids == positive.ids.unsqueeze(1)) | (negative.ids < 0)
    logits = torch.cat([own_B1, logits_BM.masked_fill(masked, FAR)], dim=1)
    return -torch.log_softmax(logits, dim=1)[:, 0].mean()  # Eq. (12)


class CoupleEncoder(nn.Module):
    """The three preferences and their aggregation: COUPLE's user encoder (Eq. 2-11)."""

    interests = 1
    start: Tensor

    def __init__(self, config: Config, domains: int) -> None:
        super().__init__()
        self.config = config
        self.history = HistoryEncoder(config)
        self.content = FrequencyEncoder(config) if config.content else None
        self.group = MemoryTree(config) if config.group else None
        self.final = WeightedAggregation(config.dim)
        fixed = torch.Generator().manual_seed(0)
        start = torch.randn(max(config.dim, *config.tree), generator=fixed)
        self.register_buffer("start", start, persistent=False)  # of SRIP's power iteration

    def freeze(self, table_TD: Tensor) -> None:
        """Work out once what depends on no user, for weights that change no more."""
        if self.content is not None:
            self.content.freeze(table_TD)
        if self.group is not None:
            self.group.freeze()

    def forward(self, seen: Seen) -> Encoded:
        """Eq. (11), and the penalties of the tree."""
        parts, nodes = self.parts(seen)
        parts_BMD = torch.stack(parts, 1)
        parts_BMD = unit(parts_BMD) if self.config.unit_parts else parts_BMD
        user_BD: Tensor = self.final(parts_BMD)  # Eq. (11)
        return Encoded(user_BD.unsqueeze(1), self._penalty(nodes))

    def parts(self, seen: Seen) -> tuple[list[Tensor], list[Tensor]]:
        """History, content and group vectors [B, D]; the tree's node weights, layer by layer."""
        history_BD: Tensor = self.history(seen.items_BLD, seen.real_BL)
        parts, nodes = [history_BD], []
        if self.content is not None:
            tags_Bx, real_Bx = seen.tags_BLN.flatten(1), seen.real_BLN.flatten(1)
            parts.append(self.content(history_BD, seen.table_TD, tags_Bx, real_Bx))
        if self.group is not None:
            nodes = self.group.weights(history_BD)
            parts.append(self.group(nodes[-1], seen.tau))
        return parts, nodes

    def _penalty(self, nodes: Sequence[Tensor]) -> Tensor:
        """SRIP over every layer, and the leaves' distance from even use; training only."""
        total = self.final.matrix.new_zeros(())
        if self.group is None or not self.training:
            return total
        config, parents = self.config, (1, *self.config.tree)
        for layer, count in zip(self.group.layers, parents, strict=False):
            sigma = srip_penalty(layer, config.srip_over, count, self.start, config.srip_rounds)
            total = total + config.srip * sigma
        if config.balance:
            mean = processes.mean(nodes[-1])
            total = total + config.balance * (mean * torch.log(mean * len(mean) + 1e-20)).sum()
        return total


def unit(vectors: Tensor) -> Tensor:
    """Vectors of length 1; zero stays zero."""
    length: Tensor = vectors.norm(dim=-1, keepdim=True)
    return vectors / length.clamp(min=1e-12)


def mean(vectors_BMD: Tensor, real_BM: Tensor | None) -> Tensor:
    """Mean of the vectors that are real, zero where none is: [B, D]."""
    if real_BM is None:
        return vectors_BMD.mean(1)
    weight_BM = real_BM.to(vectors_BMD.dtype)
    weight_BM = weight_BM / weight_BM.sum(1, keepdim=True).clamp(min=1.0)
    return (weight_BM.unsqueeze(1) @ vectors_BMD).squeeze(1)
