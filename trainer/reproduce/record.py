"""What is kept of one finished run beside its checkpoint: cost, metrics, ranks, the tree's leaves.

REPORT/runs/<key>/ is the checkpoint, <key>.json this record, <key>.npz the ranks of the network
without its factors.
"""

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from trainer.checkpoint import read_ranks, write
from trainer.errors import CheckpointError, first_fault
from trainer.evaluation import Metrics
from trainer.metrics import Ranks


class Leaves(BaseModel):
    """Use of the memory tree by the judged users, each at their heaviest leaf."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    leaves: int
    used: int
    perplexity: float


class Record(BaseModel):
    """One run."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str
    settings: tuple[str, ...]
    data_fingerprint: str
    split_fingerprint: str
    seconds: float  # of work, start and judging left out
    resumed: bool  # then `seconds` counts from the last start only
    peak_mb: float  # of the process's resident memory
    metrics: Metrics
    alone: Metrics | None  # the network without its factors, where it has any
    whole_pool: Metrics  # the truth among all target items, not cold ones alone
    leaves: Leaves | None  # where there is a memory tree


class Failure(BaseModel):
    """A run that brought nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str
    settings: tuple[str, ...]
    message: str


def save(runs: Path, record: Record, alone: Ranks | None) -> None:
    """Write ranks first: where there is a record everything is there."""
    path = runs / f"{record.key}.npz"
    path.unlink(missing_ok=True)  # of a run before --restart
    if alone is not None:
        out = io.BytesIO()
        np.savez_compressed(out, allow_pickle=False, sampled=alone.sampled, full=alone.full)
        write(path, out.getvalue())
    write(runs / f"{record.key}.json", (record.model_dump_json(indent=2) + "\n").encode())


def load(runs: Path, key: str) -> Record | None:
    """The record of a run, None if it is not finished; raise CheckpointError if it is damaged."""
    path = runs / f"{key}.json"
    try:
        return Record.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError as error:
        raise CheckpointError(f"{path}: {first_fault(error)}; use --restart") from error


def ranks(runs: Path, key: str, alone: bool) -> Ranks:
    """The ranks of a finished run, or of its network without factors.

    A run may have none, by its settings or by its calibration: then the two are one.
    """
    path = runs / f"{key}.npz"
    found = _alone(path) if alone and path.exists() else read_ranks(runs / key)
    return Ranks(found["sampled"], found["full"])


def _alone(path: Path) -> dict[str, NDArray[np.int64]]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path} cannot be read: use --restart") from error
