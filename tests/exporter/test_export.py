"""A bundle is verified before it has its name, or it is not there at all."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from bundle import Bundle, BundleRefused, ItemIds, Towers, open_bundle, replay
from bundle import manifest as m
from bundle.arrays import Ids
from bundle.probe import Vectors
from exporter import ExportError, export
from exporter.export import _replace
from service.towers import OnnxTowers
from tests.exporter.conftest import Made
from trainer import checkpoint as files
from trainer.checkpoint import open_checkpoint
from trainer.errors import CheckpointError


@pytest.fixture(scope="module")
def bundle(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle to look at, of the checkpoint `checkpoint`."""
    out = tmp_path_factory.mktemp("bundle") / "bundle"
    export(checkpoint, out, OnnxTowers)
    return out


class Crooked:
    """Towers that are a little off."""

    def __init__(self, bundle: Bundle) -> None:
        self._towers = OnnxTowers(bundle)

    def user(self, tags: Ids, items: Ids | None = None) -> Vectors:
        return self._towers.user(tags, items) + np.float32(1e-3)

    def item(self, tags: Ids) -> Vectors:
        return self._towers.item(tags)


class Broken(Crooked):
    """Towers that load and then do not run."""

    def item(self, tags: Ids) -> Vectors:
        raise BundleRefused(f"the item tower fails on tags of shape {tags.shape}")


def refuse(bundle: Bundle) -> Towers:
    """A runner that cannot load the graphs."""
    raise BundleRefused("the user tower does not load")


def test_a_bundle_opens_replays_and_says_what_it_is(trained: Made, exported: Made) -> None:
    """With the reader and the runner of the service."""
    bundle, source = open_bundle(exported("couple")), open_checkpoint(trained("couple"))
    manifest = bundle.manifest
    assert replay(bundle.probe, manifest, OnnxTowers(bundle)) <= 1e-5
    assert manifest.parity_error <= 1e-5
    assert (manifest.model, manifest.dim, manifest.max_items, manifest.max_tags) == (
        "couple", 16, 8, 6,
    )  # fmt: skip
    assert manifest.target_domains == ("video",)
    assert manifest.data_fingerprint == source.about.data_fingerprint
    assert manifest.metrics["all.HR@10"] == source.metrics["couple"]["all"]["HR@10"]
    assert bundle.vocabulary.tags == source.vocabulary.tags
    assert manifest.towers == m.BY_TAGS_AND_ITEMS
    assert bundle.item_ids.encode() == source.item_ids.encode()


def test_a_network_without_factors_reads_tags_alone(
    checkpoint: Path, exported: Made, tmp_path: Path
) -> None:
    """Its bundle is to the letter what bundles were before; it may replace one with items."""
    out = shutil.copytree(exported("dssm"), tmp_path / "bundle")
    manifest = export(checkpoint, out, OnnxTowers)
    assert (manifest.dim, manifest.towers) == (8, m.BY_TAGS)
    assert {path.name for path in out.iterdir()} == {m.NAME, *m.FILES}
    assert b"max_history" not in (out / m.NAME).read_bytes()
    assert open_bundle(out).probe.user_items is None


def finished(
    path: Path, like: files.Checkpoint, model: str, tensors: dict[str, torch.Tensor]
) -> None:
    """Write a finished checkpoint of another model, knowing no item by id."""
    about = like.about.model_copy(update={"model": model})
    config = like.config.model_copy(update={"model": model})
    files.start(path, about, config, like.vocabulary)
    files.finish(path, about, files.Result(tensors, ItemIds(), like.metrics, {}, []))


@pytest.mark.parametrize(
    ("model", "why"),
    [
        ("tfidf", "vectors are as long as the vocabulary"),
        ("popularity", "no user vector"),
        ("icf", "a table of items"),
        ("icf-mf", "neighbours by vectors as long as the vocabulary"),
    ],
)
def test_a_model_without_a_network_is_refused_with_the_reason(
    checkpoint: Path, tmp_path: Path, model: str, why: str
) -> None:
    """Its scores are no inner product of two short vectors."""
    finished(tmp_path / model, open_checkpoint(checkpoint), model, {"x": torch.ones(1)})
    with pytest.raises(ExportError, match=f"{model}, which cannot be served: .*{why}"):
        export(tmp_path / model, tmp_path / "bundle", OnnxTowers)
    assert not (tmp_path / "bundle").exists()


