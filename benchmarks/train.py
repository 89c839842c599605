"""What training does a second, beside a bare step and beside the loop that one writes first.

Made-up data: items with 1-15 tags drawn by Zipf's law from the whole vocabulary, two domains, users
with 16 items each. All loops take batches of the default configuration and the same network from
random vectors. Medians of ROUNDS interleaved rounds; a ratio is the median of the rounds' ratios.

    python benchmarks/train.py [THREADS]
"""

import platform
import random
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import DataLoader

from bundle import Vocabulary, pad_items
from trainer.config import Config
from trainer.data import Dataset, Description
from trainer.examples import Batch
from trainer.learner import Learner
from trainer.network import Candidates, contrastive_loss
from trainer.sequences import Sequences
from trainer.split import hold_out
from trainer.towers import TwoTowers

ROUNDS, STEPS, WARM = 5, 8, 3
ITEMS, USERS, LENGTH = 200_000, 20_000, 16
SMALL, MIDDLE, LARGE = 10_000, 500_000, 1_000_000
TAU = 1.0
REAL, BARE, OBVIOUS = "real loop", "bare step on a resident batch", "obvious loop"

Step = Callable[[], None]
Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class Data:
    """A made-up data set: as `couple train` reads it, and as plain numbers."""

    dataset: Dataset
    vocabulary: Vocabulary
    tags: list[list[int]]  # ids from 1, by item

    @classmethod
    def make(cls, size: int, most: int) -> "Data":
        """`size` tags, at most `most` on an item; the same data every time."""
        rng = np.random.default_rng(0)
        counts = rng.integers(1, most + 1, ITEMS)
        drawn = np.split(_zipf(rng, size, int(counts.sum())), np.cumsum(counts)[:-1])
        tags = [list(dict.fromkeys(row.tolist())) for row in drawn]
        names = [f"t{rank}" for rank in range(size)]
        rows = Sequences.of(rng.integers(0, ITEMS, (USERS, LENGTH)))
        dataset = Dataset(
            description=Description(name="made up"),
            target_domain="video",
            domains=("product", "video"),
            item_ids=tuple(map(str, range(ITEMS))),
            item_domains=np.arange(ITEMS) % 2,
            tags=tuple(tuple(names[tag - 1] for tag in row) for row in tags),
            titles=(None,) * ITEMS,
            user_ids=tuple(map(str, range(USERS))),
            sequences=rows,
            unknown_items=0,
            fingerprint="",
        )
        return cls(dataset, Vocabulary(names), tags)


def _zipf(rng: np.random.Generator, size: int, count: int) -> Numbers:
    """Ids 1 … size, the n-th as often as 1 / n."""
    share = np.cumsum(1 / np.arange(1, size + 1))
    return np.minimum(np.searchsorted(share / share[-1], rng.random(count)), size - 1) + 1


def learner_of(data: Data, config: Config) -> Learner:
    """What `couple train --split none` would train."""
    held = hold_out(data.dataset.sequences, data.dataset.is_target, "none", 0)
    return Learner(data.dataset, held, data.vocabulary, config)


def real_loop(learner: Learner) -> Step:
    """The loop of `couple train`: new batches, row-wise updates, repeatable to the bit."""
    numbers = count()

    def step() -> None:
        torch.use_deterministic_algorithms(True)
        learner.step(next(numbers))
        torch.use_deterministic_algorithms(False)

    return step


def bare_loop(data: Data, batch: Batch, config: Config) -> Step:
    """Forward, backward and Adam on one batch that is there already, with its own small table.

    Frozen: what the real loop does better than this must not show here.
    """
    table = np.pad(pad_items(data.tags, config.max_tags), ((0, 1), (0, 0)))  # -1 falls on padding
    domains = torch.from_numpy(np.append(data.dataset.item_domains, 2)[batch.history])
    history, positive = table[batch.history], table[batch.positive]
    rows, places = np.unique(np.append(history, positive), return_inverse=True)
    history_BLN = torch.from_numpy(places[: history.size].reshape(history.shape))
    positive_BN = torch.from_numpy(places[history.size :].reshape(positive.shape))
    ids = torch.from_numpy(batch.positive)
    # No vocabulary: the network's own table stays aside, as it does in the real loop.
    network = TwoTowers(0, 2, config)
    weight = nn.Parameter(torch.randn(len(rows), config.dim) * config.dim**-0.5)
    adam = torch.optim.Adam([weight, *_but_table(network)], lr=config.lr)

    def step() -> None:
        adam.zero_grad()
        loss = loss_of(network, weight, (history_BLN, positive_BN), domains, ids)
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        adam.step()
        loss.item()

    return step


def obvious_loop(data: Data, config: Config) -> Step:
    """A DataLoader that pads in Python, nn.Embedding, dense Adam over everything. Frozen."""
    network = TwoTowers(0, 2, config)
    embedding = nn.Embedding(len(data.vocabulary) + 1, config.dim, padding_idx=0)
    adam = torch.optim.Adam([*embedding.parameters(), *_but_table(network)], lr=config.lr)
    loader: DataLoader[Any] = DataLoader(
        Pairs(data, config),  # type: ignore[arg-type]  # any sequence will do
        config.batch,
        shuffle=True,
        drop_last=True,
        collate_fn=collate,
    )
    batches = iter(loader)

    def step() -> None:
        history_BLN, domains_BL, positive_BN, ids = next(batches)
        # One row for each place a tag stands at, as the look-up gives them.
        flat = torch.cat([torch.zeros(1, dtype=torch.int64), history_BLN.flatten()])
        flat = torch.cat([flat, positive_BN.flatten()])
        places = torch.arange(len(flat)) * (flat > 0)
        history, positive = places[1 : -positive_BN.numel()], places[-positive_BN.numel() :]
        tags = history.view(history_BLN.shape), positive.view(positive_BN.shape)
        adam.zero_grad()
        loss = loss_of(network, embedding(flat), tags, domains_BL, ids)
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        adam.step()
        loss.item()

    return step


