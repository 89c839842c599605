"""Whatever `--data` names → a data set: a prepared folder, or the event stream as it was drained.

The second is what closes the loop: what was served today trains tomorrow, in one step.
"""

import tempfile
from pathlib import Path

from trainer import data, interactions
from trainer.data import Dataset, Load
from trainer.sources import parquet

DAYS = "day=*"  # see docs/events.md


def read(folder: Path, target_domain: str | None = None, load: Load = interactions.read) -> Dataset:
    """Read a prepared folder, or prepare a drained one aside and read that.

    Raises:
        DataError: see `trainer.data.read`, and `trainer.sources.parquet.prepare`.
    """
    if (folder / data.ITEMS).exists() or not any(folder.glob(DAYS)):
        return data.read(folder, target_domain, load)
    with tempfile.TemporaryDirectory(prefix="couple-") as temporary:
        made = Path(temporary) / "data"
        parquet.prepare(folder, made, target_domain)
        return data.read(made, target_domain, load)
