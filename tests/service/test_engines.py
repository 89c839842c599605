"""An engine that cannot be had is named before anything is served, with what to do."""

import re
import sys
from pathlib import Path

import pytest

from service import engines
from service.errors import EngineMissing
from service.settings import Settings


def test_milvus_without_its_extra_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pymilvus", None)
    monkeypatch.delitem(sys.modules, "index.collections", raising=False)
    with pytest.raises(EngineMissing, match=re.escape("pip install '.[milvus]'")):
        engines.check(Settings(index="milvus"), 1)


def test_milvus_lite_serves_one_worker(tmp_path: Path) -> None:
    settings = Settings(index="milvus", milvus_uri=str(tmp_path / "items.db"))
    with pytest.raises(EngineMissing, match="--workers 1"):
        engines.check(settings, 2)


def test_faiss_needs_nothing() -> None:
    engines.check(Settings(), 64)


def test_the_password_of_milvus_is_not_shown() -> None:
    settings = Settings(milvus_uri="https://couple:secret@milvus:19530/videos")
    assert "secret" not in repr(settings)
    assert settings.environment()["COUPLE_MILVUS_URI"].startswith("https://couple:secret@")
