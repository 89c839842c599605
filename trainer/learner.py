"""One training step, and everything that must be saved to take the next one elsewhere.

Every random number of a step is a function of (seed, step), so a killed run ends with the same
weights as one that was not. One of several processes takes its part of each batch (processes.py).
B batch, C part of a process, L items, N tags, V items, Q domains.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bundle import Vocabulary, pad_items
from trainer import noise, processes
from trainer.config import Config
from trainer.data import Dataset
from trainer.errors import CheckpointError, ConfigError, DataError
from trainer.examples import Examples
from trainer.hard_negatives import HardNegatives
from trainer.network import Candidates, NegativeQueue, contrastive_loss
from trainer.optimiser import RowAdam, gather
from trainer.ppmi import lengths, mixed_vectors, tag_vectors
from trainer.sequences import Numbers, Sequences
from trainer.split import Split
from trainer.towers import TwoTowers

TABLE = "tags.weight"  # the one parameter that is updated row by row
FAINT = 1e-3  # of a tag vector that only rounding made, beside a usual length of 1


class Learner:
    """Network, optimisers and data of a run."""

    def __init__(
        self, dataset: Dataset, split: Split, vocabulary: Vocabulary, config: Config
    ) -> None:
        """Make the network of step 0."""
        torch.manual_seed(config.seed)
        self.config = config
        ids = [vocabulary.ids(tags) for tags in dataset.tags]
        # Items without a known tag are left out of histories, as they are when served, and of the
        # positives: their vector is zero.
        known = split.train.only(np.array([bool(i) for i in ids]))
        if not len(known.items):
            raise DataError("no item that is left to learn from has a known tag: give more data")
        self.examples = Examples(known, dataset.is_target, config)
        if self.examples.batch_size < processes.count():
            raise ConfigError("a batch has fewer examples than there are processes: start fewer")
        self.network = TwoTowers(len(vocabulary), len(dataset.domains), config)
        if config.tag_init != "random":
            self._start_from(_start(split, ids, len(vocabulary), config))
        if config.tag_scale == "idf":
            self._stretch(lengths(split.train, ids, len(vocabulary)))
        self.queue = NegativeQueue(config.queue_batches * self.examples.batch_size, config.dim)
        # One row more than items: -1, the padding of histories, falls on it.
        self._tags = torch.from_numpy(np.pad(pad_items(ids, config.max_tags), ((0, 1), (0, 0))))
        self._domains = torch.from_numpy(np.append(dataset.item_domains, len(dataset.domains)))
        self._log_q = _log_q(split.train.counts(len(ids)), config)
        self._dense = {n: p for n, p in self.network.named_parameters() if n != TABLE}
        self._adam = torch.optim.Adam(self._dense.values(), lr=config.lr)
        self._rows = RowAdam(self.network.tags.weight.data)
        self._hard = self._neighbours(known) if config.hard_negatives else None

    @torch.no_grad()
    def _start_from(self, found: NDArray[np.float32]) -> None:
        """Take over tag vectors; a tag that is without one there keeps a small random vector.

        An item of zeros has no direction: the gradient of its unit vector is 1e12, and Adam, which
        remembers that, would not move its tags again for the rest of the run.
        """
        given = torch.from_numpy(found)
        real_T1 = given.norm(dim=1, keepdim=True) > FAINT
        self.network.tags.weight.copy_(torch.where(real_T1, given, self.network.tags.weight * 0.1))

    @torch.no_grad()
    def _stretch(self, times: NDArray[np.float32]) -> None:
        """Multiply every tag's vector: [T + 1]."""
        self.network.tags.weight.mul_(torch.from_numpy(times).unsqueeze(1))

    @torch.no_grad()
    def _neighbours(self, known: Sequences) -> HardNegatives:
        """What looks alike before the first step, so that a resumed run draws the same."""
        items = known.met()
        network = self.network.eval()
        vectors = network.encode_items(self._tags[items], network.tags.weight)
        return HardNegatives(items, vectors, self.config)

    def step(self, number: int) -> float:
        """Take step `number`, counted from 0, and return its loss."""
        self.network.train()
        torch.manual_seed(_step_seed(self.config.seed, number))
        batch = self.examples.batch(number)
        history, ids = torch.from_numpy(batch.history), torch.from_numpy(batch.positive)
        mine = processes.part(len(ids))
        items = (history[mine], ids, self._more_negatives(ids, number))
        # Only the rows that the batch touches take part: a step costs the same for any vocabulary.
        rows, tags = gather(*(self._tags[some] for some in (items[0], ids[mine], items[2])))
        table_UD = self.network.tags.weight.detach()[rows].requires_grad_()
        with noise.shared(len(ids)):
            loss = self._loss(table_UD, tags, items, number)
        self._adam.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        processes.sum_gradients(list(self._dense.values()))
        rate = learning_rate(self.config, number, self.examples.steps)
        self._adam.param_groups[0]["lr"] = rate
        self._adam.step()
        assert table_UD.grad is not None  # noqa: S101  # every batch has a positive
        self._rows.step(*processes.sum_rows(rows, table_UD.grad), rate)
        return processes.total(loss.detach()).item()

    def _more_negatives(self, ids: Tensor, number: int) -> Tensor:
        """Items [M] that are encoded to be negatives only; none by default."""
        again = self.queue.ids if self.config.negatives == "reencoded" else ids[:0]
        hard = self._hard.draw(ids, number) if self._hard else ids[:0]
        return torch.cat([again, hard])

    def _loss(
        self, table_UD: Tensor, tags: Sequence[Tensor], items: Sequence[Tensor], number: int
    ) -> Tensor:
        """`items`: history [C, L], all positives [B], more negatives [M]; `tags` of C positives.

        → this process's share: the shares of all add up to the loss of the whole batch.
        """
        config, network = self.config, self.network
        history, ids, more = items
        history_BLN, positive_BN, more_MN = tags
        tau = temperature(config, number, self.examples.steps)
        domains_BL = self._seen_domains(history)
        users_BID, penalty = network.encode_users(history_BLN, table_UD, domains_BL, tau)
        vectors = network.encode_items(positive_BN, table_UD)
        whole = Candidates(processes.gathered(vectors, len(ids)), ids, self._log_q[ids])
        mine = processes.part(len(ids))
        positive = Candidates(vectors, ids[mine], whole.correction[mine])
        negative = self._negatives(whole, more, more_MN, table_UD)
        user_BD = nearest_interest(users_BID, vectors)
        found = contrastive_loss(user_BD, positive, negative, config.temperature)
        if config.negatives != "batch":
            self.queue.push(whole.vectors, ids)
        return found * (len(vectors) / len(ids)) + penalty / processes.count()

    def _seen_domains(self, history: Tensor) -> Tensor:
        """Domains of the history items [B, L]; some users' are hidden, as all are when served."""
        hidden = torch.rand(len(history), 1) < self.config.domain_dropout
        return self._domains[history].masked_fill(hidden, len(self.network.domains))

    def _negatives(
        self, positive: Candidates, more: Tensor, more_MN: Tensor, table_UD: Tensor
    ) -> Candidates:
        found = positive  # beside a re-encoded queue too, which gives the first step none at all
        if self.config.negatives == "queue":
            ids = self.queue.ids.clone()
            found = Candidates(self.queue.vectors.clone(), ids, self._log_q[ids])
        if not len(more):
            return found
        vectors = self.network.encode_items(more_MN, table_UD)
        also = Candidates(vectors, more, self._log_q[more])
        return Candidates(*(torch.cat(pair) for pair in zip(also, found, strict=True)))

    def state(self, steps: int) -> dict[str, Tensor]:
        """All that step number `steps` needs."""
        out = {f"network.{name}": t for name, t in self.network.state_dict().items()}
        out |= {f"queue.{name}": t for name, t in self.queue.state_dict().items()}
        out |= {f"rows.{name}": t for name, t in self._rows.state_dict().items()}
        for name, parameter in self._dense.items():
            for key, value in self._adam.state.get(parameter, {}).items():
                out[f"adam.{key}.{name}"] = value
        return out | {"steps": torch.tensor(steps)}

    def load(self, state: dict[str, Tensor]) -> int:
        """Take over what `state` returned; → the number of steps taken.

        Raises:
            CheckpointError: it is another network's state.
        """
        try:
            return self._load(state)
        except (KeyError, RuntimeError) as error:
            raise CheckpointError("the saved state is of another run: use --restart") from error

    def _load(self, state: dict[str, Tensor]) -> int:
        self.network.load_state_dict(part(state, "network."))
        self.queue.load_state_dict(part(state, "queue."))
        self._rows.load_state_dict(part(state, "rows."))
        moments = {key: part(state, f"adam.{key}.") for key in ("step", "exp_avg", "exp_avg_sq")}
        for name, parameter in self._dense.items():
            if name in moments["step"]:
                self._adam.state[parameter] = {k: m[name].clone() for k, m in moments.items()}
        return int(state["steps"])


