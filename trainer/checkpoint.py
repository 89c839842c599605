"""A checkpoint is a folder that describes itself: no pickle, and loading checks what it reads.

`config.json`, `tags.txt`, `checkpoint.json` (what it was trained on and with), and when training
has ended `weights.safetensors`, `items.txt` (items known by id, if any), `metrics.json`,
`ranks.npz` (of the truth, for every judged user), `split.parquet` and `curve.json` (loss by step);
until then `state.safetensors` to resume from.
"""

import hashlib
import io
import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor

from bundle import ItemIds, Vocabulary
from trainer.config import Config, ModelName
from trainer.errors import CheckpointError, first_fault
from trainer.factors import Factors
from trainer.towers import NETWORKS, TwoTowers

CONFIG = "config.json"
ABOUT = "checkpoint.json"
TAGS = "tags.txt"
WEIGHTS = "weights.safetensors"
METRICS = "metrics.json"
ITEMS = "items.txt"
RANKS = "ranks.npz"
SPLIT = "split.parquet"
CURVE = "curve.json"
STATE = "state.safetensors"
DONE = (WEIGHTS, ITEMS, METRICS, RANKS, CURVE)  # what `finish` writes
FILES = (TAGS, CONFIG, SPLIT, *DONE, STATE, ABOUT)
STRAY = re.compile(rf"\.({'|'.join(map(re.escape, FILES))})\.\d+")  # what a kill leaves of `write`

Content = TypeVar("Content")  # of a file
Metrics = dict[str, dict[str, dict[str, float]]]  # model → all | warm | cold → metric → value

# Settings that change how fast a run goes and what a kill costs; where it ends, by rounding only.
_INCIDENTAL = {"save_every_s", "threads"}


