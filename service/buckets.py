"""Which users an experiment takes, and which arm each gets: two hashes, the same in any language.

Both are xxh3_64, seed 0, over UTF-8. The layer decides the slot and the salt the bucket, so that
experiments of two layers divide the same users independently of each other. Test vectors:
docs/buckets.json.
"""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate

from xxhash import xxh3_64_intdigest

COUNT = 10_000  # slots of a layer, and buckets of a salt


def number(key: str, user_id: str) -> int:
    """A user's slot in a layer (`key`), or bucket by a salt: 0 to 9,999.

    Raises:
        UnicodeEncodeError: half a surrogate pair, which JSON of a request cannot hold.
    """
    return xxh3_64_intdigest(f"{key}:{user_id}".encode()) % COUNT


def bounds(weights: Sequence[float]) -> tuple[int, ...]:
    """Where each arm ends: `COUNT` times the cumulative weights, to the nearest whole number.

    Rounding makes 0.1 + 0.2 end at 3,000 in any language. The last arm ends at `COUNT`.
    """
    ends = [int(COUNT * sum_ + 0.5) for sum_ in accumulate(weights)]
    return (*ends[:-1], COUNT)


def arm_of(ends: Sequence[int], bucket: int) -> int:
    """The position of the first arm that ends above the bucket."""
    return bisect_right(ends, bucket)