def nearest_interest(users_BID: Tensor, positive_BD: Tensor) -> Tensor:
    """Of each user's I vectors the one nearest to the positive, which alone is trained: [B, D].

    Hard selection, as in ComiRec (Cen et al., KDD 2020, Eq. 7).
    """
    if users_BID.shape[1] == 1:
        return users_BID[:, 0]
    best_B = (users_BID.detach() @ positive_BD.detach().unsqueeze(-1)).squeeze(-1).argmax(1)
    return users_BID[torch.arange(len(users_BID)), best_B]


def learning_rate(config: Config, step: int, steps: int) -> float:
    """Linear warm-up, then linear decay to zero at the end."""
    warm = min(1.0, (step + 1) / config.warmup) if config.warmup else 1.0
    return config.lr * warm * ((1 - step / steps) if config.decay else 1.0)


def temperature(config: Config, step: int, steps: int) -> float:
    """Gumbel temperature: as printed by steps, or from start to floor over the whole run."""
    if config.anneal == "steps":
        counted = step - step % config.tau_every
        return max(config.tau_floor, config.tau_start * math.exp(-config.tau_rate * counted))
    falling = (config.tau_floor / config.tau_start) ** (step / steps)
    return float(max(config.tau_floor, config.tau_start * falling))


def _start(split: Split, ids: list[list[int]], size: int, config: Config) -> NDArray[np.float32]:
    """Tag vectors to start from: [T + 1, D]."""
    if config.tag_init == "ppmi":
        return tag_vectors(split.train, ids, size, config.dim)
    return mixed_vectors(split.train, ids, size, config.dim, config.lsa)


def _log_q(counts: Numbers, config: Config) -> Tensor:
    """The correction of every item's logit, and 0 for padding: [V + 1]."""
    share = np.maximum(counts, 1) / max(1, counts.sum())
    return torch.from_numpy(np.append(config.log_q * np.log(share), 0.0).astype(np.float32))


def _step_seed(seed: int, step: int) -> int:
    return int(np.random.SeedSequence([seed, 2, step]).generate_state(1)[0])


def part(state: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """What begins with the prefix, without it."""
    return {k.removeprefix(prefix): t for k, t in state.items() if k.startswith(prefix)}
