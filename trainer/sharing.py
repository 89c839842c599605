"""Interactions in memory once for all processes of a host: one reads them, all map what it wrote.

Not a share of them each: a batch is drawn from all users (examples.py), so that it is the same for
any number of processes, and a process would have to ask the others for most of its own part.
"""

import tempfile
from pathlib import Path

import numpy as np
import polars as pl

from trainer import interactions, processes
from trainer.errors import DataError
from trainer.interactions import Interactions
from trainer.sequences import Sequences

USERS, ITEMS, STARTS, UNKNOWN = "users.arrow", "items.npy", "starts.npy", "unknown.npy"


def read(path: Path, item_ids: pl.Series) -> Interactions:
    """`trainer.interactions.read`, by the first process of every host alone.

    The columns are written into a temporary folder that nobody sees for long: what is mapped stays
    when its name is gone.

    Raises:
        DataError: see there; or there is no room for temporary files.
        LostProcess: another process has ended, as one does that cannot read.
    """
    if processes.count() == 1:
        return interactions.read(path, item_ids)
    with tempfile.TemporaryDirectory(prefix="couple-") as folder:
        if processes.place() == 0:
            write(interactions.read(path, item_ids), Path(folder))
        folders = processes.everyone(folder)
        found = mapped(Path(folders[processes.first_here()]))
        processes.everyone(None)
    return found


def write(found: Interactions, folder: Path) -> None:
    """Write the columns into a folder, for `mapped`; raise DataError where there is no room."""
    try:
        found.users.to_frame().write_ipc(folder / USERS)
        np.save(folder / ITEMS, found.sequences.items)
        np.save(folder / STARTS, found.sequences.starts)
        np.save(folder / UNKNOWN, np.array(found.unknown))
    except OSError as error:
        raise DataError(
            f"{folder} cannot be written: {error.strerror}; TMPDIR says where it is"
        ) from error


def mapped(folder: Path) -> Interactions:
    """What `write` wrote; its numbers are read as they are asked for, by pages of the host."""
    items, starts = (np.asarray(np.load(folder / name, mmap_mode="r")) for name in (ITEMS, STARTS))
    users = pl.read_ipc(folder / USERS).to_series()
    return Interactions(users, Sequences(items, starts), int(np.load(folder / UNKNOWN)))
