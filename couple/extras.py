"""What to say when an optional part of the project is not installed."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from bundle.errors import CoupleError


class MissingExtra(CoupleError):
    """A command needs libraries that the core install leaves out."""


@contextmanager
def requires(extra: str) -> Iterator[None]:
    """Around the imports of a command: name the extra that brings what is missing."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise MissingExtra(
            f"{error.name} is not installed: run pip install '.[{extra}]' in the project's folder"
        ) from error


def share_cores() -> None:
    """Let torch's idle threads sleep; call it before torch is imported.

    They spin otherwise, and beside any other busy process a step then takes many times as long.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
