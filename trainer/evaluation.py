"""Judges any scorer on cold items, the same cases and negatives for all of them.

`trial` says what is judged (and is what the demo shows people); `judge` measures one scorer;
`evaluate` runs COUPLE, the TF-IDF profile and chance side by side.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bundle import Vocabulary
from trainer.checkpoint import open_checkpoint
from trainer.config import Config
from trainer.data import Dataset, Numbers, read
from trainer.errors import CheckpointError
from trainer.metrics import Scores, allowed, negatives, rank, summarise
from trainer.scorer import TowersScorer
from trainer.split import Split, split
from trainer.tfidf import TfIdf

# B histories of item numbers (oldest first), C candidates → scores [B, C].
Scorer = Callable[[Sequence[Numbers], Numbers], Scores]
Metrics = dict[str, dict[str, float]]  # all | warm | cold → metric → value
Report = dict[str, Metrics]  # couple | tfidf | chance → metrics
CHUNK = 512


class Ranks(NamedTuple):
    """Rank of the truth from 0, one number a judged user."""

    sampled: Numbers  # among the sampled negatives
    full: Numbers  # among all cold items


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
    return trial_of(dataset, split(dataset, config), config.split_seed)


def trial_of(dataset: Dataset, held: Split, seed: int) -> Trial:
    """Draw the negatives of a split."""
    return Trial(dataset, held, tuple(held.pool[n] for n in negatives(held, seed)))


def judge(trial: Trial, scorer: Scorer) -> Metrics:
    """Metrics of one scorer over all judged users, and over warm and cold ones apart."""
    return metrics_of(trial, ranks_of(trial, scorer))


def metrics_of(trial: Trial, ranks: Ranks) -> Metrics:
    """Metrics by kind of user; a kind without users is left out."""
    cold = np.array([case.cold for case in trial.split.cases], dtype=np.bool_)
    groups = {"all": np.ones_like(cold), "warm": ~cold, "cold": cold}
    return {
        name: {
            "users": float(group.sum()),
            **summarise(ranks.sampled[group], ranks.full[group]),
        }
        for name, group in groups.items()
        if group.any()
    }


def chance(histories: Sequence[Numbers], candidates: Numbers) -> Scores:
    """The scorer that knows nothing: all tie, and ties fall at random."""
    return np.zeros((len(histories), len(candidates)), dtype=np.float32)


def ranks_of(trial: Trial, scorer: Scorer) -> Ranks:
    """The truth's rank for every judged user, ties broken at random."""
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
    return Ranks(np.array(sampled), np.array(full))


def tfidf_scorer(dataset: Dataset, vocabulary: Vocabulary, config: Config) -> Scorer:
    """The TF-IDF profile of the same tags and the same newest items as COUPLE's."""
    model = TfIdf([vocabulary.ids(tags) for tags in dataset.tags])
    return lambda histories, candidates: model(
        [h[-config.max_items :] for h in histories], candidates
    )


def compare(
    trial: Trial, scorer: Scorer, vocabulary: Vocabulary, config: Config
) -> tuple[Report, dict[str, Numbers]]:
    """Metrics of a model, the TF-IDF profile and chance; the ranks of the model itself.

    Both are empty if nothing was held out.
    """
    if not trial.split.cases:
        return {}, {}
    scorers = {
        config.model: scorer,
        "tfidf": tfidf_scorer(trial.dataset, vocabulary, config),
        "chance": chance,
    }
    ranks = {name: ranks_of(trial, other) for name, other in scorers.items()}
    report = {name: metrics_of(trial, found) for name, found in ranks.items()}
    return report, ranks[config.model]._asdict()


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
    scorer = TowersScorer(found.network, found.vocabulary, found.item_ids, held.dataset)
    return compare(held, scorer, found.vocabulary, found.config)[0], held
