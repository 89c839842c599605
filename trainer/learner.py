"""One training step, and everything that must be saved to take the next one elsewhere.

Every random number of a step is a function of (seed, step), so a killed run ends with the same
weights as one that was not. B batch, L items, N tags, V items, Q domains.
"""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bundle import Vocabulary, pad_items
from trainer.config import Config
from trainer.data import Dataset, Numbers
from trainer.errors import CheckpointError
from trainer.examples import Batch, Examples
from trainer.network import Candidates, Couple, NegativeQueue, contrastive_loss
from trainer.ppmi import mixed_vectors, tag_vectors
from trainer.split import Split


class Learner:
    """Network, optimiser and data of a run."""

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
        self.examples = Examples(known, dataset.is_target, config)
        self.network = Couple(len(vocabulary), len(dataset.domains), config)
        if config.tag_init != "random":
            found = _start(split, ids, len(vocabulary), config)
            with torch.no_grad():
                self.network.tags.weight.copy_(torch.from_numpy(found))
        self.queue = NegativeQueue(config.queue_batches * self.examples.batch_size, config.dim)
        # One row more than items: -1, the padding of histories, falls on it.
        self._tags = torch.from_numpy(np.pad(pad_items(ids, config.max_tags), ((0, 1), (0, 0))))
        self._domains = torch.from_numpy(np.append(dataset.item_domains, len(dataset.domains)))
        self._log_q = _log_q(split.train.counts(len(ids)), config)
        self._srip_seed = torch.randn(max(config.dim, *config.tree))
        self._adam = torch.optim.Adam(self.network.parameters(), lr=config.lr)

    def step(self, number: int) -> float:
        """Take step `number`, counted from 0, and return its loss."""
        self.network.train()
        torch.manual_seed(_step_seed(self.config.seed, number))
        batch = self.examples.batch(number)
        loss = self._loss(batch, number)
        for group in self._adam.param_groups:
            group["lr"] = learning_rate(self.config, number, self.examples.steps)
        self._adam.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        self._adam.step()
        return loss.item()

    def _loss(self, batch: Batch, number: int) -> Tensor:
        config, network = self.config, self.network
        history, ids = torch.from_numpy(batch.history), torch.from_numpy(batch.positive)
        domains = self._seen_domains(history) if config.domain_vectors else None
        tau = temperature(config, number, self.examples.steps)
        users, nodes = network.encode(self._tags[history], domains, tau)
        positive = Candidates(network.item(self._tags[ids]), ids, self._log_q[ids])
        negative = self._negatives(positive)
        found = contrastive_loss(users, positive, negative, config.temperature)
        if config.negatives != "batch":
            self.queue.push(positive.vectors, ids)
        return found + network.penalty(nodes, self._srip_seed)

    def _seen_domains(self, history: Tensor) -> Tensor:
        """Domains of the history items [B, L]; some users' are hidden, as all are when served."""
        hidden = torch.rand(len(history), 1) < self.config.domain_dropout
        return self._domains[history].masked_fill(hidden, len(self.network.domains))

    def _negatives(self, positive: Candidates) -> Candidates:
        if self.config.negatives == "batch":
            return positive
        ids, correction = self.queue.ids, self._log_q[self.queue.ids]
        if self.config.negatives == "queue":
            return Candidates(self.queue.vectors.clone(), ids.clone(), correction)
        again = Candidates(self.network.item(self._tags[ids]), ids.clone(), correction)
        # The batch too: a queue alone gives the first step no negatives at all.
        return Candidates(*(torch.cat(pair) for pair in zip(again, positive, strict=True)))

    def state(self, steps: int) -> dict[str, Tensor]:
        """All that step number `steps` needs."""
        out = {f"network.{name}": t for name, t in self.network.state_dict().items()}
        out |= {f"queue.{name}": t for name, t in self.queue.state_dict().items()}
        for name, parameter in self.network.named_parameters():
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
        self.network.load_state_dict(_part(state, "network."))
        self.queue.load_state_dict(_part(state, "queue."))
        moments = {key: _part(state, f"adam.{key}.") for key in ("step", "exp_avg", "exp_avg_sq")}
        for name, parameter in self.network.named_parameters():
            if name in moments["step"]:
                self._adam.state[parameter] = {k: m[name].clone() for k, m in moments.items()}
        return int(state["steps"])


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


def _part(state: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): t for k, t in state.items() if k.startswith(prefix)}
