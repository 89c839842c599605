"""Judges any scorer on cold items, the same cases and negatives for all of them.

`trial` says what is judged (and is what the demo shows people); `judge` measures one scorer;
`evaluate` runs COUPLE, the TF-IDF profile and chance side by side.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from bundle import Vocabulary, pad_histories, pad_items
from trainer.checkpoint import open_checkpoint
from trainer.config import Config
from trainer.data import Dataset, Numbers, read
from trainer.errors import CheckpointError
from trainer.metrics import Scores, allowed, negatives, rank, summarise
from trainer.network import Couple
from trainer.split import Split, split
from trainer.tfidf import TfIdf

# B histories of item numbers (oldest first), C candidates → scores [B, C].
Scorer = Callable[[Sequence[Numbers], Numbers], Scores]
Metrics = dict[str, dict[str, float]]  # all | warm | cold → metric → value
Report = dict[str, Metrics]  # couple | tfidf | chance → metrics
CHUNK = 512


@dataclass(frozen=True)
class Trial:
    """A data set, what was held out of it, and what each judged user chooses among."""

    dataset: Dataset
    split: Split
    negatives: tuple[Numbers, ...]  # item numbers, one array a case

    @property
    def training_items(self) -> Numbers:
        """Items that training sees, ascending."""
        return np.unique(self.split.train.items)


def trial(dataset: Dataset, config: Config) -> Trial:
    """Hold out, and draw the negatives; the same for every model of the same configuration."""
    held = split(dataset, config)
    drawn = negatives(held, config.split_seed)
    return Trial(dataset, held, tuple(held.pool[n] for n in drawn))


def judge(trial: Trial, scorer: Scorer) -> Metrics:
    """Metrics of one scorer over all judged users, and over warm and cold ones apart."""
    sampled, full = _ranks(trial, scorer)
    cold = np.array([case.cold for case in trial.split.cases], dtype=np.bool_)
    groups = {"all": np.ones_like(cold), "warm": ~cold, "cold": cold}
    return {
        name: {"users": float(group.sum()), **summarise(sampled[group], full[group])}
        for name, group in groups.items()
        if group.any()
    }


def chance(histories: Sequence[Numbers], candidates: Numbers) -> Scores:
    """The scorer that knows nothing: all tie, and ties fall at random."""
    return np.zeros((len(histories), len(candidates)), dtype=np.float32)


def _ranks(trial: Trial, scorer: Scorer) -> tuple[Numbers, Numbers]:
    rng = np.random.default_rng(0)
    cases, pool = trial.split.cases, trial.split.pool
    others = allowed(trial.split)
    sampled, full = [], []
    for start in range(0, len(cases), CHUNK):
        chunk = cases[start : start + CHUNK]
        scores = scorer([case.history for case in chunk], pool)
        for number, case in enumerate(chunk, start):
            row = scores[number - start]
            truth = row[np.searchsorted(pool, case.positive)]
            drawn = np.searchsorted(pool, trial.negatives[number])
            sampled.append(rank(truth, row[drawn], rng))
            full.append(rank(truth, row[others[number]], rng))
    return np.array(sampled), np.array(full)


def couple_scorer(
    network: Couple, vocabulary: Vocabulary, dataset: Dataset, config: Config
) -> Scorer:
    """COUPLE through its torch towers, on exactly the arrays the service would make."""
    ids = [vocabulary.ids(tags) for tags in dataset.tags]

    def score(histories: Sequence[Numbers], candidates: Numbers) -> Scores:
        rows = [[ids[i] for i in history] for history in histories]
        users = pad_histories(rows, config.max_items, config.max_tags)
        items = pad_items([ids[i] for i in candidates], config.max_tags)
        with torch.inference_mode():
            found = network.user(torch.from_numpy(users)) @ network.item(torch.from_numpy(items)).T
        return found.numpy()

    return score


def tfidf_scorer(dataset: Dataset, vocabulary: Vocabulary, config: Config) -> Scorer:
    """The TF-IDF profile of the same tags and the same newest items as COUPLE's."""
    model = TfIdf([vocabulary.ids(tags) for tags in dataset.tags])
    return lambda histories, candidates: model(
        [h[-config.max_items :] for h in histories], candidates
    )


def compare(trial: Trial, network: Couple, vocabulary: Vocabulary, config: Config) -> Report:
    """Metrics of COUPLE, the TF-IDF profile and chance; empty if nothing was held out."""
    if not trial.split.cases:
        return {}
    scorers = {
        "couple": couple_scorer(network, vocabulary, trial.dataset, config),
        "tfidf": tfidf_scorer(trial.dataset, vocabulary, config),
        "chance": chance,
    }
    return {name: judge(trial, scorer) for name, scorer in scorers.items()}


def evaluate(checkpoint: Path, data: Path) -> tuple[Report, Trial]:
    """Judge a finished checkpoint on the data it was trained on.

    Raises:
        CheckpointError: the checkpoint cannot be loaded, or was trained on other data.
    """
    found = open_checkpoint(checkpoint)
    held = trial(read(data, found.about.target_domain), found.config)
    if held.dataset.fingerprint != found.about.data_fingerprint:
        raise CheckpointError(f"{checkpoint} was trained on other data than {data} holds now")
    if held.split.fingerprint != found.about.split_fingerprint:
        raise CheckpointError(f"{checkpoint} was trained on what would be judged: another split")
    return compare(held, found.network, found.vocabulary, found.config), held
