"""The models that need no network, behind one door: fit to tensors, tensors to a scorer.

Each learns from the training sequences and the tags of the items in them, nothing else, and reads
the same newest items of a history as the networks do. Shapes: V items, W known items, T tag ids,
F factors.
"""

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from trainer.config import Config
from trainer.errors import CheckpointError
from trainer.icf import (
    POWER,
    POWER_OF_FACTORS,
    Icf,
    IcfFactors,
    Neighbours,
    cooccurrence,
    cooccurrence_factors,
)
from trainer.metrics import Scorer, Scores
from trainer.popularity import Popularity, carried_by_tags
from trainer.sequences import Numbers, Sequences
from trainer.tfidf import TfIdf, tag_weights

Name = Literal["tfidf", "popularity", "icf", "icf-mf"]
BASELINES: tuple[Name, ...] = get_args(Name)
Tags = Sequence[Sequence[int]]  # ids from 1 of every item of the data set


def fit(name: Name, train: Sequences, tags: Tags) -> dict[str, Tensor]:
    """What the model keeps: the tensors of its checkpoint, from which `scorer` makes it again.

    tfidf: `weights` [T + 1]. popularity: `counts` [V], `carried` [T + 1]. icf: `weights`, `known`
    [W] and a sparse matrix (`starts`, `columns`, `values`). icf-mf: `weights`, `known`, `factors`
    [W, F].
    """
    known = train.met()
    weights = tag_weights(tags, known)
    if name == "popularity":
        carried = carried_by_tags(train, tags, len(weights))
        return _tensors(counts=train.counts(len(tags)), carried=carried)
    if name == "tfidf":
        return _tensors(weights=weights)
    if name == "icf-mf":
        factors = cooccurrence_factors(train, known).astype(np.float32)
        return _tensors(weights=weights, known=known, factors=factors)
    found = cooccurrence(train, known)
    starts, columns = (a.astype(np.int64) for a in (found.indptr, found.indices))
    return _tensors(weights=weights, known=known, starts=starts, columns=columns, values=found.data)


def scorer(name: Name, state: dict[str, Tensor], tags: Tags, config: Config) -> Scorer:
    """The model that `fit` found, reading the newest `config.max_items` items of a history.

    Raises:
        CheckpointError: the tensors are those of another model or of other data.
    """
    try:
        model = _model(name, {key: tensor.numpy() for key, tensor in state.items()}, tags)
    except (KeyError, ValueError, IndexError) as error:
        raise CheckpointError(f"the tensors are not those of {name} on this data") from error

    def score(histories: Sequence[Numbers], candidates: Numbers) -> Scores:
        return model([history[-config.max_items :] for history in histories], candidates)

    return score


def fitted(name: Name, train: Sequences, tags: Tags, config: Config) -> Scorer:
    """A scorer straight from the training data."""
    return scorer(name, fit(name, train, tags), tags, config)


def _model(name: Name, state: dict[str, Numbers], tags: Tags) -> Scorer:
    if name == "popularity":
        return Popularity(tags, state["counts"], state["carried"].astype(np.float32))
    profile = TfIdf(tags, state["weights"].astype(np.float64))
    if name == "tfidf":
        return profile
    known = state["known"]
    if name == "icf-mf":
        near = Neighbours(profile, known, POWER_OF_FACTORS)
        return IcfFactors(near, known, state["factors"].astype(np.float64))
    matrix = (state["values"], state["columns"], state["starts"])
    together = sp.csr_array(matrix, shape=(len(known), len(known)))
    return Icf(Neighbours(profile, known, POWER), known, together)


def _tensors(**arrays: np.ndarray[tuple[int, ...], np.dtype[np.generic]]) -> dict[str, Tensor]:
    return {name: torch.from_numpy(array) for name, array in arrays.items()}
