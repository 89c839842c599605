from pathlib import Path

import pytest

from bundle import BundleCorrupted, BundleMissing, BundleRefused, open_bundle
from bundle import manifest as m
from tests.bundle import folder


def test_a_bundle_opens_whole(tmp_path: Path) -> None:
    manifest = folder.write(tmp_path / "bundle")
    opened = open_bundle(tmp_path / "bundle")
    assert opened.manifest == manifest
    assert opened.vocabulary.tags == folder.VOCABULARY.tags
    assert opened.user_tower == b"user graph"
    assert (opened.probe.user == folder.probe().user).all()


@pytest.mark.parametrize("name", [*m.FILES, m.NAME])
def test_one_flipped_byte_in_any_file_is_named(tmp_path: Path, name: str) -> None:
    folder.write(tmp_path / "bundle")
    file = tmp_path / "bundle" / name
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    with pytest.raises(BundleCorrupted, match=name):
        open_bundle(tmp_path / "bundle")


@pytest.mark.parametrize("name", m.FILES)
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    folder.write(tmp_path / "bundle")
    (tmp_path / "bundle" / name).unlink()
    with pytest.raises(BundleCorrupted, match=f"{name} cannot be read"):
        open_bundle(tmp_path / "bundle")


def test_a_path_without_a_bundle_says_what_to_name_instead(tmp_path: Path) -> None:
    with pytest.raises(BundleMissing, match="does not exist: name a folder that `couple export`"):
        open_bundle(tmp_path / "nowhere")
    with pytest.raises(BundleMissing, match=r"has no manifest\.json"):
        open_bundle(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(BundleMissing, match="cannot be read: Not a directory"):
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
    ],
)
def test_a_manifest_that_contradicts_itself_is_refused(
    tmp_path: Path, change: dict[str, object], complaint: str
) -> None:
    folder.write(tmp_path / "bundle", **change)
    with pytest.raises(BundleRefused, match=complaint):
        open_bundle(tmp_path / "bundle")


@pytest.mark.parametrize(("name", "data"), [(m.TAGS, b"Wok\n"), (m.PROBE, b"no archive")])
def test_a_file_exported_wrong_is_refused_by_name(tmp_path: Path, name: str, data: bytes) -> None:
    good = folder.write(tmp_path / "bundle")
    files = {**good.files, name: m.digest(data)}
    bad = good.model_copy(
        update={
            "files": files,
            "version": m.version_of(good.towers, files, good.norm),
            "vocabulary_sha256": files[m.TAGS],
            "vocabulary_size": 1 if name == m.TAGS else good.vocabulary_size,
        }
    )
    (tmp_path / "bundle" / name).write_bytes(data)
    (tmp_path / "bundle" / m.NAME).write_bytes(m.encode(bad))
    with pytest.raises(BundleRefused, match=name):
        open_bundle(tmp_path / "bundle")
