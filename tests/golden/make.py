"""Makes today's golden bundle: a tiny COUPLE that has learned six tastes from made-up users.

    python -m tests.golden.make tests/golden/bundle_items

Its user tower reads item ids. `tests/golden/bundle` was made before there were any and is never
made again: bundles of that kind must keep loading.

Small enough to commit, real enough to read.
"""

import sys
import tempfile
from pathlib import Path

from exporter import export
from service.towers import OnnxTowers
from tests.golden.data import write_data
from trainer.config import Config
from trainer.train import train

SETTINGS = (
    "dim=8", "heads=2", "tree=4,16", "leaves=4", "max_tags=6", "batch=128", "epochs=4",
    "dropout=0", "warmup=20", "threads=1", "split=cold", "factors=7", "loudness=2",
)  # fmt: skip


def make(out: Path) -> None:
    """Train and export into `out`."""
    with tempfile.TemporaryDirectory() as temporary:
        data, checkpoint = Path(temporary) / "data", Path(temporary) / "checkpoint"
        write_data(data)
        train(data, checkpoint, Config.with_overrides(SETTINGS), progress=False)
        export(checkpoint, out, OnnxTowers)


if __name__ == "__main__":
    make(Path(sys.argv[1]))
