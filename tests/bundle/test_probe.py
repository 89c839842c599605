from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bundle import BundleRefused, Manifest, Probe, replay
from tests.bundle import folder


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    return folder.write(tmp_path / "bundle")


class Altered(folder.MeanTowers):
    """Towers with one thing wrong: `user` or `item` passes through a function."""

    def __init__(self, **change: Any) -> None:
        self._change = change

    def user(self, tags: Any, items: Any = None) -> Any:
        return self._change.get("user", lambda x: x)(super().user(tags, items))

    def item(self, tags: Any) -> Any:
        return self._change.get("item", lambda x: x)(super().item(tags))


def test_the_towers_that_made_a_probe_pass_it(manifest: Manifest) -> None:
    assert replay(folder.probe(), manifest, folder.MeanTowers()) == 0.0


def test_a_probe_survives_its_file_and_has_one_encoding() -> None:
    data = folder.probe().encode()
    again = Probe.decode(data)
    assert again.encode() == data
    assert (again.item == folder.probe().item).all()


def test_item_ids_of_a_probe_survive_its_file_and_are_replayed(tmp_path: Path) -> None:
    """Towers that are not given them answer otherwise."""
    manifest = folder.write_with_items(tmp_path / "bundle")
    made = folder.probe(folder.HISTORY)
    again = Probe.decode(made.encode())
    assert again.user_items is not None
    assert (again.user_items == folder.HISTORY).all()
    assert replay(again, manifest, folder.MeanTowers()) == 0.0
    with pytest.raises(BundleRefused, match="user tower's probe is off by"):
        replay(replace(again, user_items=np.array([[0], [3]])), manifest, folder.MeanTowers())


def test_a_probe_that_lacks_an_array_is_none() -> None:
    short = replace(folder.probe(), item=None)  # type: ignore[arg-type]  # what is tested
    with pytest.raises(KeyError, match="item"):
        Probe.decode(short.encode())


@pytest.mark.parametrize(
    ("towers", "complaint"),
    [
        (Altered(user=lambda x: x + 1e-3), "user tower's probe is off by 1.0e-03"),
        (Altered(item=lambda x: -x), "item tower's probe is off by"),
        (Altered(user=lambda x: x * np.nan), "not finite"),
        (Altered(user=lambda x: x[:, 0]), r"has shape \(2, 3\), not \(2, 1, 3\)"),
    ],
)
def test_towers_that_answer_otherwise_are_refused(
    manifest: Manifest, towers: Altered, complaint: str
) -> None:
    with pytest.raises(BundleRefused, match=complaint):
        replay(folder.probe(), manifest, towers)


def test_the_norm_of_the_manifest_is_the_norm_of_the_vectors(manifest: Manifest) -> None:
    with pytest.raises(BundleRefused, match="another length than the norm 2"):
        replay(folder.probe(), manifest.model_copy(update={"norm": 2.0}), folder.MeanTowers())


def test_an_item_without_tags_must_have_no_direction(manifest: Manifest) -> None:
    def tilted(vectors: Any) -> Any:
        return np.where(vectors.any(axis=1, keepdims=True), vectors, np.float32(1e-5))

    with pytest.raises(BundleRefused, match="a vector other than zero"):
        replay(folder.probe(), manifest, Altered(item=tilted))
