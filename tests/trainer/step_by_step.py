"""Run by torchrun: the losses of some steps, of one process and then of all; and a whole run.

    torchrun … -m tests.trainer.step_by_step DATA OUT SETTINGS …

The leader writes OUT: by settings ("a=1 b=2"), the losses of one process and those of all. Then
they part and meet again. OUT.run is the checkpoint of a whole run with the last settings. At last
the processes disagree about the seed, and each writes what it is told to OUT.0, OUT.1.
"""

import json
import sys
from pathlib import Path

import torch
import torch.distributed as dist

from tests.trainer.conftest import SMALL, learner
from trainer import processes
from trainer.config import Config
from trainer.errors import TrainerError
from trainer.train import train

STEPS = 3


def losses(data: Path, settings: str) -> list[float]:
    found = learner(data, *settings.split())
    return [found.step(number) for number in range(STEPS)]


def disagree(data: Path, out: Path) -> None:
    rank = dist.get_rank()
    told = out.with_suffix(f".{rank}")
    try:
        train(data, out.with_suffix(".other"), Config.with_overrides([*SMALL, f"seed={rank}"]))
    except TrainerError as error:
        told.write_text(f"{type(error).__name__}: {error}")


def main() -> None:
    data, out, variants = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    alone = [losses(data, settings) for settings in variants]
    with processes.joined():
        together = [losses(data, settings) for settings in variants]
        if processes.leads():
            found = dict(zip(variants, zip(alone, together, strict=True), strict=True))
            out.write_text(json.dumps(found))
    with processes.joined():
        config = Config.with_overrides([*SMALL, *variants[-1].split()])
        train(data, out.with_suffix(".run"), config, progress=False)
        disagree(data, out)


if __name__ == "__main__":
    main()
