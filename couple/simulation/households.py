"""A world out of a data set: its users, with the tastes that their own choices gave away.

The catalogue is the cold items, which are new, as in the paper's test (section 5); the items of the
target domain that training saw are old, and beside them where that is asked for. What a user took
of the target domain, also what the split held out, is the taste; the service gets the past as
training had it, so of a cold user it never hears what they take there.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse

from couple.simulation.world import Affinities, Numbers, World
from trainer.data import ITEMS, Dataset
from trainer.evaluation import Trial

HISTORY = 50  # what the service keeps of a user
TAKEN = 64  # tags of an item that it takes
OLD_DAYS, NEW_DAYS = (10.0, 90.0), (0.0, 3.0)  # since publication


def households(trial: Trial, data: Path, seed: int, *, old: bool = False) -> World:
    """Everybody with a past; `data` is the prepared folder, which knows authors too."""
    rng = np.random.default_rng([seed, 2])
    dataset, split = trial.dataset, trial.split
    met = split.whole.met()
    targets = met[dataset.is_target[met]] if old else split.pool
    users = [user for user in range(len(split.train)) if len(split.train[user]) > 1]
    told = _Told(dataset, _authors(data, dataset.item_ids))
    ages = np.where(
        np.isin(targets, split.pool),
        rng.uniform(*NEW_DAYS, len(targets)),
        rng.uniform(*OLD_DAYS, len(targets)),
    )
    tastes = [_taken(split.whole[user], dataset.is_target) for user in users]
    return World(
        items=[told.item(*pair) for pair in zip(targets.tolist(), ages.tolist(), strict=True)],
        users=[dataset.user_ids[user] for user in users],
        pasts=[list(told.past(user, split.train[user])) for user in users],
        affinities=affinities(dataset.tags, tastes, targets),
    )


def affinities(
    tags: Sequence[Sequence[str]], tastes: Sequence[Numbers], items: Numbers
) -> Affinities:
    """Cosine of each user's taste and each item, over tags that weigh the more the rarer: [U, V].

    `tastes` holds item numbers of each user; both they and `items` count along `tags`.
    """
    whole = _weighed(tags)
    chosen = np.concatenate([np.zeros(0, np.int64), *tastes])
    starts = np.concatenate([[0], np.cumsum([len(taste) for taste in tastes])])
    taken = sparse.csr_array(
        (np.ones(len(chosen), np.float32), chosen, starts), shape=(len(tastes), len(tags))
    )
    profiles = _unit(taken @ whole).toarray()  # dense, else their product is a sparse table, full
    found: Affinities = (whole[items] @ profiles.T).T
    return found


class _Told:
    """What the service is told of the data set."""

    def __init__(self, dataset: Dataset, authors: Sequence[str | None]) -> None:
        self._dataset = dataset
        self._authors = authors
        self._now = datetime.now(UTC)

    def item(self, number: int, age_days: float) -> dict[str, Any]:
        published = self._now - timedelta(days=age_days)
        return {**self._facts(number), "published_at": published.isoformat()}

    def past(self, user: int, items: Numbers) -> Iterator[dict[str, Any]]:
        """The newest of them, oldest first."""
        user_id = self._dataset.user_ids[user]
        for place, number in enumerate(items[-HISTORY:].tolist()):
            ids = {"event_id": f"simulate-{place}", "user_id": user_id}
            yield {**self._facts(number), **ids, "type": "click"}

    def _facts(self, number: int) -> dict[str, Any]:
        data = self._dataset
        return {
            "item_id": data.item_ids[number],
            "tags": list(data.tags[number][:TAKEN]),
            "title": data.titles[number],
            "domain": data.domains[data.item_domains[number]],
            "author_id": self._authors[number],
        }


def _authors(data: Path, item_ids: Sequence[str]) -> list[str | None]:
    """Of each item, where the folder says."""
    table = pl.read_parquet(data / ITEMS)
    if "author_id" not in table.columns:
        return [None] * len(item_ids)
    known = dict(zip(table["item_id"], table["author_id"], strict=True))
    return [known[item_id] for item_id in item_ids]


def _taken(row: Numbers, is_target: NDArray[np.bool_]) -> Numbers:
    """What they took of the target domain; of the others, if nothing."""
    own = row[is_target[row]]
    return own if len(own) else row


def _weighed(tags: Sequence[Sequence[str]]) -> Any:
    """Items by tags, by inverse frequency, of length 1."""
    ids: dict[str, int] = {}
    columns = [ids.setdefault(tag, len(ids)) for row in tags for tag in row]
    starts = np.concatenate([[0], np.cumsum([len(row) for row in tags])])
    idf = np.log(len(tags) / np.bincount(columns, minlength=len(ids))).astype(np.float32)
    table = sparse.csr_array((idf[columns], columns, starts), shape=(len(tags), len(ids)))
    return _unit(table)


def _unit(table: Any) -> Any:
    """Rows of length 1; empty ones stay so."""
    lengths = np.sqrt(table.multiply(table).sum(axis=1))
    scales = 1 / np.where(lengths > 0, lengths, 1)
    return sparse.diags_array(scales.astype(np.float32)) @ table
