"""A made-up world in a bundle's own tags: some topics, and users who like up to three of them.

Topics are stretches of the vocabulary, each with authors of its own. Two thirds of the items are
old. Most of the new ones are by authors whom nobody knows yet: what the followers of an author
never find, and a model of tags can.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from couple.simulation.world import Numbers, World

TOPIC, MOST_TOPICS = 12, 40  # tags of each, and how many
LIKED = 3  # topics of a user, the same perhaps
TAGS = 4  # of an item
WATCHED = 12  # items of a past
AUTHORS = 5  # of a topic
NEW, UNKNOWN = 1 / 3, 0.8  # share of the items; of these, by authors whom nobody knows
OLD_DAYS, NEW_DAYS = (10.0, 90.0), (0.0, 3.0)  # since publication
LIFE = timedelta(days=1)  # then what is left in a service goes by itself
LONGEST_TAG = 64  # characters that the service takes


@dataclass(frozen=True)
class Size:
    """How many there are."""

    users: int = 1000
    items: int = 1500


class MadeUp:
    """Draws a world; the same for the same arguments, but for its times, which count from now."""

    def __init__(self, tags: Sequence[str], domain: str, seed: int) -> None:
        """`domain` is one that the bundle recommends from."""
        self._tags = [tag for tag in tags if tag.strip() and len(tag) <= LONGEST_TAG]
        self._domain = domain
        self._topics = min(MOST_TOPICS, max(1, len(self._tags) // TOPIC))
        self._rng = np.random.default_rng([seed, 1])
        self._now = datetime.now(UTC)

    def world(self, size: Size) -> World:
        """Of this size."""
        topics = self._rng.integers(self._topics, size=size.items)
        liked = self._rng.integers(self._topics, size=(size.users, LIKED))
        quality = self._rng.uniform(0.5, 1, size.items)
        likes = (liked[:, :, None] == topics).any(axis=1)
        return World(
            items=[self._item(number, topic) for number, topic in enumerate(topics.tolist())],
            users=[f"simulate-u{user}" for user in range(size.users)],
            pasts=[list(self._past(user, some)) for user, some in enumerate(liked)],
            affinities=(likes * quality).astype(np.float32),
        )

    def _item(self, number: int, topic: int) -> dict[str, Any]:
        new = self._rng.random() < NEW
        age = timedelta(days=self._rng.uniform(*(NEW_DAYS if new else OLD_DAYS)))
        unknown = new and self._rng.random() < UNKNOWN
        return {
            "item_id": f"simulate-{number}",
            "tags": self._drawn(topic),
            "domain": self._domain,
            "author_id": f"simulate-new-{number}" if unknown else self._author(topic),
            "published_at": (self._now - age).isoformat(),
            "expires_at": (self._now + LIFE).isoformat(),
        }

    def _past(self, user: int, liked: Numbers) -> Iterator[dict[str, Any]]:
        for place, topic in enumerate(self._rng.choice(liked, WATCHED).tolist()):
            yield {
                "event_id": f"simulate-{place}",
                "user_id": f"simulate-u{user}",
                "item_id": f"simulate-watched-{user}-{place}",
                "type": "click",
                "tags": self._drawn(topic),
                "domain": self._domain,
                "author_id": self._author(topic),
            }

    def _author(self, topic: int) -> str:
        return f"simulate-a{topic}-{self._rng.integers(AUTHORS)}"

    def _drawn(self, topic: int) -> list[str]:
        """Tags of a topic."""
        own = self._tags[topic * TOPIC : (topic + 1) * TOPIC]
        places = self._rng.permutation(len(own))[:TAGS].tolist()
        return [own[place] for place in places]
