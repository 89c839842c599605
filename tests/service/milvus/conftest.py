"""What is run only where Milvus is installed, and said where it is not."""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from service.settings import Settings

HERE = Path(__file__).parent
collect_ignore = [] if find_spec("pymilvus") else [one.name for one in HERE.glob("test_*.py")]


def pytest_report_header() -> list[str]:
    return [
        f"not run, for want of the extra milvus (make test-milvus): service/milvus/{name}"
        for name in collect_ignore
    ]


@pytest.fixture
def configure(configure: Callable[..., Settings], tmp_path: Path) -> Callable[..., Settings]:
    """Settings as of other tests, the index in a Milvus Lite of the test's own."""

    def make(**given: Any) -> Settings:
        lite = {
            "index": "milvus",
            "milvus_uri": str(tmp_path / "items.db"),
            "milvus_structure": {"index_type": "FLAT"},
            "milvus_lease_ms": 500,
            "milvus_timeout_ms": 10_000,  # a busy machine is no outage
            "apply_timeout_ms": 10_000,
            "after_timeout_ms": 10_000,
        }
        return configure(**{**lite, **given})

    return make
