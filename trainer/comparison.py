"""Several checkpoints and the models that need no network, judged side by side on one trial.

Checkpoints that differ in nothing but their seed are one model, given several times: its figures
are means with standard deviations. Whether one model beats another is asked user by user
(bootstrap.py).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev

from bundle import Vocabulary
from trainer.baselines import Name, fitted
from trainer.bootstrap import Interval, paired
from trainer.checkpoint import Checkpoint, open_checkpoint
from trainer.config import Config
from trainer.data import Dataset
from trainer.errors import CheckpointError, ConfigError
from trainer.evaluation import Metrics, Trial, chance, metrics_of, ranks_of, scorer_of, trial
from trainer.metrics import Ranks, Scorer
from trainer.reading import read

ALWAYS: tuple[Name, ...] = ("tfidf", "popularity", "icf")
AGAINST = ("icf", "tfidf")
# What may differ between checkpoints of one model, and what may not between any two.
SEEDS = ("seed", "threads", "save_every_s")
SHARED = ("data_fingerprint", "split_fingerprint", "target_domain")
Tests = dict[str, dict[str, dict[str, Interval]]]  # model → user group → metric → interval


@dataclass(frozen=True)
class Comparison:
    """Ranks of every model, one for each of its seeds, in the order in which they are shown."""

    trial: Trial
    ranks: dict[str, tuple[Ranks, ...]]
    given: tuple[str, ...]  # the models of the checkpoints; the others come along

    def means(self) -> dict[str, Metrics]:
        """Every metric's mean over the seeds, by model and kind of user."""
        return {name: _each(self._metrics(name), mean) for name in self.ranks}

    def deviations(self) -> dict[str, Metrics]:
        """Standard deviation over the seeds (n - 1), of the models with several."""
        several = [name for name, seeds in self.ranks.items() if len(seeds) > 1]
        return {name: _each(self._metrics(name), stdev) for name in several}

    def against(self, other: str) -> Tests:
        """How much better every given model is than `other`, in every kind of user.

        Raises:
            ConfigError: no model of that name was judged.
        """
        if other not in self.ranks:
            names = ", ".join(self.ranks)
            raise ConfigError(f"--against {other}: no such model was judged; these were: {names}")
        return {
            name: {
                group: paired(self.ranks[name], self.ranks[other], chosen)
                for group, chosen in self.trial.groups.items()
            }
            for name in self.given
            if name != other
        }

    def _metrics(self, name: str) -> list[Metrics]:
        return [metrics_of(self.trial, ranks) for ranks in self.ranks[name]]


def compare_checkpoints(
    checkpoints: Sequence[Path], data: Path, *, full_pool: bool = False
) -> Comparison:
    """Judge finished checkpoints, with TF-IDF, popularity, ICF* and chance beside them.

    All were trained on `data` with the same split. Nothing is judged if nothing was held out.

    Raises:
        CheckpointError: one cannot be loaded, is given twice, or was trained on another split
            or on other data.
        DataError: the data folder cannot be read.
    """
    found = [open_checkpoint(path) for path in checkpoints]
    dataset = read(data, found[0].about.target_domain)
    held = trial(dataset, found[0].config, full_pool=full_pool)
    for checkpoint in found:
        _check(checkpoint, found[0], held, data)
    if not held.split.cases:
        return Comparison(held, {}, ())
    models = _models(found)
    ranks = {
        name: tuple(ranks_of(held, scorer_of(seed, dataset)) for seed in seeds)
        for name, seeds in models.items()
    }
    beside = _beside(held, found[0].vocabulary, found[0].config, ranks)
    return Comparison(held, {**ranks, **beside}, tuple(models))


def _check(checkpoint: Checkpoint, first: Checkpoint, held: Trial, data: Path) -> None:
    """Everyone was trained on this data and on this split."""
    path, about = checkpoint.path, checkpoint.about
    if about.data_fingerprint != held.dataset.fingerprint:
        raise CheckpointError(f"{path} was trained on other data than {data} holds now")
    mine = {key: getattr(about, key) for key in SHARED}
    theirs = {key: getattr(first.about, key) for key in SHARED}
    drawn = [c.config.split_seed for c in (checkpoint, first)]
    if mine != theirs or drawn[0] != drawn[1]:
        raise CheckpointError(f"{path} and {first.path} have different splits: judge them apart")
    if about.split_fingerprint != held.split.fingerprint:
        raise CheckpointError(f"{path} was trained on what would be judged: another split")


def _models(found: Iterable[Checkpoint]) -> dict[str, list[Checkpoint]]:
    """Checkpoints by model: those of one configuration are its seeds.

    A second configuration of the same network is named after its first checkpoint's folder.
    """
    names: dict[str, str] = {}
    models: dict[str, list[Checkpoint]] = {}
    for checkpoint in found:
        config = checkpoint.config
        settings = config.model_dump_json(exclude=set(SEEDS))
        if settings not in names:
            taken = config.model in models
            names[settings] = f"{config.model}:{checkpoint.path.name}" if taken else config.model
        seeds = models.setdefault(names[settings], [])
        if twin := next((c for c in seeds if c.config.seed == config.seed), None):
            raise CheckpointError(
                f"{checkpoint.path} and {twin.path} are one model with one seed: give one of them"
            )
        seeds.append(checkpoint)
    return models


def _beside(
    held: Trial, vocabulary: Vocabulary, config: Config, judged: dict[str, tuple[Ranks, ...]]
) -> dict[str, tuple[Ranks, ...]]:
    """The models that need no checkpoint, unless one was given, and chance."""
    dataset: Dataset = held.dataset
    tags = [vocabulary.ids(tags) for tags in dataset.tags]
    scorers: dict[str, Scorer] = {
        name: fitted(name, held.split.train, tags, config) for name in ALWAYS if name not in judged
    }
    beside = {name: (ranks_of(held, scorer),) for name, scorer in scorers.items()}
    return {**beside, "chance": (ranks_of(held, chance),)}


def _each(seeds: list[Metrics], over: Callable[[list[float]], float]) -> Metrics:
    """One number from every metric's values over the seeds."""
    return {
        group: {name: over([seed[group][name] for seed in seeds]) for name in metrics}
        for group, metrics in seeds[0].items()
    }
