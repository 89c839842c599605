"""Writes a prepared folder, whole or not at all; what every source shares."""

import json
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from trainer.data import DESCRIPTION, INTERACTIONS, ITEMS, Description
from trainer.errors import DataError
from trainer.sources.rows import Faults


@dataclass(frozen=True)
class Summary:
    """What was written, and what was not."""

    items: int
    users: int
    interactions: int
    tags: int  # different ones
    untagged: int  # items without a tag
    faults: tuple[Faults, ...] = ()  # malformed rows, by file
    left_out: tuple[tuple[str, int], ...] = ()  # well-formed rows that are not wanted, by reason


@contextmanager
def made_aside(out: Path) -> Iterator[Path]:
    """An empty folder whose files become those of the folder `out` if all goes well.

    Raises:
        DataError: `out` exists and is no data folder, or the disk refuses.
    """
    names = {path.name for path in out.iterdir()} if out.is_dir() else set()
    # It will be removed whole, so a `dataset.json` beside other things is not enough.
    ours = DESCRIPTION in names and names <= {DESCRIPTION, ITEMS, INTERACTIONS}
    if out.exists() and not ours:
        raise DataError(f"{out} exists and is not a data folder: name another, or remove it")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as temporary:
            made = Path(temporary) / "data"
            made.mkdir()
            yield made
            for spare in set(made.iterdir()) - {
                made / n for n in (ITEMS, INTERACTIONS, DESCRIPTION)
            }:
                shutil.rmtree(spare)
            if out.exists():
                out.rename(made.with_name("old"))
            made.rename(out)
    except OSError as error:
        raise DataError(f"{out} cannot be written: {error.strerror or error}") from error


def write(
    made: Path,
    items: pl.DataFrame,
    interactions: pl.LazyFrame,
    description: Description,
    faults: Sequence[Faults] = (),
    left_out: Sequence[tuple[str, int]] = (),
) -> Summary:
    """Write the three files and count what is in them.

    `items` has item_id, domain and tags; `interactions` has user_id, item_id and timestamp, in
    order of time where times tie, and gets the domain of its item. Those of other items go.
    """
    items.write_parquet(made / ITEMS)
    domains = items.lazy().select("item_id", "domain")
    known = interactions.join(domains, on="item_id", maintain_order="left")
    known.sink_parquet(made / INTERACTIONS, engine="streaming", maintain_order=True)
    text = json.dumps(description.model_dump(), indent=2, ensure_ascii=False)
    (made / DESCRIPTION).write_text(text + "\n")
    given = interactions.select(pl.len()).collect(engine="streaming").item()
    rows, users = _counted(made / INTERACTIONS)
    reasons = (*left_out, ("interactions with an item that is not described", given - rows))
    return Summary(
        items=len(items),
        users=users,
        interactions=rows,
        tags=items["tags"].explode().drop_nulls().n_unique(),
        untagged=int((items["tags"].list.len() == 0).sum()),
        faults=tuple(fault for fault in faults if fault.count),
        left_out=tuple((reason, count) for reason, count in reasons if count),
    )


def _counted(interactions: Path) -> tuple[int, int]:
    counts = pl.scan_parquet(interactions, glob=False).select(
        rows=pl.len(), users=pl.col("user_id").n_unique()
    )
    rows, users = counts.collect(engine="streaming").row(0)
    if not rows:
        raise DataError("no interaction is left: see docs/data.md for what counts as one")
    return rows, users
