"""Arguments checked whole, before a lock is taken and before anything changes.

Shapes: n items of one call, B queries, I interests of a query, D dimensions.
"""

import math
from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from index.attributes import Attributes, Profile, profile_of
from index.errors import (
    DuplicateId,
    InvalidK,
    InvalidRecall,
    InvalidTime,
    NotFinite,
    WrongShape,
    ZeroVector,
)

Vectors = NDArray[np.float32]
Seconds = NDArray[np.float64]
Times = Sequence[float | None]

LARGEST = 1e18  # component of a query: no inner product with half floats overflows float32


def check_dim(dim: int) -> None:
    """Raise WrongShape below 1."""
    if dim < 1:
        raise WrongShape(f"vectors need at least one dimension, not {dim}")


def check_recall(recall: float) -> None:
    """Raise InvalidRecall outside (0, 1]."""
    if not 0 < recall <= 1:
        raise InvalidRecall(f"recall is a share above 0 and at most 1, not {recall}")


def check_vectors(ids: Sequence[str], vectors: ArrayLike, dim: int) -> Vectors:
    """Item vectors [n, D], rounded; raise WrongShape, DuplicateId, NotFinite or ZeroVector."""
    checked = _float32(vectors)
    if checked.shape != (len(ids), dim):
        raise WrongShape(
            f"the vectors of {len(ids)} ids have shape {(len(ids), dim)}, not {checked.shape}"
        )
    if len(set(ids)) != len(ids):
        raise DuplicateId(f"one call names the id {_repeated(ids)!r} twice")
    kept = _halves(checked)  # what is stored: too long is infinite there, too short is zero
    for row in np.flatnonzero(~np.isfinite(kept).all(axis=1)).tolist():
        raise NotFinite(f"vector {row} (id {ids[row]!r}) is not finite, or beyond ±65,504")
    for row in np.flatnonzero(~kept.any(axis=1)).tolist():
        raise ZeroVector(f"vector {row} (id {ids[row]!r}) is zero")
    return kept.astype(np.float32)  # faiss rounds otherwise than numpy where two are as near


def _float32(values: ArrayLike) -> Vectors:
    if isinstance(values, np.ndarray) and values.dtype == np.float32:
        return np.ascontiguousarray(values)  # a microsecond and a half less, of thirty
    with np.errstate(over="ignore"):  # beyond float32 becomes infinite, and is refused as such
        return np.ascontiguousarray(values, dtype=np.float32)


def _halves(vectors: Vectors) -> NDArray[np.float16]:
    with np.errstate(over="ignore"):
        return vectors.astype(np.float16)


def _repeated(ids: Sequence[str]) -> str:
    return next(id_ for row, id_ in enumerate(ids) if id_ in ids[:row])


def check_times(count: int, times: Times | None, missing: float) -> Seconds:
    """Seconds [n], None made `missing`; raise WrongShape or InvalidTime."""
    given = [None] * count if times is None else times
    if len(given) != count:
        raise WrongShape(f"{count} ids need {count} times, not {len(given)}")
    seconds = np.array([missing if time is None else time for time in given], dtype=np.float64)
    for row in np.flatnonzero(np.isnan(seconds)).tolist():
        raise InvalidTime(f"time {row} is NaN")
    return seconds


def check_now(now: float | None) -> None:
    """Raise InvalidTime for NaN, at which nothing would be live."""
    if now is not None and math.isnan(now):
        raise InvalidTime("now is NaN")


def check_attributes(count: int, attributes: Sequence[Attributes] | None) -> list[Profile]:
    """One profile per item; raise WrongShape."""
    given = [{}] * count if attributes is None else attributes
    if len(given) != count:
        raise WrongShape(f"{count} ids need {count} attributes, not {len(given)}")
    return [profile_of(one) for one in given]


def check_queries(queries: ArrayLike, dim: int) -> Vectors:
    """Queries [B, I, D] with I ≥ 1; raise WrongShape or NotFinite. Zeros tie with everything."""
    checked = _float32(queries)
    if checked.ndim != 3 or checked.shape[1] < 1 or checked.shape[2] != dim:
        raise WrongShape(f"queries have shape (B, I, {dim}) with I ≥ 1, not {checked.shape}")
    sound = np.abs(checked) <= LARGEST  # not so for NaN
    if np.count_nonzero(sound) < sound.size:
        first = np.argmin(sound.all(axis=(1, 2)))
        raise NotFinite(f"query {first} is not finite, or beyond ±1e18")
    return checked


def check_k(k: int) -> None:
    """Raise InvalidK below 1; more than there are items is fine."""
    if k < 1:
        raise InvalidK(f"k is at least 1, not {k}")


def check_exclude(count: int, exclude: Sequence[Collection[str]]) -> Sequence[Collection[str]]:
    """One collection of ids per query; nothing at all stands for B of them; raise WrongShape."""
    if len(exclude) == 0:
        return [()] * count
    if len(exclude) != count:
        raise WrongShape(f"{count} queries need {count} exclusions, not {len(exclude)}")
    # A string is a collection of strings too: excluding "v1" would exclude "v" and "1".
    if any(isinstance(ids, str) for ids in (exclude, *exclude)):
        raise WrongShape("exclude holds a collection of ids for each query, not the ids themselves")
    return exclude
