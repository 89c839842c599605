"""What training does a second in one process and in several that share every batch.

    torchrun --standalone --nproc-per-node 2 -m benchmarks.processes

Data and loop are those of benchmarks/train.py. In every round the first process trains alone, with
one thread and with as many as there are processes, while the others wait; then all train together,
with a thread each. Medians of ROUNDS rounds; a ratio is the median of the rounds' ratios.
"""

import os
import platform
import statistics
from datetime import UTC, datetime

import torch

from benchmarks.train import MIDDLE, ROUNDS, WARM, Data, Step, learner_of, real_loop, timed
from trainer import processes
from trainer.config import Config

Found = dict[str, list[float]]  # who trains → seconds a step, by round


def measured(step: Step, threads: int) -> float:
    """Seconds a step, once warm."""
    torch.set_num_threads(threads)
    for _ in range(WARM):
        step()
    return timed(step)


def rounds(data: Data, config: Config) -> Found:
    """All rounds; what they took is true on the first process."""
    size = int(os.environ["WORLD_SIZE"])
    leads = os.environ["RANK"] == "0"
    alone, together = (real_loop(learner_of(data, config)) for _ in range(2))
    found: Found = {}
    for _ in range(ROUNDS):
        for threads in sorted({1, size}) if leads else ():
            name = f"1 process, {threads} thread{'s' * (threads > 1)}"
            found.setdefault(name, []).append(measured(alone, threads))
        with processes.joined():
            name = f"{size} processes, a thread each"
            found.setdefault(name, []).append(measured(together, 1))
    return found


def show(found: Found, batch: int) -> None:
    """The table: steps, samples and how many times those of one process."""
    print(f"{datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, Python {platform.python_version()}")
    print(f"torch {torch.__version__}, batch {batch}, {MIDDLE:,} tags\n")
    print("| | ms a step | samples/s | ratio |\n| --- | --- | --- | --- |")
    first = next(iter(found.values()))
    for name, seconds in found.items():
        took = statistics.median(seconds)
        ratio = statistics.median(one / other for one, other in zip(first, seconds, strict=True))
        print(f"| {name} | {took * 1e3:.1f} | {batch / took:,.0f} | {ratio:.2f} |")


def main() -> None:
    config = Config.with_overrides(["tag_init=random"])
    found = rounds(Data.make(MIDDLE, config.max_tags), config)
    if os.environ["RANK"] == "0":
        show(found, config.batch)


if __name__ == "__main__":
    main()
