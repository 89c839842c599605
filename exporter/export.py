"""Checkpoint → bundle: made aside, verified with the service's reader and runner, then renamed.

A bundle that fails is never left under its final name, and the temporary folder goes with it.
"""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bundle import Bundle, BundleError, Manifest, Towers, open_bundle, replay
from bundle import manifest as m
from exporter.card import card
from exporter.errors import ExportError
from exporter.graph import item_graph, user_graph
from exporter.reference import Reference
from trainer.checkpoint import Checkpoint, open_checkpoint
from trainer.towers import NETWORKS

OpenTowers = Callable[[Bundle], Towers]

PARITY = 1e-5  # largest absolute gap between torch and ONNX
NORM = 1.0  # length of every vector
METRICS = ("HR@10", "NDCG@10", "Recall@100")

_BY_TFIDF = "it finds an item's neighbours by vectors as long as the vocabulary"
WHY_NOT = {
    "tfidf": "its vectors are as long as the vocabulary, and a bundle's have at most 4096 numbers",
    "popularity": "it ranks alike for everybody, and has no user vector",
    "icf": f"{_BY_TFIDF}, and keeps a table of items instead of vectors",
    "icf-mf": f"{_BY_TFIDF}, which no bundle's tower holds",
}


def export(checkpoint: Path, out: Path, open_towers: OpenTowers) -> Manifest:
    """Export a finished checkpoint to the bundle `out`, replacing a bundle that is there.

    `open_towers` is the service's runner, so that what is verified is what will be served.

    Raises:
        CheckpointError: the checkpoint cannot be loaded.
        ExportError: `out` is something else than a bundle, the model has no network, or the towers
            differ from torch's.
    """
    _refuse_others(out)
    reference = Reference(_with_network(open_checkpoint(checkpoint)))
    files = _files(reference)
    try:
        with _beside(out) as folder:
            _write(folder, reference, files, parity=0.0)
            error = _parity(reference, _opened(folder, open_towers)[1])
            made = _write(folder, reference, files, error)
            _replayed(*_opened(folder, open_towers))
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
    if out.is_symlink() or m.NAME not in names or not names <= {m.NAME, *m.FILES, m.ITEMS}:
        raise ExportError(f"{out} exists and is not a bundle: name another folder, or remove it")


def _with_network(found: Checkpoint) -> Checkpoint:
    model = found.about.model
    if model not in NETWORKS:
        raise ExportError(f"{found.path} holds {model}, which cannot be served: {WHY_NOT[model]}")
    return found


def _files(reference: Reference) -> dict[str, bytes]:
    """Every file but the manifest."""
    found, network = reference.found, reference.network
    items = {m.ITEMS: found.item_ids.encode()} if network.factors is not None else {}
    return {
        m.TAGS: found.vocabulary.encode(),
        m.USER_TOWER: user_graph(network),
        m.ITEM_TOWER: item_graph(network),
        m.PROBE: reference.probe().encode(),
        m.CARD: card(found, network).encode(),
        **items,
    }


def _write(folder: Path, reference: Reference, files: dict[str, bytes], parity: float) -> Manifest:
    """Write all files and the manifest that names them."""
    digests = {name: m.digest(data) for name, data in files.items()}
    manifest = _manifest(reference, digests, parity)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    (folder / m.NAME).write_bytes(m.encode(manifest))
    return manifest


def _manifest(reference: Reference, digests: dict[str, str], parity: float) -> Manifest:
    found, network = reference.found, reference.network
    config = found.config
    towers = m.BY_TAGS_AND_ITEMS if m.ITEMS in digests else m.BY_TAGS
    max_history = config.max_history if towers.read_items else 0
    return Manifest(
        model=found.about.model,
        version=m.version_of(towers, digests, NORM, max_history),
        dim=network.dim,
        max_items=config.max_items,
        max_tags=config.max_tags,
        interests=network.interests,
        norm=NORM,
        target_domains=(found.about.target_domain,),
        towers=towers,
        vocabulary_size=len(found.vocabulary),
        vocabulary_sha256=digests[m.TAGS],
        max_history=max_history,
        catalogue_size=len(found.item_ids),
        data_fingerprint=found.about.data_fingerprint,
        metrics=_metrics(found),
        parity_error=parity,
        files=digests,
    )


def _metrics(found: Checkpoint) -> dict[str, float]:
    """The headline numbers of the model itself: `all.HR@10` and so on."""
    groups = found.metrics.get(found.about.model, {})
    return {
        f"{group}.{name}": groups[group][name]
        for group in groups
        for name in METRICS
        if name in groups[group]
    }


def _opened(folder: Path, open_towers: OpenTowers) -> tuple[Bundle, Towers]:
    try:
        bundle = open_bundle(folder)
        return bundle, open_towers(bundle)
    except BundleError as error:
        raise ExportError(f"the bundle does not open: {error}") from error


def _replayed(bundle: Bundle, towers: Towers) -> None:
    try:
        replay(bundle.probe, bundle.manifest, towers)
    except BundleError as error:
        raise ExportError(f"the bundle does not replay: {error}") from error


def _parity(reference: Reference, towers: Towers) -> float:
    """The largest gap to torch; ExportError when it is too large."""
    try:
        worst = reference.gap(towers)
    except BundleError as error:
        raise ExportError(f"the bundle does not run: {error}") from error
    if not worst <= PARITY:
        raise ExportError(f"the ONNX towers differ from torch by {worst:.1e}, over {PARITY:.0e}")
    return worst


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
