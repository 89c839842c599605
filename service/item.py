"""An item as the catalogue keeps it: strings and times, no ids of any vocabulary."""

from dataclasses import dataclass, field, fields
from typing import Any

import orjson

Attributes = dict[str, str | list[str]]


@dataclass(frozen=True)
class Item:
    """Facts about one video; times are epoch seconds."""

    item_id: str
    tags: list[str]
    domain: str
    title: str | None = None
    author_id: str | None = None
    published_at: float | None = None
    expires_at: float | None = None
    attributes: Attributes = field(default_factory=dict)

    def encode(self) -> str:
        """The same text for the same facts, whatever order they came in."""
        return orjson.dumps(vars(self), option=orjson.OPT_SORT_KEYS).decode()

    @classmethod
    def decode(cls, text: str) -> "Item":
        """Read what `encode` wrote, ignoring facts of a later version; raise ValueError."""
        facts: Any = orjson.loads(text)
        try:
            if facts.keys() != _NAMES:
                facts = {name: facts[name] for name in _NAMES & facts.keys()}
            return cls(**facts)
        except (AttributeError, TypeError) as error:
            raise ValueError("not an item") from error

    def expired(self, now: float) -> bool:
        """Whether its time has come."""
        return self.expires_at is not None and self.expires_at <= now


_NAMES = {entry.name for entry in fields(Item)}
