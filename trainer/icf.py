"""ICF*: what users did together, carried to cold items by content; the baseline the paper left out.

Which items the same training users chose says which items belong together. A cold item has no
users, so it borrows those of its nearest known items by TF-IDF. ICF keeps the co-occurrence itself,
ICF-MF its leading factors: an ordinary pair of towers with one inner product. Every candidate is
scored through its neighbours, a known one too (it is its own nearest), so that the two kinds
compare. Constants are from validation on MicroLens, three cold draws (docs/experiments.md).
Shapes: B histories, C candidates, U users, V items, W known items, F factors.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.linalg import LinearOperator, eigsh

from trainer.sequences import Numbers, Sequences
from trainer.tfidf import TfIdf

Floats = NDArray[np.float64]

NEIGHBOURS = 400
FACTORS = 128  # 64 loses .011 HR@10, 256 loses .009
RECENCY = 0.95  # weight of an item of a history against the next newer one; .9 and 1 are level
POWER = 1.5  # of a neighbour's cosine; 1 and 2 lose .006
POWER_OF_FACTORS = 3.0  # factors are smooth already: 2 loses .003
DAMPING = 0.5  # of popularity, on both sides
SMOOTHING = 20.0  # added to counts before that
SMOOTHING_OF_FACTORS = 5.0
SPECTRUM = 0.7  # power of an eigenvalue on each side; ½ is the matrix itself and loses .005
SHORTER = 0.5  # an item factor's length to this power: between inner product and cosine
LONGEST = 200  # newest items of a user that count: a few long rows would be most of the pairs
KEPT = 1000  # others that an item keeps, the strongest
ROWS = 256  # items at a time, so that memory stays bounded


class Neighbours:
    """Which known items speak for a candidate, and how much."""

    def __init__(self, tfidf: TfIdf, known: Numbers, power: float) -> None:
        """Take the vectors of all items and the numbers of the W known ones."""
        self._vectors, self._known, self._power = tfidf.vectors, known, power
        self._candidates = np.zeros(0, dtype=np.int64)
        self._weights = sp.csr_array((0, len(known)))

    def weights(self, candidates: Numbers) -> sp.csr_array:
        """Rows of weights that sum to 1, or are zero where no tag is shared: sparse [C, W]."""
        if not np.array_equal(candidates, self._candidates):
            chunks = range(0, len(candidates), ROWS)
            parts = [self._chunk(candidates[start : start + ROWS]) for start in chunks]
            empty = sp.csr_array((0, len(self._known)))
            self._weights = sp.csr_array(sp.vstack([empty, *parts], format="csr"))
            self._candidates = candidates.copy()
        return self._weights

    def _chunk(self, candidates: Numbers) -> sp.csr_array:
        near = (self._vectors[candidates] @ self._vectors[self._known].T).toarray()
        most = min(NEIGHBOURS, near.shape[1])
        best = np.argpartition(-near, most - 1, axis=1)[:, :most]
        values = np.maximum(np.take_along_axis(near, best, axis=1), 0.0) ** self._power
        values /= np.maximum(values.sum(axis=1, keepdims=True), 1e-12)
        starts = np.arange(len(candidates) + 1) * most
        found = sp.csr_array((values.ravel(), best.ravel(), starts), shape=near.shape)
        found.eliminate_zeros()
        return found


class Icf:
    """Scores by co-occurrence with the history, through a candidate's neighbours."""

    def __init__(self, neighbours: Neighbours, known: Numbers, together: sp.csr_array) -> None:
        """Take what `cooccurrence` found: [W, W], rows for the history."""
        self._neighbours, self._known, self._together = neighbours, known, together

    def __call__(self, histories: Sequence[Numbers], candidates: Numbers) -> NDArray[np.float32]:
        """Score C candidates for B histories of item numbers: [B, C]."""
        wanted = recent(histories, self._known) @ self._together
        scores: Floats = (wanted @ self._neighbours.weights(candidates).T).toarray()
        return scores.astype(np.float32)


class IcfFactors:
    """The same from factors: user vector · item vector."""

    def __init__(self, neighbours: Neighbours, known: Numbers, factors: Floats) -> None:
        """Take the factors of the known items: [W, F]."""
        self._neighbours, self._known, self._factors = neighbours, known, factors

    def __call__(self, histories: Sequence[Numbers], candidates: Numbers) -> NDArray[np.float32]:
        """Score C candidates for B histories of item numbers: [B, C]."""
        users = recent(histories, self._known) @ self._factors
        items = self._neighbours.weights(candidates) @ self._factors
        lengths = np.linalg.norm(items, axis=1, keepdims=True)
        scores: Floats = users @ (items / np.maximum(lengths, 1e-12) ** SHORTER).T
        return scores.astype(np.float32)


