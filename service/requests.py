"""What callers send, to the letter of the contract (API.md)."""

from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from service.event import Event, EventType, Watched
from service.item import Item
from service.text import PRINTABLE, Attributes, Body, Id, Name, Tags, Time, Title, Version

UNTOLD = PydanticCustomError("untold", "Give tags, or a title that tags can be found in")
EITHER = PydanticCustomError("either", "Give either item_id or tags (at least one), not both")

K = Annotated[int, Field(ge=1, le=500)]
Excluded = Annotated[list[Id], Field(max_length=10_000)]


class ItemBody(Body):
    """One item of POST /items."""

    item_id: Id
    tags: Tags = Field([])
    title: Title | None = None
    domain: Name | None = Field(None, description="default: the bundle's first target domain")
    author_id: Id | None = None
    published_at: Time | None = None
    expires_at: Time | None = None
    attributes: Attributes = Field({})
    version: Version | None = Field(None, description="default: the server's milliseconds")

    @model_validator(mode="after")
    def _told(self) -> Self:
        _check_told(self.tags, self.title)
        return self

    def item(self, domain: str) -> Item:
        facts = vars(self).copy()
        del facts["version"]
        return Item(**{**facts, "domain": self.domain or domain})


class ItemsBody(Body):
    """POST /items."""

    items: Annotated[list[ItemBody], Field(min_length=1, max_length=1000)]


class EventBody(Body):
    """One event of POST /events."""

    event_id: Id | None = None
    user_id: Id
    item_id: Id
    type: EventType
    domain: Name | None = None
    tags: Tags | None = None
    title: Title | None = None
    author_id: Id | None = Field(None, description="default: what the catalogue knows")
    timestamp: Time | None = Field(None, description="default: now")
    request_id: Id | None = Field(None, description="of the recommendation it answers")

    def event(self, now: float) -> Event:
        facts = self.model_dump(exclude={"timestamp", "tags"})
        time = now if self.timestamp is None else self.timestamp
        return Event(**facts, time=time, tags=self.tags or [])


class EventsBody(Body):
    """POST /events."""

    events: Annotated[list[EventBody], Field(min_length=1, max_length=1000)]


class WatchedBody(Body):
    """One item of a history that comes with the request."""

    item_id: Id | None = None
    tags: Tags = Field([])
    title: Title | None = None
    domain: Name | None = None
    author_id: Id | None = Field(None, description="default: what the catalogue knows")

    def watched(self) -> Watched:
        return Watched(self.item_id, self.tags, self.title, self.domain, author_id=self.author_id)


class RecommendBody(Body):
    """POST /recommend."""

    user_id: Id
    k: K = 100
    exclude_seen: bool = True
    # A default that can change is copied for each request, which takes longer than the rest.
    exclude_item_ids: Excluded = Field(default_factory=list, json_schema_extra={"default": []})
    filters: Attributes = Field(default_factory=dict, json_schema_extra={"default": {}})
    history: Annotated[list[WatchedBody], Field(max_length=1000)] | None = None
    explain: bool = False


class RecommendBatchBody(Body):
    """POST /recommend/batch."""

    requests: Annotated[list[RecommendBody], Field(min_length=1, max_length=64)]


class SimilarBody(Body):
    """POST /similar: an item of the catalogue, or tags."""

    item_id: Id | None = Field(None, description="of any domain; give this or `tags`")
    tags: Tags | None = Field(None, description="of an item that the catalogue need not hold")
    k: K = 100
    exclude_item_ids: Excluded = Field([])
    filters: Attributes = Field({})

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.item_id is None) == (not self.tags):
            raise EITHER
        _check_blank(self.tags or [])
        return self


class ModelBody(Body):
    """POST /models."""

    path: Annotated[str, StringConstraints(min_length=1, max_length=1024, pattern=PRINTABLE)] = (
        Field(description="of the bundle's folder, relative to COUPLE_BUNDLES")
    )


def _check_told(tags: list[str], title: str | None) -> None:
    if not tags and not title:
        raise UNTOLD
    _check_blank(tags)


def _check_blank(tags: list[str]) -> None:
    if not all(map(str.strip, tags)):  # as good as `normalise`, and done in no time
        raise PydanticCustomError("blank", "A tag should have a character that is not a blank")
