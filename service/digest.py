"""What a set of items comes to, in any order: replicas compare it to see that they hold the same.

hash = Σ blake2b-64(`<version>:<item id>`, UTF-8), big-endian, mod 2^64, as 16 hexadecimal digits.
A sum rather than an exclusive or: an item that is counted twice by mistake shows.
"""

from dataclasses import dataclass
from hashlib import blake2b

MODULUS = 2**64


@dataclass(frozen=True)
class Digest:
    """How many items, and the sum of their stamps."""

    count: int
    total: int

    @property
    def hash(self) -> str:
        """16 hexadecimal digits."""
        return f"{self.total:016x}"


def stamp(item_id: str, version: int) -> int:
    """64 bits that belong to one version of one item."""
    named = f"{version}:{item_id}".encode()
    return int.from_bytes(blake2b(named, digest_size=8).digest(), "big")
