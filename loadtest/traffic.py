"""Who asks for what: made-up users, items and events in the model's own tags, drawn by Zipf's law.

Few users ask for most, few tags are on most items. A user likes two or three topics, which are
stretches of the vocabulary, so that histories and items meet as real ones do. Every id starts with
`loadtest-`, and every item expires, so what is left behind is known and goes by itself.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import orjson

from loadtest.errors import ScenarioRefused
from loadtest.zipf import ranks

RECOMMEND, ITEMS, EVENTS = "recommend", "items", "events"
BLOCK = 1024  # drawn at once
TOPIC = 12  # tags
LIKED = 3  # topics of a user
TAGS = 6  # of an item
WATCHED = 12  # items of a history
ITEMS_A_CALL, EVENTS_A_CALL = 20, 10
LIFE = timedelta(hours=1)  # of an item beyond the run
LONGEST_TAG = 64  # characters that the service takes


class Call(NamedTuple):
    """One request."""

    kind: str
    path: str
    body: bytes


@dataclass(frozen=True)
class Size:
    """How many there are, and how much is asked for."""

    items: int = 2000
    users: int = 500
    k: int = 100

    @classmethod
    def of(cls, requests: float) -> "Size":
        """For a run of so many: users who ask ten times on average, up to 500; items for each."""
        users = int(min(cls.users, max(20, requests / 10)))
        return cls(items=max(200, 4 * users), users=users)


class Traffic:
    """The same for the same tags, size and seed."""

    def __init__(
        self, tags: Sequence[str], size: Size, seconds: float, *, stored: bool, seed: int = 1
    ) -> None:
        """`seconds` is how long all runs take; with `stored` the service knows the users.

        Raises:
            ScenarioRefused: there are no tags to speak in.
        """
        self.size = size
        self.tags = [tag for tag in tags if tag.strip() and len(tag) <= LONGEST_TAG]
        if not self.tags:
            raise ScenarioRefused("there are no tags to ask in: name a --bundle whose tags.txt has")
        self.stored = stored
        self._seed = seed
        self._expires = (datetime.now(UTC) + timedelta(seconds=seconds) + LIFE).isoformat()
        self._requests: dict[int, bytes] = {}

    @property
    def users(self) -> str:
        """For people."""
        return f"{self.size.users:,} users with {WATCHED} items each"

    @cached_property
    def histories(self) -> list[list[list[str]]]:
        """Of each user the tags of what they watched, oldest first."""
        rng = np.random.default_rng([self._seed, 1])
        liked = self._topics(rng, (self.size.users, LIKED))
        chosen = np.take_along_axis(
            liked, rng.integers(LIKED, size=(self.size.users, WATCHED)), axis=1
        )
        return [self._tagged(rng, topics) for topics in chosen]

    def fill(self) -> Iterator[dict[str, Any]]:
        """The items that are there before anybody asks."""
        yield from self._items(np.random.default_rng([self._seed, 2]), self.size.items, "")

    def clicks(self) -> Iterator[dict[str, Any]]:
        """The histories as events."""
        for user, history in enumerate(self.histories):
            for place, tags in enumerate(history):
                yield {
                    "event_id": f"loadtest-{self._seed}-{place}",
                    "user_id": user_id(user),
                    "item_id": f"loadtest-watched-{user}-{place}",
                    "type": "click",
                    "tags": tags,
                }

    def calls(self, mix: dict[str, float], seed: int) -> Iterator[Call]:
        """Without end, each kind as often as the mix says."""
        rng = np.random.default_rng([self._seed, 3, seed])
        kinds, shares = list(mix), np.array(list(mix.values()))
        while True:
            users = ranks(rng, np.full(BLOCK, self.size.users)).tolist()
            drawn = rng.choice(len(kinds), BLOCK, p=shares / shares.sum()).tolist()
            for user, kind in zip(users, drawn, strict=True):
                yield self._call(rng, kinds[kind], user)

    def _call(self, rng: np.random.Generator, kind: str, user: int) -> Call:
        if kind == RECOMMEND:
            return Call(kind, "/recommend", self._recommend(user))
        if kind == ITEMS:
            items = list(self._items(rng, ITEMS_A_CALL, f"{rng.integers(2**62):x}-"))
            return Call(kind, "/items", orjson.dumps({"items": items}))
        events = [self._event(rng, user) for _ in range(EVENTS_A_CALL)]
        return Call(kind, "/events", orjson.dumps({"events": events}))

    def _recommend(self, user: int) -> bytes:
        """Made once a user; one whom the service does not know brings the history along."""
        if user not in self._requests:
            asked: dict[str, Any] = {"user_id": user_id(user), "k": self.size.k}
            if not self.stored:
                asked["history"] = [{"tags": tags} for tags in self.histories[user]]
            self._requests[user] = orjson.dumps(asked)
        return self._requests[user]

    def _event(self, rng: np.random.Generator, user: int) -> dict[str, Any]:
        watched = self.histories[user][int(rng.integers(WATCHED))]
        type_ = "click" if rng.random() < 0.1 else "impression"  # of ten that are seen
        item_id = f"loadtest-{rng.integers(self.size.items)}"
        return {"user_id": user_id(user), "item_id": item_id, "type": type_, "tags": watched}

    def _items(self, rng: np.random.Generator, count: int, prefix: str) -> Iterator[dict[str, Any]]:
        topics = self._topics(rng, (count,))
        for number, tags in enumerate(self._tagged(rng, topics)):
            yield {
                "item_id": f"loadtest-{prefix}{number}",
                "tags": tags,
                "author_id": f"loadtest-a{number % 100}",
                "expires_at": self._expires,
            }

    def _topics(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
        """Topics of this shape."""
        return ranks(rng, np.full(shape, max(1, len(self.tags) // TOPIC)))

    def _tagged(self, rng: np.random.Generator, topics: Any) -> list[list[str]]:
        """Tags of items of those topics, each tag once."""
        places = ranks(rng, np.full((len(topics), TAGS), TOPIC))
        rows = (topics[:, None] * TOPIC + places) % len(self.tags)
        return [[self.tags[place] for place in dict.fromkeys(row)] for row in rows.tolist()]


def user_id(number: int) -> str:
    """Of a made-up user."""
    return f"loadtest-u{number}"
