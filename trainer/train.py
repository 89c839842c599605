"""Data folder → checkpoint: read, hold out, learn, judge. A killed run goes on where it was."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from bundle import Vocabulary
from bundle.manifest import digest
from trainer import checkpoint as files
from trainer.checkpoint import About
from trainer.config import Config
from trainer.data import Dataset, read
from trainer.errors import DataError, TrainerError
from trainer.evaluation import Report, Trial, compare, trial
from trainer.learner import Learner

Show = Callable[[int, float], None]  # steps taken, smoothed loss


def train(
    data: Path, checkpoint: Path, config: Config, *, progress: bool = True, restart: bool = False
) -> Report:
    """Train into the folder `checkpoint`, or resume or return what is already there.

    → metrics by model (couple, tfidf, chance), user group and name; empty for split=none.

    Raises:
        DataError: the data cannot be learned from.
        CheckpointError: the folder is another run's and `restart` is False, or not a checkpoint.
    """
    torch.set_num_threads(config.threads)
    torch.use_deterministic_algorithms(True)
    held = trial(read(data, config.target_domain), config)
    vocabulary = training_tags(held, config)
    about = _about(held, vocabulary)
    if restart:
        files.remove(checkpoint)
    if not files.begun(checkpoint):
        files.start(checkpoint, about, config, vocabulary)
    elif files.same_run(checkpoint, about, config):
        found = files.open_checkpoint(checkpoint)
        files.tidy(checkpoint)
        return found.metrics
    learner = Learner(held.dataset, held.split, vocabulary, config)
    with _bar(learner, progress) as show:
        _learn(learner, checkpoint, show)
    report = compare(held, learner.network.eval(), vocabulary, config)
    files.finish(checkpoint, about, learner.network, report)
    return report


def training_tags(held: Trial, config: Config) -> Vocabulary:
    """Tags of the items training sees, the most frequent first.

    A cold item's own tags are not looked at: it does not exist yet.
    """
    counts = Counter(tag for item in held.training_items for tag in held.dataset.tags[item])
    kept = [(-n, tag) for tag, n in counts.items() if n >= config.min_tag_count]
    if not kept:
        raise DataError(f"no tag occurs in {config.min_tag_count} training items")
    return Vocabulary([tag for _, tag in sorted(kept)])


def _about(held: Trial, vocabulary: Vocabulary) -> About:
    dataset: Dataset = held.dataset
    return About(
        dataset=dataset.description.name,
        data_notes=dataset.description.notes,
        domains=dataset.domains,
        target_domain=dataset.target_domain,
        data_fingerprint=dataset.fingerprint,
        split_fingerprint=held.split.fingerprint,
        tags_sha256=digest(vocabulary.encode()),
        versions=files.library_versions(),
    )


def _learn(learner: Learner, checkpoint: Path, show: Show) -> None:
    """Take all steps that are left, saving the state now and then."""
    state = files.load_state(checkpoint)
    first = 0 if state is None else learner.load(state)
    saved, smooth = time.monotonic(), 0.0
    for step in range(first, learner.examples.steps):
        loss = learner.step(step)
        if not loss < float("inf"):
            raise TrainerError(f"the loss is {loss} at step {step}: lower lr, then --restart")
        smooth = loss if step == first else 0.98 * smooth + 0.02 * loss
        show(step + 1, smooth)
        if time.monotonic() - saved >= learner.config.save_every_s:
            files.save_state(checkpoint, learner.state(step + 1))
            saved = time.monotonic()
    if not all(p.isfinite().all() for p in learner.network.parameters()):
        raise TrainerError("a weight is not finite: lower lr, then --restart")


@contextmanager
def _bar(learner: Learner, visible: bool) -> Iterator[Show]:
    columns = ("{task.description}", BarColumn(), "loss {task.fields[loss]:.3f}")
    rate = TextColumn("{task.fields[rate]:,.0f} examples/s")
    with Progress(*columns, rate, TimeRemainingColumn(), disable=not visible) as bar:
        task = bar.add_task("training", total=learner.examples.steps, loss=0.0, rate=0.0)
        began: list[tuple[float, int]] = []

        def show(step: int, loss: float) -> None:
            now = time.monotonic()
            if not began:
                began.append((now, step))
            taken = (step - began[0][1]) * learner.examples.batch_size
            rate = taken / max(now - began[0][0], 1e-9)
            bar.update(task, completed=step, loss=loss, rate=rate)

        yield show
