"""A bundle is verified before it has its name, or it is not there at all."""

import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import Tensor

from bundle import Bundle, BundleRefused, Towers, open_bundle, replay
from bundle.arrays import Ids
from bundle.probe import Vectors
from exporter import ExportError, export
from exporter.export import _replace
from exporter.graph import item_graph, user_graph
from service.towers import OnnxTowers
from trainer.checkpoint import open_checkpoint
from trainer.config import Config
from trainer.errors import CheckpointError
from trainer.network import Couple


@pytest.fixture(scope="module")
def exported(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle to look at."""
    out = tmp_path_factory.mktemp("exported") / "bundle"
    export(checkpoint, out, OnnxTowers)
    return out


class Crooked:
    """Towers that are a little off."""

    def __init__(self, bundle: Bundle) -> None:
        self._towers = OnnxTowers(bundle)

    def user(self, tags: Ids) -> Vectors:
        return self._towers.user(tags) + np.float32(1e-3)

    def item(self, tags: Ids) -> Vectors:
        return self._towers.item(tags)


def refuse(bundle: Bundle) -> Towers:
    """A runner that cannot load the graphs."""
    raise BundleRefused("the user tower does not load")


def test_a_bundle_opens_replays_and_says_what_it_is(checkpoint: Path, exported: Path) -> None:
    """With the reader and the runner of the service."""
    bundle, source = open_bundle(exported), open_checkpoint(checkpoint)
    manifest = bundle.manifest
    assert replay(bundle.probe, manifest, OnnxTowers(bundle)) <= 1e-5
    assert manifest.parity_error <= 1e-5
    assert (manifest.model, manifest.dim, manifest.max_items, manifest.max_tags) == (
        "couple", 8, 8, 6,
    )  # fmt: skip
    assert manifest.target_domains == ("video",)
    assert manifest.data_fingerprint == source.about.data_fingerprint
    assert manifest.metrics["all.HR@10"] == source.metrics["couple"]["all"]["HR@10"]
    assert bundle.vocabulary.tags == source.vocabulary.tags


def test_the_first_probe_is_empty(exported: Path) -> None:
    """An empty history and an item without tags are replayed by every replica."""
    probe = open_bundle(exported).probe
    assert not probe.user_tags[0].any()
    assert not probe.item_tags[0].any()
    assert not probe.item[0].any()
    assert np.linalg.norm(probe.user[0, 0]) == pytest.approx(1)


@pytest.mark.parametrize("settings", [["recipe=paper"], ["aggregate=heads", "positions=false"]])
def test_every_reading_exports(settings: list[str]) -> None:
    """For every batch size and length, an empty history among them."""
    import onnxruntime

    torch.manual_seed(0)
    config = Config.with_overrides([*settings, "dim=8", "heads=2", "tree=4,16", "leaves=4"])
    network = Couple(30, 2, config).eval()
    session = onnxruntime.InferenceSession(user_graph(network))
    for shape in ((1, 1, 1), (1, 8, 3), (2, 3, 15), (7, 5, 2)):
        tags = torch.randint(0, 31, shape)
        tags[0] = 0
        got = session.run(None, {"tags": tags.numpy()})[0]
        expected = network.user(tags).unsqueeze(1).detach().numpy()
        np.testing.assert_allclose(got, expected, atol=1e-5)


def test_no_path_or_trace_is_in_the_graphs(exported: Path) -> None:
    """Torch writes stack traces into its nodes; and nothing random remains for serving."""
    for name in ("user_tower.onnx", "item_tower.onnx"):
        data = (exported / name).read_bytes()
        assert b".py" not in data
        assert b"site-packages" not in data
        assert str(Path.cwd()).encode() not in data
        model = onnx.load_from_string(data)
        kinds = {node.op_type for node in model.graph.node}
        assert not {"RandomUniformLike", "RandomUniform", "Dropout"} & kinds
        assert [v.name for v in model.graph.input] == ["tags"]


def test_the_same_weights_have_the_same_version_from_any_folder(
    checkpoint: Path, exported: Path, tmp_path: Path
) -> None:
    """Every byte but the manifest's is the same too."""
    moved = shutil.copytree(checkpoint, tmp_path / "deep" / "er" / "checkpoint")
    manifest = export(moved, tmp_path / "elsewhere", OnnxTowers)
    assert manifest == open_bundle(exported).manifest


@pytest.mark.parametrize(
    ("runner", "message"), [(Crooked, "differ from torch by 1"), (refuse, "does not load")]
)
def test_a_bundle_that_fails_leaves_nothing(
    checkpoint: Path, tmp_path: Path, runner: type[Crooked], message: str
) -> None:
    """No final name, no temporary folder."""
    with pytest.raises(ExportError, match=message):
        export(checkpoint, tmp_path / "bundle", runner)
    assert not list(tmp_path.iterdir())


def test_a_failure_keeps_the_bundle_that_stood_there(
    checkpoint: Path, exported: Path, tmp_path: Path
) -> None:
    """And a success replaces it."""
    out = shutil.copytree(exported, tmp_path / "bundle")
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


TINY = ("dim=8", "heads=2", "tree=4,16", "leaves=4")


class Branching(Couple):
    """What no graph can hold: Python that looks at the values."""

    def item(self, tags_BN: Tensor) -> Tensor:
        """Double some items."""
        found = super().item(tags_BN)
        return found * 2 if tags_BN.sum() > 3 else found


class Late:
    """Towers that are right when they are compared and wrong when the probe is replayed."""

    opened = 0

    def __init__(self, bundle: Bundle) -> None:
        Late.opened += 1
        self._towers = OnnxTowers(bundle)
        self._shift = np.float32(Late.opened > 1)

    def user(self, tags: Ids) -> Vectors:
        return self._towers.user(tags)

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


def test_a_network_that_becomes_no_graph_is_refused_in_a_sentence() -> None:
    """Torch's own error runs over pages and shows the code."""
    network = Branching(5, 2, Config.with_overrides(TINY)).eval()
    with pytest.raises(ExportError, match="the item tower does not become a graph") as caught:
        item_graph(network)
    assert "\n" not in str(caught.value)


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
    exported: Path,
    tmp_path: Path,
    fault: BaseException,
    raised: type[BaseException],
) -> None:
    """Byte for byte, and nothing beside it."""
    out = shutil.copytree(exported, tmp_path / "bundle")
    with pytest.raises(raised, match=r"No space left|^$"):
        export(checkpoint, out, Full(fault))
    assert contents(out) == contents(exported)
    assert list(tmp_path.iterdir()) == [out]


def test_a_target_that_cannot_be_written_is_named(checkpoint: Path, tmp_path: Path) -> None:
    """A file where its folder should be."""
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ExportError, match="bundle cannot be written: "):
        export(checkpoint, tmp_path / "file" / "bundle", OnnxTowers)


def test_a_failed_rename_puts_the_old_bundle_back(exported: Path, tmp_path: Path) -> None:
    """At the one moment when neither stands under the name."""
    out = shutil.copytree(exported, tmp_path / "bundle")
    aside = tmp_path / "aside"
    aside.mkdir()
    with pytest.raises(FileNotFoundError):
        _replace(aside / "gone", out)
    assert contents(out) == contents(exported)


def test_the_graphs_of_a_network_are_a_function_of_its_weights() -> None:
    """Whatever was drawn at random before; another weight gives another graph."""
    torch.manual_seed(0)
    network = Couple(9, 2, Config.with_overrides([*TINY, "max_items=1"])).eval()
    first = user_graph(network), item_graph(network)
    torch.manual_seed(1)
    assert (user_graph(network), item_graph(network)) == first
    with torch.no_grad():
        network.tags.weight[1, 0] += 1
    assert user_graph(network) != first[0]
    assert item_graph(network) != first[1]
