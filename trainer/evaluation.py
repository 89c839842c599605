"""Judges any scorer on cold items, the same cases and negatives for all of them.

`trial` says what is judged (and is what the demo shows people); `judge` measures one scorer;
`evaluate` runs a checkpoint, the TF-IDF profile and chance side by side.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bundle import Vocabulary
from trainer.baselines import BASELINES, fitted
from trainer.baselines import scorer as baseline
from trainer.checkpoint import Checkpoint, open_checkpoint
from trainer.config import Config
from trainer.data import Dataset
from trainer.errors import CheckpointError
from trainer.metrics import Ranks, Scorer, Scores, allowed, negatives, rank, summarise
from trainer.reading import read
from trainer.scorer import TowersScorer
from trainer.sequences import Flags, Numbers
from trainer.split import Split, split

Metrics = dict[str, dict[str, float]]  # all | warm | cold → metric → value
Report = dict[str, Metrics]  # model → metrics
CHUNK = 512


@dataclass(frozen=True)
class Trial:
    """A data set, what was held out of it, and what each judged user chooses among."""

    dataset: Dataset
    split: Split
    pool: Numbers  # the candidates, ascending: all cold items, or all target items
    negatives: tuple[Numbers, ...]  # item numbers, one array a case

    @property
    def training_items(self) -> Numbers:
        """Items that training sees, ascending."""
        return self.split.train.met()

    @property
    def groups(self) -> dict[str, Flags]:
        """Which cases are of which users: all, warm, cold; [B] each. A kind without any is out."""
        cold = np.array([case.cold for case in self.split.cases], dtype=np.bool_)
        groups = {"all": np.ones_like(cold), "warm": ~cold, "cold": cold}
        return {name: group for name, group in groups.items() if group.any()}


def trial(dataset: Dataset, config: Config, *, full_pool: bool = False) -> Trial:
    """Hold out, and draw the negatives; the same for every model of the same configuration."""
    return trial_of(dataset, split(dataset, config), config.split_seed, full_pool=full_pool)


def trial_of(dataset: Dataset, held: Split, seed: int, *, full_pool: bool = False) -> Trial:
    """Draw the negatives of a split from its cold items; with `full_pool` from all target items.

    The full pool is what a service chooses among, but a model that puts cold items last, or
    first, can win or lose on it by that alone: the cold pool is the headline.
    """
    met = held.whole.met()
    pool = met[dataset.is_target[met]] if full_pool else held.pool
    return Trial(dataset, held, pool, tuple(pool[n] for n in negatives(held, pool, seed)))


def judge(trial: Trial, scorer: Scorer) -> Metrics:
    """Metrics of one scorer over all judged users, and over warm and cold ones apart."""
    return metrics_of(trial, ranks_of(trial, scorer))


def metrics_of(trial: Trial, ranks: Ranks) -> Metrics:
    """Metrics by kind of user; a kind without users is left out."""
    return {
        name: {
            "users": float(group.sum()),
            **summarise(Ranks(ranks.sampled[group], ranks.full[group])),
        }
        for name, group in trial.groups.items()
    }


def chance(histories: Sequence[Numbers], candidates: Numbers) -> Scores:
    """The scorer that knows nothing: all tie, and ties fall at random."""
    return np.zeros((len(histories), len(candidates)), dtype=np.float32)


def ranks_of(trial: Trial, scorer: Scorer) -> Ranks:
    """The truth's rank for every judged user, ties broken at random."""
    rng = np.random.default_rng(0)
    cases, pool = trial.split.cases, trial.pool
    sampled, full = [], []
    for start in range(0, len(cases), CHUNK):
        chunk = cases[start : start + CHUNK]
        scores = scorer([case.history for case in chunk], pool)
        others = allowed(trial.split.whole, chunk, pool)
        for place, case in enumerate(chunk):
            row = scores[place]
            truth = row[np.searchsorted(pool, case.positive)]
            drawn = np.searchsorted(pool, trial.negatives[start + place])
            sampled.append(rank(truth, row[drawn], rng))
            full.append(rank(truth, row[others[place]], rng))
    return Ranks(np.array(sampled, dtype=np.int64), np.array(full, dtype=np.int64))


def compare(
    trial: Trial, scorer: Scorer, vocabulary: Vocabulary, config: Config
) -> tuple[Report, dict[str, Numbers]]:
    """Metrics of a model, the TF-IDF profile and chance; the ranks of the model itself.

    Both are empty if nothing was held out.
    """
    if not trial.split.cases:
        return {}, {}
    tags = [vocabulary.ids(tags) for tags in trial.dataset.tags]
    scorers = {
        config.model: scorer,
        "tfidf": fitted("tfidf", trial.split.train, tags, config),
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
    return compare(held, scorer_of(found, held.dataset), found.vocabulary, found.config)[0], held


def scorer_of(found: Checkpoint, dataset: Dataset) -> Scorer:
    """A checkpoint's model, with or without a network, as a scorer of the data set's items."""
    name = found.config.model
    if name in BASELINES:
        tags = [found.vocabulary.ids(tags) for tags in dataset.tags]
        return baseline(name, found.tensors, tags, found.config)
    return TowersScorer(found.network, found.vocabulary, found.item_ids, dataset)
