"""Data folder → checkpoint: read, hold out, learn, judge. A killed run goes on where it was."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor

from bundle import ItemIds, Vocabulary
from bundle.manifest import digest
from trainer import baselines, processes, sharing, split_file
from trainer import checkpoint as files
from trainer.baselines import BASELINES
from trainer.calibration import Calibration, remember
from trainer.checkpoint import About
from trainer.config import Config
from trainer.curve import Curve
from trainer.data import Dataset
from trainer.errors import CheckpointError, DataError, TrainerError
from trainer.evaluation import Report, Trial, compare, trial
from trainer.learner import Learner, learning_rate, part
from trainer.reading import read
from trainer.scorer import TowersScorer
from trainer.stopping import Stopping

Show = Callable[[int, Curve], None]  # steps taken, the run so far


def train(
    data: Path,
    checkpoint: Path,
    config: Config,
    *,
    progress: bool = True,
    restart: bool = False,
    logs: Path | None = None,
) -> Report:
    """Train into the folder `checkpoint`, or resume or return what is already there.

    `logs` is a folder for TensorBoard. Of several processes only the first writes, measures and
    shows; the others take part in the steps.
    → metrics by model (its own name, tfidf, …, chance), user group and name; empty for split=none,
    and for a process that is not the first.

    Raises:
        DataError: the data cannot be learned from.
        CheckpointError: the folder is another run's and `restart` is False, or not a checkpoint.
    """
    torch.set_num_threads(processes.threads(config.threads))
    torch.use_deterministic_algorithms(True)
    held = trial(read(data, config.target_domain, sharing.read), config)
    vocabulary = training_tags(held, config)
    about = _about(held, vocabulary, config)
    _check_alike(about, config)
    if restart and processes.leads():
        files.remove(checkpoint)
    done = _begin(checkpoint, held, about, config, vocabulary) if processes.leads() else None
    if (done := processes.told(done)) is not None:
        return done
    if config.model in BASELINES:
        result = _baseline(held, vocabulary, config) if processes.leads() else None
    else:
        result = _network(held, vocabulary, config, checkpoint, progress=progress, logs=logs)
    if result is None:
        return {}
    files.finish(checkpoint, about, result)
    return result.metrics


def _begin(
    checkpoint: Path, held: Trial, about: About, config: Config, vocabulary: Vocabulary
) -> Report | None:
    """Make the folder, or look at one that is there; → what was measured if that is finished."""
    if not files.begun(checkpoint):
        files.start(checkpoint, about, config, vocabulary)
    elif files.same_run(checkpoint, about, config):
        found = files.open_checkpoint(checkpoint)
        files.tidy(checkpoint)
        return found.metrics
    split_file.write(held, checkpoint / files.SPLIT)
    return None


def _check_alike(about: About, config: Config) -> None:
    """All processes must be of one run; raise DataError if this one is not of the first's."""
    if processes.told((about, config)) != (about, config):
        raise DataError(
            "this process has other data, settings or versions of libraries than the first: "
            "give every host the same folder, command and install"
        )


def training_tags(held: Trial, config: Config) -> Vocabulary:
    """Tags of the items training sees, the most frequent first.

    A cold item's own tags are not looked at: it does not exist yet.
    """
    counts = Counter(tag for item in held.training_items for tag in held.dataset.tags[item])
    kept = [(-n, tag) for tag, n in counts.items() if n >= config.min_tag_count]
    if not kept:
        raise DataError(f"no tag occurs in {config.min_tag_count} training items")
    return Vocabulary([tag for _, tag in sorted(kept)])


def _about(held: Trial, vocabulary: Vocabulary, config: Config) -> About:
    dataset: Dataset = held.dataset
    return About(
        model=config.model,
        dataset=dataset.description.name,
        data_notes=dataset.description.notes,
        domains=dataset.domains,
        target_domain=dataset.target_domain,
        data_fingerprint=dataset.fingerprint,
        split_fingerprint=held.split.fingerprint,
        tags_sha256=digest(vocabulary.encode()),
        versions=files.library_versions(),
    )


