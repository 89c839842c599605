"""A Milvus that is not there is named before anything is served."""

import pytest

from service import engines
from service.errors import EngineMissing
from service.settings import Settings
from tests.service.process import free_port


def test_a_milvus_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    uri = f"http://127.0.0.1:{free_port()}"
    monkeypatch.setattr("index.collections.SECONDS", 1.0)
    with pytest.raises(EngineMissing, match=f"no Milvus answers at {uri}"):
        engines.check(Settings(index="milvus", milvus_uri=uri), 4)
