"""Checkpoint → bundle: made aside, verified with the service's reader and runner, then renamed.

A bundle that fails is never left under its final name, and the temporary folder goes with it.
"""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch

from bundle import Bundle, BundleError, Manifest, Probe, Towers, open_bundle, replay
from bundle import manifest as m
from bundle.arrays import Ids
from bundle.probe import Vectors
from exporter.card import card
from exporter.errors import ExportError
from exporter.graph import item_graph, user_graph
from trainer.checkpoint import Checkpoint, open_checkpoint
from trainer.network import Couple

OpenTowers = Callable[[Bundle], Towers]

PARITY = 1e-5  # largest absolute gap between torch and ONNX
SHAPES = [(B, L) for B in (1, 2, 7, 64) for L in (1, 3, 8, 15)]
EMPTY = np.zeros((1, 1, 1), dtype=np.int64)  # an empty history, as the service pads it
PROBES = 8
METRICS = ("HR@10", "NDCG@10", "Recall@100")


def export(checkpoint: Path, out: Path, open_towers: OpenTowers) -> Manifest:
    """Export a finished checkpoint to the bundle `out`, replacing a bundle that is there.

    `open_towers` is the service's runner, so that what is verified is what will be served.

    Raises:
        CheckpointError: the checkpoint cannot be loaded.
        ExportError: `out` is something else than a bundle, or the towers differ from torch's.
    """
    _refuse_others(out)
    found = open_checkpoint(checkpoint)
    files = _files(found)
    probe = _probe(found)
    try:
        with _beside(out) as folder:
            _write(folder, found, files, probe, parity=0.0)
            error = _parity(found, _open(folder, open_towers))
            made = _write(folder, found, files, probe, error)
            _replayed(probe, made, _open(folder, open_towers))
            _sync(folder)
            _replace(folder, out)
    except OSError as error:
        raise ExportError(f"{out} cannot be written: {error.strerror}") from error
    return made


def _refuse_others(out: Path) -> None:
    if not out.exists() and not out.is_symlink():
        return
    names = {path.name for path in out.iterdir()} if out.is_dir() else set()
    # It will be removed whole, so a `manifest.json` beside other things is not enough.
    if out.is_symlink() or m.NAME not in names or not names <= {m.NAME, *m.FILES}:
        raise ExportError(f"{out} exists and is not a bundle: name another folder, or remove it")


def _files(found: Checkpoint) -> dict[str, bytes]:
    return {
        m.TAGS: found.vocabulary.encode(),
        m.USER_TOWER: user_graph(found.network),
        m.ITEM_TOWER: item_graph(found.network),
        m.CARD: card(found).encode(),
    }


def _write(
    folder: Path, found: Checkpoint, files: dict[str, bytes], probe: Probe, parity: float
) -> Manifest:
    """Write all files and the manifest that names them."""
    files = {**files, m.PROBE: probe.encode()}
    digests = {name: m.digest(files[name]) for name in m.FILES}
    config, towers = found.config, m.Towers()
    manifest = Manifest(
        model=found.about.model,
        version=m.version_of(towers, digests, 1.0),
        dim=config.dim,
        max_items=config.max_items,
        max_tags=config.max_tags,
        interests=1,
        norm=1.0,
        target_domains=(found.about.target_domain,),
        vocabulary_size=len(found.vocabulary),
        vocabulary_sha256=digests[m.TAGS],
        data_fingerprint=found.about.data_fingerprint,
        metrics=_metrics(found),
        parity_error=parity,
        files=digests,
    )
    for name, data in files.items():
        (folder / name).write_bytes(data)
    (folder / m.NAME).write_bytes(m.encode(manifest))
    return manifest


def _metrics(found: Checkpoint) -> dict[str, float]:
    """The headline numbers of the model itself: `all.HR@10` and so on."""
    groups = found.metrics.get(found.about.model, {})
    return {
        f"{group}.{name}": groups[group][name]
        for group in groups
        for name in METRICS
        if name in groups[group]
    }


def _open(folder: Path, open_towers: OpenTowers) -> Towers:
    try:
        return open_towers(open_bundle(folder))
    except BundleError as error:
        raise ExportError(f"the bundle does not open: {error}") from error


def _replayed(probe: Probe, made: Manifest, towers: Towers) -> None:
    try:
        replay(probe, made, towers)
    except BundleError as error:
        raise ExportError(f"the bundle does not replay: {error}") from error


def _parity(found: Checkpoint, towers: Towers) -> float:
    """Largest gap to torch over batch sizes and lengths; ExportError when it is too large."""
    rng = np.random.default_rng(0)
    worst = 0.0
    for histories in [EMPTY, *(_histories(found, *shape, rng) for shape in SHAPES)]:
        items = np.ascontiguousarray(histories[:, 0])
        user, item = _torch(found.network, histories, items)
        worst = max(worst, _gap(towers.user(histories), user), _gap(towers.item(items), item))
    if not worst <= PARITY:
        raise ExportError(f"the ONNX towers differ from torch by {worst:.1e}, over {PARITY:.0e}")
    return worst


def _gap(got: Vectors, expected: Vectors) -> float:
    if got.shape != expected.shape:
        return float("inf")
    return float(np.abs(got - expected).max(initial=0.0))


def _torch(network: Couple, histories: Ids, items: Ids) -> tuple[Vectors, Vectors]:
    with torch.inference_mode():
        user = network.user(torch.from_numpy(histories)).unsqueeze(1)
        return user.numpy(), network.item(torch.from_numpy(items)).numpy()


def _histories(found: Checkpoint, size: int, length: int, rng: np.random.Generator) -> Ids:
    """Random histories [B, L, N] of every length; the first is empty where B > 1."""
    N = found.config.max_tags
    tags = rng.integers(1, len(found.vocabulary) + 1, size=(size, length, N))
    tags[np.arange(N) >= rng.integers(1, N + 1, size=(size, length, 1))] = 0
    tags[np.arange(length) >= rng.integers(1, length + 1, size=(size, 1))] = 0
    tags[-1, :, 0] = np.maximum(tags[-1, :, 0], 1)  # one is as long as can be
    if size > 1:
        tags[0] = 0
    return tags


def _probe(found: Checkpoint) -> Probe:
    histories = _histories(found, PROBES, found.config.max_items, np.random.default_rng(1))
    items = np.ascontiguousarray(histories[:, 0])
    user, item = _torch(found.network, histories, items)
    return Probe(user_tags=histories, user=user, item_tags=items, item=item)


@contextmanager
def _beside(out: Path) -> Iterator[Path]:
    """A temporary folder on the same disk as the target, gone afterwards."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as temporary:
        folder = Path(temporary) / "bundle"
        folder.mkdir()
        yield folder


def _replace(folder: Path, out: Path) -> None:
    """Rename into place; the bundle that stood there goes only once the new one stands."""
    if out.exists():
        old = folder.with_name("old")
        out.rename(old)
        try:
            folder.rename(out)
        finally:
            if not out.exists():
                old.rename(out)
    else:
        folder.rename(out)
    _sync_path(out.parent)


def _sync(folder: Path) -> None:
    for path in folder.iterdir():
        _sync_path(path)
    _sync_path(folder)


def _sync_path(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