def test_the_same_weights_have_the_same_version_from_any_folder(
    trained: Made, exported: Made, tmp_path: Path
) -> None:
    """Every byte but the manifest's is the same too."""
    moved = shutil.copytree(trained("dssm"), tmp_path / "deep" / "er" / "checkpoint")
    manifest = export(moved, tmp_path / "elsewhere", OnnxTowers)
    assert manifest == open_bundle(exported("dssm")).manifest


@pytest.mark.parametrize(
    ("runner", "message"),
    [
        (Crooked, "differ from torch by 1"),
        (refuse, "does not load"),
        (Broken, "does not run: the item tower fails on tags of shape"),
    ],
)
def test_a_bundle_that_fails_leaves_nothing(
    checkpoint: Path, tmp_path: Path, runner: type[Crooked], message: str
) -> None:
    """No final name, no temporary folder."""
    with pytest.raises(ExportError, match=message):
        export(checkpoint, tmp_path / "bundle", runner)
    assert not list(tmp_path.iterdir())


def test_a_failure_keeps_the_bundle_that_stood_there(
    checkpoint: Path, bundle: Path, tmp_path: Path
) -> None:
    """And a success replaces it."""
    out = shutil.copytree(bundle, tmp_path / "bundle")
    (out / "MODEL_CARD.md").write_text("the old one")
    with pytest.raises(ExportError):
        export(checkpoint, out, Crooked)
    assert (out / "MODEL_CARD.md").read_text() == "the old one"
    export(checkpoint, out, OnnxTowers)
    assert (out / "MODEL_CARD.md").read_text() != "the old one"
    assert list(tmp_path.iterdir()) == [out]


def test_anything_but_a_bundle_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    """Before any work is done."""
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    (tmp_path / "extension").mkdir()
    (tmp_path / "extension" / "manifest.json").write_text("a browser's")
    (tmp_path / "extension" / "code.js").write_text("mine")
    for name in ("file", "folder", "link", "extension"):
        with pytest.raises(ExportError, match="is not a bundle"):
            export(checkpoint, tmp_path / name, OnnxTowers)


def test_an_unfinished_checkpoint_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    """With the checkpoint's own words."""
    with pytest.raises(CheckpointError, match=r"is .* a checkpoint"):
        export(tmp_path / "nothing", tmp_path / "bundle", OnnxTowers)


class Late:
    """Towers that are right when they are compared and wrong when the probe is replayed."""

    opened = 0

    def __init__(self, bundle: Bundle) -> None:
        Late.opened += 1
        self._towers = OnnxTowers(bundle)
        self._shift = np.float32(Late.opened > 1)

    def user(self, tags: Ids, items: Ids | None = None) -> Vectors:
        return self._towers.user(tags, items)

    def item(self, tags: Ids) -> Vectors:
        return self._towers.item(tags) + self._shift


class Full:
    """A disk that is full by the time the towers are opened; or a person who has had enough."""

    def __init__(self, fault: BaseException) -> None:
        self._fault = fault

    def __call__(self, bundle: Bundle) -> Towers:
        raise self._fault


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a bundle."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_bundle_that_does_not_replay_leaves_nothing(checkpoint: Path, tmp_path: Path) -> None:
    """The last check before the rename."""
    Late.opened = 0
    with pytest.raises(ExportError, match="the bundle does not replay"):
        export(checkpoint, tmp_path / "bundle", Late)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("fault", "raised"),
    [
        (OSError(28, "No space left on device"), ExportError),
        (KeyboardInterrupt(), KeyboardInterrupt),
    ],
)
def test_whatever_stops_an_export_keeps_the_old_bundle(
    checkpoint: Path,
    bundle: Path,
    tmp_path: Path,
    fault: BaseException,
    raised: type[BaseException],
) -> None:
    """Byte for byte, and nothing beside it."""
    out = shutil.copytree(bundle, tmp_path / "bundle")
    with pytest.raises(raised, match=r"No space left|^$"):
        export(checkpoint, out, Full(fault))
    assert contents(out) == contents(bundle)
    assert list(tmp_path.iterdir()) == [out]


def test_a_target_that_cannot_be_written_is_named(checkpoint: Path, tmp_path: Path) -> None:
    """A file where its folder should be."""
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ExportError, match="bundle cannot be written: "):
        export(checkpoint, tmp_path / "file" / "bundle", OnnxTowers)


def test_a_failed_rename_puts_the_old_bundle_back(bundle: Path, tmp_path: Path) -> None:
    """At the one moment when neither stands under the name."""
    out = shutil.copytree(bundle, tmp_path / "bundle")
    aside = tmp_path / "aside"
    aside.mkdir()
    with pytest.raises(FileNotFoundError):
        _replace(aside / "gone", out)
    assert contents(out) == contents(bundle)
