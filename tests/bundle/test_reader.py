from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bundle import BundleCorrupted, BundleMissing, BundleRefused, open_bundle
from bundle import manifest as m
from tests.bundle import folder

OTHER_TYPE = m.Tower(inputs=m.USER_INPUTS | {"items": "int32[B,M]"}, outputs=m.BY_TAGS.user.outputs)


def test_a_bundle_opens_whole(tmp_path: Path) -> None:
    manifest = folder.write(tmp_path / "bundle")
    opened = open_bundle(tmp_path / "bundle")
    assert opened.manifest == manifest
    assert opened.vocabulary.tags == folder.VOCABULARY.tags
    assert opened.user_tower == b"user graph"
    assert (opened.probe.user == folder.probe().user).all()


def test_a_bundle_that_reads_item_ids_opens_with_them(tmp_path: Path) -> None:
    manifest = folder.write_with_items(tmp_path / "bundle")
    opened = open_bundle(tmp_path / "bundle")
    assert opened.manifest == manifest
    assert opened.item_ids.ids(["視頻 2", None, "wok", "p1"]) == [2, 0, 0, 1]
    assert opened.probe.user_items is not None
    assert (opened.probe.user_items == folder.HISTORY).all()


def test_a_bundle_that_reads_tags_alone_knows_no_item(tmp_path: Path) -> None:
    folder.write(tmp_path / "bundle")
    opened = open_bundle(tmp_path / "bundle")
    assert len(opened.item_ids) == opened.manifest.max_history == 0
    assert opened.probe.user_items is None


@pytest.mark.parametrize("name", [*m.files_of(m.BY_TAGS_AND_ITEMS), m.NAME])
def test_one_flipped_byte_in_any_file_is_named(tmp_path: Path, name: str) -> None:
    folder.write_with_items(tmp_path / "bundle")
    file = tmp_path / "bundle" / name
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    with pytest.raises(BundleCorrupted, match=name):
        open_bundle(tmp_path / "bundle")


@pytest.mark.parametrize("name", m.files_of(m.BY_TAGS_AND_ITEMS))
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    folder.write_with_items(tmp_path / "bundle")
    (tmp_path / "bundle" / name).unlink()
    with pytest.raises(BundleCorrupted, match=f"{name} cannot be read"):
        open_bundle(tmp_path / "bundle")


def test_a_path_without_a_bundle_says_what_to_name_instead(tmp_path: Path) -> None:
    with pytest.raises(BundleMissing, match="does not exist: name a folder that `couple export`"):
        open_bundle(tmp_path / "nowhere")
    with pytest.raises(BundleMissing, match=r"has no manifest\.json"):
        open_bundle(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(BundleMissing, match=r"\(not a directory\): name a folder"):
        open_bundle(tmp_path / "file")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"version": "0" * 64}, "version is not the hash"),
        ({"vocabulary_size": 4}, "vocabulary_size"),
        ({"vocabulary_sha256": "0" * 64}, "vocabulary_sha256"),
        ({"norm": 2.0}, "version is not the hash"),
        ({"towers": m.Towers(user=m.Tower(inputs={"ids": "int64[B]"}, outputs={}))}, "inputs or"),
        ({"files": {m.TAGS: "0" * 64}}, "must list exactly"),
        ({"max_history": 8}, "max_history must be above 0 where"),
        ({"catalogue_size": 1}, "catalogue_size"),
        ({"towers": m.BY_TAGS_AND_ITEMS}, r"must list exactly .*, items\.txt"),
    ],
)
def test_a_manifest_that_contradicts_itself_is_refused(
    tmp_path: Path, change: dict[str, Any], complaint: str
) -> None:
    folder.write(tmp_path / "bundle", **change)
    with pytest.raises(BundleRefused, match=complaint):
        open_bundle(tmp_path / "bundle")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"max_history": 3}, "version is not the hash"),
        ({"catalogue_size": 3}, r"catalogue_size is not that of items\.txt"),
        ({"towers": m.BY_TAGS}, r"must list exactly [^:]*CARD\.md$"),
        ({"towers": m.Towers(user=OTHER_TYPE)}, "inputs or outputs this version does not know"),
    ],
)
def test_a_manifest_that_contradicts_its_items_is_refused(
    tmp_path: Path, change: dict[str, Any], complaint: str
) -> None:
    folder.write_with_items(tmp_path / "bundle", **change)
    with pytest.raises(BundleRefused, match=complaint):
        open_bundle(tmp_path / "bundle")


def test_item_ids_of_which_none_is_read_are_refused(tmp_path: Path) -> None:
    made = folder.write_with_items(tmp_path / "made")
    version = m.version_of(made.towers, made.files, made.norm, max_history=0)
    folder.write_with_items(tmp_path / "bundle", max_history=0, version=version)
    with pytest.raises(BundleRefused, match="max_history must be above 0 where"):
        open_bundle(tmp_path / "bundle")


@pytest.mark.parametrize(
    ("name", "data", "complaint"),
    [
        (m.TAGS, b"Wok\n", "line 1 is not a normalised tag"),
        (m.PROBE, b"no archive", "does not hold the probe's arrays"),
        (m.PROBE, folder.probe().encode(), "must hold user_items where"),
        (m.ITEMS, b"p1\np1\n", "line 2 repeats the item id of line 1"),
        (m.ITEMS, b"p1\n\n", "line 2 is not an item id"),
        (m.ITEMS, b"", "no item stands in it"),
        (m.ITEMS, b"p1\np\xff\n", "utf-8"),
        (m.ITEMS, b"p1\np2", "the last line has no end"),
    ],
)
def test_a_file_exported_wrong_is_refused_by_name(
    tmp_path: Path, name: str, data: bytes, complaint: str
) -> None:
    folder.write_with_items(tmp_path / "bundle", {name: data})
    with pytest.raises(BundleRefused, match=f"{name}.*{complaint}"):
        open_bundle(tmp_path / "bundle")


@pytest.mark.parametrize(
    "history",
    [
        np.array([[0, 0], [1, 1]]),
        np.array([[0, 0], [2, 3]]),
        np.array([[0, 0], [-1, 2]]),
        np.array([[0, 0, 0], [0, 0, 2]]),
        np.array([0, 2]),
        np.array([[2]]),
        np.array([[0], [2]], dtype=np.int32),
    ],
    ids=["last id unused", "id too large", "negative", "wide", "flat", "one user", "int32"],
)
def test_a_probe_must_try_the_last_item_id_and_no_other_array(
    tmp_path: Path, history: NDArray[Any]
) -> None:
    """So that a graph with too short a table is found at the door, not by a user."""
    probe = replace(folder.probe(folder.HISTORY), user_items=history)
    folder.write_with_items(tmp_path / "bundle", {m.PROBE: probe.encode()})
    with pytest.raises(BundleRefused, match="user_items must be int64"):
        open_bundle(tmp_path / "bundle")


def test_a_probe_of_item_ids_that_nothing_reads_is_refused(tmp_path: Path) -> None:
    folder.write(tmp_path / "bundle", {m.PROBE: folder.probe(folder.HISTORY).encode()})
    with pytest.raises(BundleRefused, match="must hold user_items where"):
        open_bundle(tmp_path / "bundle")
