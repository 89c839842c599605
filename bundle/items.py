"""Item ids as strings, numbered: what a user tower that remembers single items reads.

Items travel and are stored by the ids their owner gave them; only a bundle's `items.txt` turns them
into numbers. Items that are newer than the bundle have none, and need none to be recommended.
"""

import re
from collections.abc import Iterable

ITEM_ID = re.compile(r"[^\x00-\x1f\x7f-\x9f]{1,128}")  # what the service takes for an item id


class ItemIds:
    """Item ids numbered from 1 in file order; 0 is padding and every unknown item."""

    def __init__(self, item_ids: Iterable[str] = ()) -> None:
        """Take distinct item ids; raise ValueError naming the first that no service could send."""
        self._ids: dict[str | None, int] = {}
        for number, item_id in enumerate(item_ids, start=1):
            if not ITEM_ID.fullmatch(item_id):
                raise ValueError(
                    f"line {number} is not an item id: 1 to 128 characters, no control character"
                )
            if self._ids.setdefault(item_id, number) != number:
                raise ValueError(f"line {number} repeats the item id of line {self._ids[item_id]}")

    def __len__(self) -> int:
        return len(self._ids)

    def ids(self, item_ids: Iterable[str | None]) -> list[int]:
        """One number an item, in the order given; 0 for an unknown one and for None."""
        known = self._ids
        return [known.get(item_id, 0) for item_id in item_ids]

    def encode(self) -> bytes:
        """The bytes of `items.txt`: UTF-8, one item id a line."""
        return "".join(f"{item_id}\n" for item_id in self._ids).encode()

    @classmethod
    def decode(cls, data: bytes) -> "ItemIds":
        """Read what `encode` wrote; raise ValueError (UnicodeDecodeError included) otherwise."""
        text = data.decode()
        if not text.endswith("\n"):
            raise ValueError("the last line has no end" if text else "no item stands in it")
        return cls(text.split("\n")[:-1])
