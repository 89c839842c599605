"""What cannot be served is refused at start: one readable sentence, exit code 2."""

import shutil
import socket
from pathlib import Path

import pytest

from tests.e2e.running import GOLDEN, run

NOWHERE = "redis://127.0.0.1:1/0"


def refusal(*arguments: str | Path, **variables: str) -> str:
    """The one line that a refused `couple serve` leaves."""
    result = run("serve", *arguments, **variables)
    assert result.returncode == 2, result.stdout + result.stderr
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, result.stderr
    return lines[0]


def test_no_bundle_at_all(tmp_path: Path) -> None:
    assert "does not exist: name a folder that `couple export` wrote" in refusal(
        "--bundle", tmp_path / "nowhere"
    )
    assert "COUPLE_BUNDLE" in refusal()


def test_a_folder_that_is_no_bundle(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text('{"name": "somebody else\'s"}')
    assert "is damaged or not a bundle's" not in refusal("--bundle", tmp_path / "x")
    assert "damaged or not a bundle's" in refusal("--bundle", tmp_path)


@pytest.mark.parametrize("name", ["manifest.json", "tags.txt", "user_tower.onnx", "probe.npz"])
def test_one_flipped_byte(tmp_path: Path, name: str) -> None:
    bundle = tmp_path / "bundle"
    shutil.copytree(GOLDEN, bundle)
    data = bytearray((bundle / name).read_bytes())
    data[len(data) // 3] ^= 4
    (bundle / name).write_bytes(data)
    assert name in refusal("--bundle", bundle)


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        store = ("--embedded", "--store", tmp_path / "store")
        message = refusal("--bundle", GOLDEN, *store, "--port", port)
    assert port in message
    assert "in use" in message


def test_a_store_that_does_not_answer() -> None:
    message = refusal("--bundle", GOLDEN, "--port", "0", COUPLE_REDIS_URL=NOWHERE)
    assert "127.0.0.1:1" in message
    assert "--embedded" in message


def test_a_setting_that_makes_no_sense() -> None:
    assert "COUPLE_PORT" in refusal("--bundle", GOLDEN, COUPLE_PORT="none")