class About(BaseModel):
    """`checkpoint.json`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[2] = 2
    model: ModelName
    dataset: str
    data_notes: str
    domains: tuple[str, ...]
    target_domain: str
    data_fingerprint: str
    split_fingerprint: str
    tags_sha256: str
    weights_sha256: str | None = None  # None until training has ended, like the next four
    items_sha256: str | None = None
    config_sha256: str | None = None
    metrics_sha256: str | None = None
    ranks_sha256: str | None = None
    versions: dict[str, str]


@dataclass(frozen=True)
class Checkpoint:
    """A finished checkpoint in memory, its network ready for inference."""

    path: Path
    about: About
    config: Config
    vocabulary: Vocabulary
    item_ids: ItemIds  # the items that the factors know; empty without them
    tensors: dict[str, Tensor]  # all there is of a model without a network
    metrics: Metrics

    @property
    def network(self) -> TwoTowers:
        """The trained towers; raise CheckpointError when the model has none."""
        if self.config.model not in NETWORKS:
            raise CheckpointError(f"{self.path} holds {self.config.model}, which is no network")
        network = TwoTowers(len(self.vocabulary), len(self.about.domains), self.config)
        if len(self.item_ids):
            network.factors = Factors(len(self.item_ids), len(self.vocabulary), self.config)
        try:
            network.load_state_dict(self.tensors)
        except RuntimeError as error:
            raise CheckpointError(f"{self.path / WEIGHTS} does not fit {CONFIG}") from error
        return network.eval()


@dataclass(frozen=True)
class Result:
    """What training ends with."""

    tensors: dict[str, Tensor]
    item_ids: ItemIds
    metrics: Metrics
    ranks: dict[str, NDArray[Any]]
    curve: list[dict[str, float]]


def library_versions() -> dict[str, str]:
    """Of what the weights depend on."""
    return {name: version(name) for name in ("torch", "numpy", "scipy", "polars")}


def open_checkpoint(path: Path) -> Checkpoint:
    """Load a finished checkpoint.

    Raises:
        CheckpointError: no checkpoint, an unfinished one, or one whose files do not fit together.
    """
    about, config = read_about(path)
    if about.weights_sha256 is None:
        raise CheckpointError(f"{path} is not finished: run `couple train` again to resume it")
    tags, weights, items = (_file(path / name) for name in (TAGS, WEIGHTS, ITEMS))
    _check(path / TAGS, tags, about.tags_sha256)
    _check(path / WEIGHTS, weights, about.weights_sha256)
    if about.items_sha256 is not None:
        _check(path / ITEMS, items, about.items_sha256)
    metrics = _metrics(path, about)
    vocabulary = _decoded(path / TAGS, tags, Vocabulary.decode)
    item_ids = _decoded(path / ITEMS, items, ItemIds.decode) if items else ItemIds()
    tensors = _decoded(path / WEIGHTS, weights, load_tensors)
    found = Checkpoint(path, about, config, vocabulary, item_ids, tensors, metrics)
    if config.model in NETWORKS:
        _ = found.network  # fits its own settings, or says so now
    return found


def _decoded(path: Path, data: bytes, decode: Callable[[bytes], Content]) -> Content:
    try:
        return decode(data)
    except (ValueError, SafetensorError) as error:
        raise CheckpointError(f"{path}: {error}") from error


def read_about(path: Path) -> tuple[About, Config]:
    """Read what a folder says of itself; raise CheckpointError if it is no checkpoint."""
    about, config = _file(path / ABOUT), _file(path / CONFIG)
    name = ABOUT
    try:
        found = About.model_validate_json(about)
        name = CONFIG
        settings = Config.model_validate_json(config)
    except ValidationError as error:
        raise CheckpointError(f"{path / name}: {first_fault(error)}") from error
    if found.config_sha256 is not None:
        _check(path / CONFIG, config, found.config_sha256)
    return found, settings


def _metrics(path: Path, about: About) -> Metrics:
    data = _file(path / METRICS)
    if about.metrics_sha256 is not None:
        _check(path / METRICS, data, about.metrics_sha256)
    try:
        return TypeAdapter(Metrics).validate_json(data)
    except ValidationError as error:
        raise CheckpointError(f"{path / METRICS}: {first_fault(error)}") from error


def begun(path: Path) -> bool:
    """Whether a run has begun here; False also when it was killed before it could say what it is.

    A finished checkpoint that lacks a file has begun: it is damaged, and not to be written over.
    """
    if not (path / ABOUT).exists():
        return False
    if (path / CONFIG).exists() and (path / TAGS).exists():
        return True
    return b'"weights_sha256": null' not in _file(path / ABOUT)


def start(path: Path, about: About, config: Config, vocabulary: Vocabulary) -> None:
    """Make the folder of a new run; a folder that holds anything else is refused.

    `checkpoint.json` comes first: what a kill leaves is known to be ours.
    """
    if path.exists() and not path.is_dir():
        raise CheckpointError(f"{path} exists and is not a checkpoint: name another folder")
    if path.exists() and (foreign := _foreign(path)):
        raise CheckpointError(
            f"{path} exists and is not a checkpoint (it holds {foreign}): name another folder"
        )
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CheckpointError(f"{path} cannot be made: {error.strerror}") from error
    write(path / ABOUT, (about.model_dump_json(indent=2) + "\n").encode())
    write(path / CONFIG, (config.model_dump_json(indent=2) + "\n").encode())
    write(path / TAGS, vocabulary.encode())


def _foreign(path: Path) -> str | None:
    """A file that is no checkpoint's; beside no `checkpoint.json` any file is."""
    ours = FILES if (path / ABOUT).exists() else ()
    names = sorted(p.name for p in path.iterdir())
    return next((n for n in names if n not in ours and not STRAY.fullmatch(n)), None)