class Pairs:
    """(history, its domains, next item's tags, next item) as lists; histories of 1-8 items."""

    def __init__(self, data: Data, config: Config) -> None:
        self.tags, self.config = data.tags, config
        self.domains = data.dataset.item_domains.tolist()
        self.users = [row.tolist() for row in map(data.dataset.sequences.__getitem__, range(USERS))]

    def __len__(self) -> int:
        return USERS * (LENGTH - 1)

    def __getitem__(self, number: int) -> tuple[list[list[int]], list[int], list[int], int]:
        user, place = divmod(number, LENGTH - 1)
        before = self.users[user][: place + 1][-random.randint(1, self.config.max_items) :]
        rows = [self._padded(item) for item in before]
        missing = self.config.max_items - len(before)
        rows += [[0] * self.config.max_tags] * missing
        domains = [self.domains[item] for item in before] + [2] * missing
        positive = self.users[user][place + 1]
        return rows, domains, self._padded(positive), positive

    def _padded(self, item: int) -> list[int]:
        tags = self.tags[item]
        return tags + [0] * (self.config.max_tags - len(tags))


def collate(examples: list[Any]) -> list[Tensor]:
    """Columns of lists → tensors."""
    return [torch.tensor(column) for column in zip(*examples, strict=True)]


def loss_of(
    network: TwoTowers,
    table_UD: Tensor,
    tags: tuple[Tensor, Tensor],
    domains_BL: Tensor,
    ids: Tensor,
) -> Tensor:
    """The default loss: in-batch negatives."""
    users_BID, penalty = network.encode_users(tags[0], table_UD, domains_BL, TAU)
    vectors = network.encode_items(tags[1], table_UD)
    shared = Candidates(vectors, ids, torch.zeros(len(ids)))
    return contrastive_loss(users_BID[:, 0], shared, shared, network.config.temperature) + penalty


def _but_table(network: TwoTowers) -> list[nn.Parameter]:
    return [p for name, p in network.named_parameters() if name != "tags.weight"]


def distinct(data: Data, learner: Learner) -> int:
    """Tags of a batch, each counted once."""
    batch = learner.examples.batch(0)
    items = np.append(batch.history, batch.positive)
    return len({tag for item in items[items >= 0] for tag in data.tags[item]})


def timed(step: Step) -> float:
    """Seconds a step."""
    began = time.perf_counter()
    for _ in range(STEPS):
        step()
    return (time.perf_counter() - began) / STEPS


def rounds(loops: dict[str, Step]) -> dict[str, list[float]]:
    """Seconds a step of every loop, round by round."""
    for step in loops.values():
        for _ in range(WARM):
            step()
    found: dict[str, list[float]] = {name: [] for name in loops}
    for _ in range(ROUNDS):
        for name, step in loops.items():
            found[name].append(timed(step))
    return found


def against(found: dict[str, list[float]], one: str, other: str) -> float:
    """How many times as long `one` takes as `other`."""
    return statistics.median(a / b for a, b in zip(found[one], found[other], strict=True))


def show(
    found: dict[str, list[float]], tags: dict[str, tuple[int, int]], batch: int, threads: int
) -> None:
    """The table, and the three ratios with what they should be."""
    print(f"{datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, Python {platform.python_version()}")
    print(f"torch {torch.__version__}, {threads} threads, batch {batch}\n")
    print(
        "| | tags | distinct in a batch | ms a step | samples/s |\n| --- | --- | --- | --- | --- |"
    )
    for name, seconds in found.items():
        size, seen = tags[name]
        took = statistics.median(seconds)
        print(f"| {name} | {size:,} | {seen:,} | {took * 1e3:.1f} | {batch / took:,.0f} |")
    real = f"{REAL}, {MIDDLE:,}"
    growth = against(found, f"{REAL}, {LARGE:,}", f"{REAL}, {SMALL:,}")
    print("\n| | ratio | goal |\n| --- | --- | --- |")
    print(f"| samples/s, {REAL} / {BARE} | {against(found, BARE, real):.2f} | ≥ 0.85 |")
    print(f"| samples/s, {REAL} / {OBVIOUS} | {against(found, OBVIOUS, real):.1f} | ≥ 5 |")
    print(f"| step time, {REAL} at {LARGE:,} / at {SMALL:,} tags | {growth:.2f} | ≤ 1.3 |")


def main() -> None:
    threads = int(sys.argv[1]) if len(sys.argv) > 1 else Config().threads
    config = Config.with_overrides([f"threads={threads}", "tag_init=random"])
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    random.seed(0)
    loops: dict[str, Step] = {}
    tags: dict[str, tuple[int, int]] = {}
    for size in (SMALL, MIDDLE, LARGE):
        data = Data.make(size, config.max_tags)
        learner = learner_of(data, config)
        made = {f"{REAL}, {size:,}": real_loop(learner)}
        if size == MIDDLE:
            made[BARE] = bare_loop(data, learner.examples.batch(0), config)
            made[OBVIOUS] = obvious_loop(data, config)
        loops |= made
        tags |= dict.fromkeys(made, (size, distinct(data, learner)))
    show(rounds(loops), tags, config.batch, threads)


if __name__ == "__main__":
    main()
