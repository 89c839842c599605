"""All that an index holds, as arrays: what is copied beside traffic, saved, loaded and rebuilt.

Shapes: n items, D dimensions, C lists of an inverted file, P queries measured to a depth of T.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from index.attributes import Profile

Codes = NDArray[np.float16]


@dataclass(frozen=True)
class Contents:
    """n items, the same one at the same place of every column."""

    ids: Sequence[str]  # n
    codes: Codes  # [n, D] vectors as they are stored
    published: NDArray[np.float64]  # [n] seconds since the epoch; -inf: from the start
    expires: NDArray[np.float64]  # [n] seconds since the epoch; +inf: never
    profiles: NDArray[np.int32]  # [n] which of `table` an item has
    table: Sequence[Profile]  # distinct sets of attributes
    lists: NDArray[np.int32]  # [n] the inverted list an item lies in
    centroids: NDArray[np.float32]  # [C, D] of the lists; one of zeros: everything is scanned
    spreads: NDArray[np.float32]  # [C] of each list, and …
    metric: NDArray[np.float32]  # [D, D] what else `index.partition` knows of them
    queries: NDArray[np.float32]  # [Q, D] recent queries, which recall is measured on
    places: NDArray[np.int32]  # [P, T] what was measured: probes that reach each query's items

    @property
    def dim(self) -> int:
        """D."""
        return int(self.codes.shape[1])

    def __len__(self) -> int:
        return len(self.ids)