def recent(histories: Sequence[Numbers], known: Numbers) -> sp.csr_array:
    """Weights of the known items in each history, the newest 1: sparse [B, W]."""
    lengths = np.fromiter(map(len, histories), dtype=np.int64, count=len(histories))
    items = np.concatenate([np.zeros(0, np.int64), *histories])
    ages = np.concatenate([np.zeros(0, np.int64), *(np.arange(n)[::-1] for n in lengths)])
    rows = np.repeat(np.arange(len(histories)), lengths)
    columns = np.searchsorted(known, items)
    met = columns < len(known)
    met[met] = known[columns[met]] == items[met]
    shape = (len(histories), len(known))
    return sp.csr_array(
        sp.coo_array((RECENCY ** ages[met], (rows[met], columns[met])), shape=shape)
    )


def cooccurrence(train: Sequences, known: Numbers) -> sp.csr_array:
    """How often two items have the same users, damped by how popular each is: sparse [W, W].

    A user who has both counts 1 / log(2 + length). No item stands beside itself: a cold item's
    neighbour in the history would say no more than TF-IDF does (it costs .025 HR@10).
    """
    has = _chosen(train, known)
    weights = 1 / np.log(2 + _sums(has, axis=1))
    damped = _damping(has, SMOOTHING)
    scaled = sp.csr_array(has @ sp.diags_array(damped))
    users = sp.csr_array((sp.diags_array(weights) @ scaled).T)
    parts = [_strongest(part) for part in _rows_together(users, scaled)]
    empty = sp.csr_array((0, len(known)))
    return sp.csr_array(sp.vstack([empty, *parts], format="csr").astype(np.float32))


def cooccurrence_factors(train: Sequences, known: Numbers, size: int = FACTORS) -> Floats:
    """Leading eigenvectors of the co-occurrence times a power of their values: [W, F].

    `known` ascends; F is `size`. Here a user who has both items counts 1 / length. The matrix is
    never built: it is a product of sparse ones, less its diagonal. Zeros where the rank runs out.
    An eigenvector's sign is free: here its largest number is positive.
    """
    has = _chosen(train, known)
    weights = 1 / np.maximum(_sums(has, axis=1), 1.0)
    damped = _damping(has, SMOOTHING_OF_FACTORS)
    scaled = sp.csr_array(has @ sp.diags_array(damped))
    weighed = sp.csr_array(sp.diags_array(weights) @ scaled)
    itself = _sums(weighed.multiply(scaled), axis=0)

    def times(vector: Floats) -> Floats:
        flat = vector.ravel()
        found: Floats = weighed.T @ (scaled @ flat) - itself * flat
        return found

    rank, factors = min(size, len(known) - 1), np.zeros((len(known), size))
    if rank >= 1 and (np.diff(has.indptr) > 1).any():  # somebody has two, else all are zero
        shape = (len(known), len(known))
        operator = LinearOperator(shape, matvec=times, dtype=np.float64)
        values, vectors = eigsh(
            operator, k=rank, which="LA", v0=np.ones(len(known)), tol=1e-2,
            ncv=min(len(known), rank + 72), rng=0,
        )  # fmt: skip
        largest = np.abs(vectors).argmax(axis=0)
        vectors = vectors * np.sign(vectors[largest, np.arange(rank)])
        factors[:, :rank] = vectors * np.maximum(values, 0.0) ** SPECTRUM
    return factors


def _chosen(train: Sequences, known: Numbers) -> sp.csr_array:
    """Which of the known items each user's newest ones are: sparse [U, W]."""
    lengths = np.diff(train.starts)
    newest = np.repeat(train.starts[1:], lengths) - np.arange(len(train.items)) <= LONGEST
    met = newest & np.isin(train.items, known)
    rows = np.repeat(np.arange(len(train)), lengths)[met]
    columns = np.searchsorted(known, train.items[met])
    ones = np.ones(len(rows))
    return sp.csr_array(sp.coo_array((ones, (rows, columns)), shape=(len(train), len(known))))


def _damping(has: sp.csr_array, smoothing: float) -> Floats:
    damped: Floats = (_sums(has, axis=0) + smoothing) ** -DAMPING
    return damped


def _sums(matrix: sp.csr_array, axis: int) -> Floats:
    sums: Floats = np.asarray(matrix.sum(axis=axis), dtype=np.float64).ravel()
    return sums


def _rows_together(users: sp.csr_array, has: sp.csr_array) -> Iterator[sp.csr_array]:
    """The product of [W, U] and [U, W], some rows at a time, its diagonal left out."""
    for start in range(0, users.shape[0], ROWS):
        part = sp.coo_array(users[start : start + ROWS] @ has)
        row, column = part.coords
        other = row + start != column
        found = (part.data[other], (row[other], column[other]))
        yield sp.csr_array(sp.coo_array(found, shape=part.shape))


def _strongest(part: sp.csr_array) -> sp.csr_array:
    """Only the KEPT largest numbers of each row."""
    for row in np.flatnonzero(np.diff(part.indptr) > KEPT):
        data = part.data[part.indptr[row] : part.indptr[row + 1]]
        data[np.argpartition(-data, KEPT)[KEPT:]] = 0.0
    part.eliminate_zeros()
    return part
