from pathlib import Path

import pytest

from bundle import BundleCorrupted, BundleRefused
from bundle import manifest as m
from tests.bundle import folder


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