def finish(path: Path, about: About, result: Result) -> None:
    """Write weights and what was measured, then say so, and drop the state.

    A kill in between leaves a run to resume.
    """
    data = {
        WEIGHTS: save_tensors({name: t.contiguous() for name, t in result.tensors.items()}),
        ITEMS: result.item_ids.encode(),
        METRICS: TypeAdapter(Metrics).dump_json(result.metrics, indent=2) + b"\n",
        RANKS: _archive(result.ranks),
        CURVE: json.dumps(result.curve).encode() + b"\n",
    }
    for name in DONE:
        write(path / name, data[name])
    digests = {
        "weights_sha256": _sha256(data[WEIGHTS]),
        "items_sha256": _sha256(data[ITEMS]),
        "config_sha256": _sha256(_file(path / CONFIG)),
        "metrics_sha256": _sha256(data[METRICS]),
        "ranks_sha256": _sha256(data[RANKS]),
    }
    done = about.model_copy(update=digests)
    write(path / ABOUT, (done.model_dump_json(indent=2) + "\n").encode())
    tidy(path)


def _archive(arrays: dict[str, NDArray[Any]]) -> bytes:
    out = io.BytesIO()
    np.savez_compressed(out, allow_pickle=False, **arrays)
    return out.getvalue()


def read_ranks(path: Path) -> dict[str, NDArray[Any]]:
    """What `finish` kept of every judged user.

    Raises:
        CheckpointError: the checkpoint is not finished, or its file of ranks is damaged.
    """
    about, _ = read_about(path)
    data = _file(path / RANKS)
    _check(path / RANKS, data, about.ranks_sha256 or "")  # zip's own sums do not see all
    with np.load(io.BytesIO(data), allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def tidy(path: Path) -> None:
    """Drop what a finished checkpoint needs no more, and what kills have left."""
    for file in path.iterdir():
        if file.name == STATE or STRAY.fullmatch(file.name):
            file.unlink(missing_ok=True)


def remove(path: Path) -> None:
    """Remove a checkpoint's own files, so that a run begins anew; anything else stays.

    Raises:
        CheckpointError: the folder holds something else too; then nothing is removed.
    """
    if not (path / ABOUT).exists():
        return  # no checkpoint: `start` looks at what it is
    if foreign := _foreign(path):
        raise CheckpointError(f"{path} is not a checkpoint alone: move {foreign} away first")
    for file in sorted(path.iterdir(), key=lambda file: file.name == ABOUT):
        file.unlink(missing_ok=True)


def same_run(path: Path, about: About, config: Config) -> bool:
    """Whether the folder's run is this one; True also says that it is finished or resumable.

    Raises:
        CheckpointError: it was started with another configuration, data or split.
    """
    theirs, their_config = read_about(path)
    hint = "use --restart to begin anew, or another folder"
    mine, other = (c.model_dump(exclude=_INCIDENTAL) for c in (config, their_config))
    for key in mine:
        if mine[key] != other[key]:
            raise CheckpointError(
                f"{path} was started with {key}={other[key]}, not {mine[key]}: {hint}"
            )
    for key in ("data_fingerprint", "split_fingerprint", "tags_sha256"):
        if getattr(theirs, key) != getattr(about, key):
            raise CheckpointError(f"{path} was started with other data ({key}): {hint}")
    return theirs.weights_sha256 is not None


def save_state(path: Path, tensors: dict[str, Tensor]) -> None:
    """Write the state of a run whole or not at all."""
    write(path / STATE, save_tensors(tensors))


def load_state(path: Path) -> dict[str, Tensor] | None:
    """What `save_state` wrote last, or None; raise CheckpointError if it is damaged."""
    try:
        return load_tensors((path / STATE).read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path / STATE} is damaged: use --restart") from error


def write(path: Path, data: bytes) -> None:
    """Write a file whole or not at all, also across a power cut."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise CheckpointError(f"{path} cannot be written: {error.strerror}") from error


def _file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: is {path.parent} a checkpoint?") from error


def _check(path: Path, data: bytes, sha256: str) -> None:
    if _sha256(data) != sha256:
        raise CheckpointError(f"{path} is damaged: its sha256 is not the one in {ABOUT}")


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
