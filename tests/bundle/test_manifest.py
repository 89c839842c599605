from pathlib import Path

import pytest

from bundle import BundleCorrupted, BundleRefused
from bundle import manifest as m
from tests.bundle import folder

GOLDEN = Path(__file__).parent.parent / "golden" / "bundle"


@pytest.fixture
def data(tmp_path: Path) -> bytes:
    folder.write(tmp_path / "bundle")
    return (tmp_path / "bundle" / m.NAME).read_bytes()


def test_a_manifest_survives_its_file(data: bytes) -> None:
    assert m.encode(m.decode(data)) == data


def test_no_byte_of_the_manifest_can_change_unseen(data: bytes) -> None:
    for position in range(len(data)):
        flipped = data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :]
        with pytest.raises(BundleCorrupted, match=r"manifest\.json"):
            m.decode(flipped)


@pytest.mark.parametrize("data", [b"", b"{}", b"\x00\xff", b'{"checksum": "0"}'])
def test_what_is_not_a_manifest_is_said_to_be_none(data: bytes) -> None:
    with pytest.raises(BundleCorrupted, match="damaged or not a bundle's"):
        m.decode(data)


def test_a_later_format_is_refused_by_name(tmp_path: Path) -> None:
    folder.write(tmp_path / "later", format=2)
    with pytest.raises(BundleRefused, match=r"manifest\.json: format: Input should be 1"):
        m.decode((tmp_path / "later" / m.NAME).read_bytes())


def test_the_version_is_what_the_model_computes() -> None:
    files = dict.fromkeys(m.FILES, "a" * 64)
    version = m.version_of(m.Towers(), files, 1.0)
    assert version == m.version_of(m.Towers(), {**files, m.CARD: "b" * 64}, 1.0)
    assert version != m.version_of(m.Towers(), {**files, m.TAGS: "b" * 64}, 1.0)
    assert version != m.version_of(m.Towers(), files, 2.0)


def test_the_numbering_of_items_is_part_of_the_version_where_it_is_read() -> None:
    """Their number too; and it is no part of a bundle that reads tags alone."""
    files = dict.fromkeys(m.files_of(m.BY_TAGS_AND_ITEMS), "a" * 64)
    other = {**files, m.ITEMS: "b" * 64}
    version = m.version_of(m.BY_TAGS_AND_ITEMS, files, 1.0, 50)
    assert version != m.version_of(m.BY_TAGS_AND_ITEMS, other, 1.0, 50)
    assert version != m.version_of(m.BY_TAGS_AND_ITEMS, files, 1.0, 49)
    assert m.version_of(m.BY_TAGS, files, 1.0) == m.version_of(m.BY_TAGS, other, 1.0, 50)


def test_a_bundle_without_item_ids_is_written_as_before_there_were_any(data: bytes) -> None:
    """The golden bundle, made by format 1's first exporter, reads and writes to the same bytes."""
    golden = (GOLDEN / m.NAME).read_bytes()
    assert m.encode(m.decode(golden)) == golden
    for field in (b"max_history", b"catalogue_size", m.ITEMS.encode()):
        assert field not in data


def test_a_manifest_with_item_ids_survives_its_file(tmp_path: Path) -> None:
    made = folder.write_with_items(tmp_path / "bundle")
    assert m.decode((tmp_path / "bundle" / m.NAME).read_bytes()) == made
    assert made.towers.read_items


@pytest.mark.parametrize("size", [-1, 1025])
def test_the_item_ids_of_a_history_are_at_most_1024(tmp_path: Path, size: int) -> None:
    folder.write_with_items(tmp_path / "bundle", max_history=size)
    with pytest.raises(BundleRefused, match="max_history"):
        m.decode((tmp_path / "bundle" / m.NAME).read_bytes())
