"""Something a user did with an item, and what of it a history keeps."""

from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

import orjson

from service.item import Item

EventType = Literal["impression", "click", "like", "finish", "purchase", "skip"]
POSITIVE = frozenset({"click", "like", "finish", "purchase"})


class Watched(NamedTuple):
    """One item of a history; the time is epoch seconds."""

    item_id: str | None
    tags: list[str]
    title: str | None = None
    domain: str | None = None
    time: float | None = None
    author_id: str | None = None

    @classmethod
    def decode(cls, text: str) -> "Watched":
        """Read an `Event.entry`, ignoring facts of a later version; raise ValueError."""
        return cls.of(orjson.loads(text))

    @classmethod
    def of(cls, facts: Any) -> "Watched":
        """The same, decoded."""
        try:
            return cls(facts["item_id"], facts["tags"], *map(facts.get, _OPTIONAL))
        except (KeyError, TypeError) as error:
            raise ValueError("not an entry of a history") from error


_OPTIONAL = Watched._fields[2:]


@dataclass(frozen=True)
class Event:
    """One line of POST /events; the time is epoch seconds."""

    user_id: str
    item_id: str
    type: EventType
    time: float
    tags: list[str]
    title: str | None = None
    domain: str | None = None
    event_id: str | None = None
    request_id: str | None = None
    author_id: str | None = None

    @property
    def told(self) -> bool:
        """Whether it says itself what its item is about."""
        return bool(self.tags or self.title)

    def completed(self, item: Item | None, domain: str) -> "Event":
        """With what the catalogue knows where the event is silent."""
        known = item or Item(self.item_id, [], domain)
        return replace(
            self,
            tags=self.tags if self.told else known.tags,
            title=self.title or known.title,
            domain=self.domain or known.domain,
            author_id=self.author_id or known.author_id,
        )

    def entry(self) -> str:
        """What the history keeps of it."""
        kept = Watched(self.item_id, self.tags, self.title, self.domain, self.time, self.author_id)
        return orjson.dumps(kept._asdict()).decode()

    def encode(self) -> str:
        """What the event stream keeps of it: everything."""
        return orjson.dumps(self).decode()
