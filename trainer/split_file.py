"""The split as a file, so that every model, and any other tool, is judged on the very same.

One Parquet of one row a judged user: `user_id`, `positive`, `history` (oldest first), `cold`, and
`negatives`, all by the data set's own ids. Its metadata holds the pool of candidates, the
fingerprints of data and training, and one over all of it, which `read` checks.
"""

import hashlib
import io
import json
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from trainer.checkpoint import write as write_whole
from trainer.errors import DataError
from trainer.evaluation import Trial

FORMAT = "1"
TEXTS = pl.List(pl.String())
SCHEMA = pl.Schema(
    {
        "user_id": pl.String(), "positive": pl.String(), "history": TEXTS,
        "cold": pl.Boolean(), "negatives": TEXTS,
    }
)  # fmt: skip


@dataclass(frozen=True)
class SplitFile:
    """What is judged, by ids."""

    cases: pl.DataFrame  # one row a judged user
    pool: tuple[str, ...]  # the candidates
    data: str  # fingerprint of the data set
    split: str  # fingerprint of what training sees and who is judged

    @property
    def fingerprint(self) -> str:
        """Of all of it."""
        found = hashlib.sha256(json.dumps([self.data, self.split, self.pool]).encode())
        for name in SCHEMA:
            found.update(json.dumps(self.cases[name].to_list()).encode())
        return found.hexdigest()


def of(trial: Trial) -> SplitFile:
    """A trial by ids."""
    dataset, cases = trial.dataset, trial.split.cases
    names = dataset.item_ids
    columns = {
        "user_id": [dataset.user_ids[case.user] for case in cases],
        "positive": [names[case.positive] for case in cases],
        "history": [[names[item] for item in case.history] for case in cases],
        "cold": [case.cold for case in cases],
        "negatives": [[names[item] for item in drawn] for drawn in trial.negatives],
    }
    pool = tuple(names[item] for item in trial.pool)
    table = pl.DataFrame(columns, schema=SCHEMA)
    return SplitFile(table, pool, dataset.fingerprint, trial.split.fingerprint)


def write(trial: Trial, path: Path) -> str:
    """Write the split whole or not at all, over one that is there; → its fingerprint.

    The same trial gives the same bytes with the same version of Polars, and the same fingerprint
    with any.

    Raises:
        CheckpointError: the file cannot be written.
    """
    found = of(trial)
    metadata = {
        "format": FORMAT, "pool": json.dumps(found.pool), "data": found.data,
        "split": found.split, "fingerprint": found.fingerprint,
    }  # fmt: skip
    out = io.BytesIO()
    found.cases.write_parquet(out, metadata=metadata)
    write_whole(path, out.getvalue())
    return metadata["fingerprint"]


def read(path: Path) -> SplitFile:
    """Read a split and check that it is whole.

    Raises:
        DataError: it is missing, is no split of this format, or differs from its fingerprint.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
    try:
        metadata = pl.read_parquet_metadata(io.BytesIO(data))
        table = pl.read_parquet(io.BytesIO(data))
        pool = tuple(json.loads(metadata["pool"]))
        found = SplitFile(table, pool, metadata["data"], metadata["split"])
        expected, layout = metadata["fingerprint"], metadata["format"]
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, KeyError, ValueError) as error:
        raise DataError(f"{path} is not a split that `couple train` wrote") from error
    if layout != FORMAT or table.schema != SCHEMA:
        raise DataError(f"{path} is a split of another format: train again to write it anew")
    if found.fingerprint != expected:
        raise DataError(f"{path} is damaged: its content differs from its fingerprint")
    return found


def verify(trial: Trial, path: Path) -> None:
    """Check that a file holds exactly this trial; raise DataError if not."""
    mine, theirs = of(trial), read(path)
    if mine.data != theirs.data:
        raise DataError(f"{path} is the split of other data: use the data folder it was made from")
    if mine.fingerprint != theirs.fingerprint:
        raise DataError(f"{path} is another split of the same data: judge with its own settings")
