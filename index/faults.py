"""What is wrong with contents: nothing, as long as only this package makes them.

Bytes that pass their checksum may still be another program's, or come of a bug of ours; an index
built on a list number out of range would crash the process long after.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from index.contents import Codes, Contents
from index.snapshot_manifest import ARRAYS, Sizes

_ROWS = 1 << 14  # of codes looked at in one go
_INFINITE = 0x7C00  # exponent bits of a float16 that is infinite or NaN
_NO_SIGN = 0x7FFF


def faults(contents: Contents, sizes: Sizes) -> Iterator[str]:
    """Clauses, the most basic first: stop at one, for the checks after it rely on its absence.

    Ids are not looked at.
    """
    yield from _misshapen(contents, sizes)
    if sizes.dim < 1 or sizes.lists < 1:
        yield "there is not one dimension and one list"
    yield from _out_of_range("profiles", contents.profiles, sizes.profiles)
    yield from _out_of_range("lists", contents.lists, sizes.lists)
    yield from _out_of_range("places", contents.places, sizes.lists)
    if not contents.places.size:
        yield "places holds no measurement"
    for name, times in (("published", contents.published), ("expires", contents.expires)):
        if np.isnan(times).any():
            yield f"{name} holds a time that is NaN"
    for name in ("centroids", "spreads", "metric", "queries"):
        if not np.isfinite(getattr(contents, name)).all():
            yield f"{name} holds a number that is not finite"
    if not _finite(contents.codes):
        yield "codes holds a number that is not finite"


def _misshapen(contents: Contents, sizes: Sizes) -> Iterator[str]:
    for name, dtype in ((Path(file).stem, dtype) for file, dtype in ARRAYS.items()):
        array, shape = getattr(contents, name), sizes.shape_of(name)
        if (array.shape, array.dtype) != (shape, np.dtype(dtype)):
            found = f"{array.dtype} of shape {array.shape}"
            yield f"{name} is {found}, not {np.dtype(dtype)} of shape {shape}"


def _out_of_range(name: str, numbers: NDArray[np.int32], count: int) -> Iterator[str]:
    if numbers.size and not 0 <= numbers.min() <= numbers.max() < count:
        yield f"{name} holds a number outside 0 to {count - 1}"


def _finite(codes: Codes) -> bool:
    """As integers: numpy tests float16 one number at a time, ten times slower."""
    parts = (codes[row : row + _ROWS].view(np.uint16) for row in range(0, len(codes), _ROWS))
    return all((part & _NO_SIGN).max(initial=0) < _INFINITE for part in parts)