def _baseline(held: Trial, vocabulary: Vocabulary, config: Config) -> files.Result:
    """Fit a model that needs no network."""
    assert config.model in BASELINES  # noqa: S101  # narrows the name
    tags = [vocabulary.ids(tags) for tags in held.dataset.tags]
    tensors = baselines.fit(config.model, held.split.train, tags)
    scorer = baselines.scorer(config.model, tensors, tags, config)
    report, ranks = compare(held, scorer, vocabulary, config)
    return files.Result(tensors, ItemIds(), report, ranks, [])


def _network(
    held: Trial, vocabulary: Vocabulary, config: Config, checkpoint: Path, *,
    progress: bool, logs: Path | None,
) -> files.Result | None:  # fmt: skip
    """Train a network and fit the factors beside it; None on all processes but the first."""
    calibration = Calibration(held, config)
    stopping = Stopping(calibration.held, vocabulary, config)
    learner = Learner(held.dataset, stopping.split, vocabulary, config)
    leads = processes.leads()
    with (
        Curve(learner.examples.batch_size, logs if leads else None) as curve,
        _bar(learner, progress and leads) as show,
    ):
        _learn(learner, stopping, checkpoint, curve, show)
    if not leads:
        return None
    network, item_ids = learner.network.eval(), ItemIds()
    if loudness := calibration.loudness(network, vocabulary):
        found, item_ids = remember(network, vocabulary, held.dataset, held.split.train)
        network.factors = found and found.louder(loudness)
    scorer = TowersScorer(network, vocabulary, item_ids, held.dataset)
    report, ranks = compare(held, scorer, vocabulary, config)
    return files.Result(network.state_dict(), item_ids, report, ranks, curve.points())


def _learn(
    learner: Learner, stopping: Stopping, checkpoint: Path, curve: Curve, show: Show
) -> None:
    """Take all steps that are left, saving the state now and then."""
    first = _shared(learner, _resume(learner, stopping, checkpoint, curve))
    config, examples, saved = learner.config, learner.examples, time.monotonic()
    for step in range(first, examples.steps):
        loss = learner.step(step)
        if not loss < float("inf"):
            raise TrainerError(f"the loss is {loss} at step {step}: lower lr, then --restart")
        rate = learning_rate(config, step, examples.steps)
        curve.add(step, loss, rate)
        show(step + 1, curve)
        if config.patience and (step + 1) % examples.steps_per_epoch == 0:
            if processes.leads():
                curve.validated(step + 1, rate, stopping.score(learner.network))
            if processes.told(stopping.enough):
                break
        if processes.leads() and time.monotonic() - saved >= config.save_every_s:
            files.save_state(checkpoint, _state(learner, stopping, curve, step + 1))
            saved = time.monotonic()
    stopping.restore(learner.network)
    if not all(p.isfinite().all() for p in learner.network.parameters()):
        raise TrainerError("a weight is not finite: lower lr, then --restart")


def _state(learner: Learner, stopping: Stopping, curve: Curve, steps: int) -> dict[str, Tensor]:
    best = {f"best.{name}": tensor for name, tensor in stopping.state().items()}
    return {**learner.state(steps), **best, "curve": curve.state()}


def _resume(learner: Learner, stopping: Stopping, checkpoint: Path, curve: Curve) -> int:
    """Take over what an earlier process left; → the number of steps it took."""
    state = files.load_state(checkpoint) if processes.leads() else None
    if state is None:
        return 0
    try:
        curve.load(state["curve"])
        stopping.load(part(state, "best."))
    except (KeyError, ValueError) as error:
        raise CheckpointError("the saved state is of another run: use --restart") from error
    return learner.load(state)


def _shared(learner: Learner, first: int) -> int:
    """Have every process begin with the weights and at the step of the first of them."""
    if processes.count() == 1:
        return first
    state = processes.told_tensors(learner.state(first) if processes.leads() else {})
    return first if processes.leads() else learner.load(state)


@contextmanager
def _bar(learner: Learner, visible: bool) -> Iterator[Show]:
    columns = ("{task.description}", BarColumn(), "loss {task.fields[loss]:.3f}")
    rate = TextColumn("{task.fields[rate]:,.0f} examples/s")
    with Progress(*columns, rate, TimeRemainingColumn(), disable=not visible) as bar:
        task = bar.add_task("training", total=learner.examples.steps, loss=0.0, rate=0.0)
        yield lambda step, curve: bar.update(
            task, completed=step, loss=curve.smooth, rate=curve.rate
        )
