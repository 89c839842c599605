"""What is run only where its engine is installed, and said where it is not."""

from importlib.util import find_spec

collect_ignore = [] if find_spec("pymilvus") else ["test_milvus.py"]


def pytest_report_header() -> list[str]:
    return [
        f"not run, for want of the extra milvus (make test-milvus): {name}"
        for name in collect_ignore
    ]
