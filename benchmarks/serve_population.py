"""The items and users that `benchmarks/serve.py` fills a store with, in a bundle's own tags.

Topics are the bundle's: some of its tags, each with the tags that its item tower puts nearest. An
item has a topic, and most of its tags are of that; topics and the tags of one are drawn by Zipf's
law, the vocabulary's frequent tags first. So items crowd as real ones do, whatever the bundle has
learned. A user likes two or three topics, and watched items of those elsewhere. A bundle that
remembers items by their ids knows half of them, and they are of the same topics: each topic has
those whose users the bundle points nearest to it.

Shapes: n items, U users, T tags of the vocabulary, P topics, W remembered items, D dimensions.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import faiss
import numpy as np

from benchmarks.catalogue import Numbers, Vectors, id_of, rounded
from benchmarks.serve_bare import session
from benchmarks.yardsticks import Truth
from bundle import Bundle, pad_histories, pad_item_ids, pad_items
from loadtest.zipf import ranks
from service.event import Event
from service.item import Item

TAGS_OF_A_TOPIC = 50  # on average
TAGS_OF_AN_ITEM = (3, 12)  # of the catalogue, at least and at most
TAGS_OF_A_WATCHED = (5, 15)  # item of a history
OWN = 0.8  # share of an item's tags that come from its topic
WATCHED = (8, 15)  # items of a history
REMEMBERED = 0.5  # share of them that the bundle knows by id, if it knows any
LIKED = 3  # topics of a user, at most
IMPRESSIONS, AMONG = 100, 300  # of a user, drawn from that many best items
SOURCE = "product"  # the domain of histories
AUTHORS = 50_000
PUBLISHED = 1_760_000_000.0  # epoch seconds: the first item; the others follow by the second
CHUNK = 8_192

Tags = list[list[int]]  # ids of each of some items


@dataclass(frozen=True)
class User:
    """Who asks: what they watched, oldest first, as ids."""

    user_id: str
    watched: Tags
    item_ids: list[str]


class Population:
    """Everything drawn, the same for the same bundle and numbers."""

    def __init__(self, bundle: Bundle, items: int, users: int) -> None:
        self._bundle = bundle
        self._limits = bundle.manifest
        self._tower = session(bundle.item_tower)
        self._draw = Draw(self._embedded([[n + 1] for n in range(len(bundle.vocabulary))]))
        self.tags = self.fresh(items)
        self.matrix = rounded(self._embedded(self.tags))  # [n, D], as fp16 codes give them back
        self.users = [self._user(n) for n in range(users)]

    @property
    def ids(self) -> list[str]:
        """n ids."""
        return list(map(id_of, range(len(self.tags))))

    def fresh(self, count: int, seed: int = 1) -> Tags:
        """Tags of so many items of the catalogue, or of more to come."""
        rng = np.random.default_rng(seed)
        topics = self._draw.topics(rng, count)
        return self._draw.tags(rng, topics, TAGS_OF_AN_ITEM)

    def items(self, tags: Tags, first: int = 0) -> Iterator[Item]:
        """What the catalogue holds of items numbered from `first`."""
        names = self._bundle.vocabulary.tags
        for number, ids in enumerate(tags, start=first):
            yield Item(
                id_of(number),
                [names[id_ - 1] for id_ in ids],
                self._limits.target_domains[0],
                author_id=f"a{number % AUTHORS}",
                published_at=PUBLISHED + number,
                attributes={"language": "en" if number % 2 else "zh"},
            )

    def clicks(self, user: User) -> Iterator[Event]:
        """A history as events, oldest first."""
        names = self._bundle.vocabulary.tags
        for place, (ids, item_id) in enumerate(zip(user.watched, user.item_ids, strict=True)):
            tags, time = [names[id_ - 1] for id_ in ids], PUBLISHED + place
            yield Event(user.user_id, item_id, "click", time, tags, domain=SOURCE)

    @cached_property
    def vectors(self) -> Vectors:
        """User vectors [U, D] by the bundle's own tower."""
        limits = self._limits
        histories = [user.watched for user in self.users]
        given = {"tags": pad_histories(histories, limits.max_items, limits.max_tags)}
        if limits.max_history:
            numbers = [self._bundle.item_ids.ids(user.item_ids) for user in self.users]
            given["items"] = pad_item_ids(numbers, limits.max_history)
        return self._pointed(given)

    @cached_property
    def truth(self) -> Truth:
        """What the users ought to get."""
        return Truth(self.matrix, self.vectors)

    def seen(self) -> list[list[str]]:
        """Of each user, items that they were shown: some of their best."""
        rng, among = np.random.default_rng(3), min(AMONG, len(self.matrix))
        _, best = faiss.knn(self.vectors, self.matrix, among, faiss.METRIC_INNER_PRODUCT)
        shown = rng.permuted(best, axis=1)[:, : min(IMPRESSIONS, among // 3)]
        return [list(map(id_of, row)) for row in shown.tolist()]

    def _user(self, number: int) -> User:
        rng = np.random.default_rng([2, number])
        liked = self._draw.topics(rng, LIKED)[: rng.integers(2, LIKED + 1)]
        count = int(rng.integers(WATCHED[0], WATCHED[1] + 1))
        topics = rng.choice(liked, count)
        watched = self._draw.tags(rng, topics, TAGS_OF_A_WATCHED)
        return User(f"u{number}", watched, self._watched_ids(rng, topics))

    def _watched_ids(self, rng: np.random.Generator, topics: Numbers) -> list[str]:
        """Of items of these topics, those that the bundle remembers and those that nobody knows."""
        others = [f"p{n}" for n in rng.integers(1_000_000, size=len(topics))]
        if not self._limits.max_history:
            return others
        drawn = [str(rng.choice(self._remembered[topic])) for topic in topics]
        pairs = zip(drawn, others, strict=True)
        return [mine if rng.random() < REMEMBERED else other for mine, other in pairs]

    @cached_property
    def _remembered(self) -> list[list[str]]:
        """Of each topic [P], ids of the W / P items whose users are nearest to it."""
        ids = self._bundle.item_ids.encode().decode().split("\n")[:-1]
        numbers = np.array([self._bundle.item_ids.ids(ids)]).T
        users = self._pointed({"tags": np.zeros((len(ids), 1, 1), np.int64), "items": numbers})
        directions = self._draw.directions
        share = max(1, len(ids) // len(directions))
        _, nearest = faiss.knn(directions, users, share, faiss.METRIC_INNER_PRODUCT)
        return [[ids[place] for place in row] for row in nearest.tolist()]

    def _pointed(self, given: dict[str, Numbers]) -> Vectors:
        """Vectors [U, D] of users."""
        vectors: Vectors = session(self._bundle.user_tower).run(None, given)[0][:, 0]
        return vectors

    def _embedded(self, tags: Sequence[Sequence[int]]) -> Vectors:
        """Vectors [n, D] of items."""
        spans = (tags[start : start + CHUNK] for start in range(0, len(tags), CHUNK))
        padded = (pad_items(span, self._limits.max_tags) for span in spans)
        return np.concatenate([self._tower.run(None, {"tags": ids})[0] for ids in padded])


class Draw:
    """Topics of a vocabulary, and what is drawn from them."""

    def __init__(self, vectors: Vectors) -> None:
        """Of all tags' vectors [T, D]."""
        count = max(1, len(vectors) // TAGS_OF_A_TOPIC)
        centres = np.random.default_rng(0).choice(len(vectors), count, replace=False)
        _, nearest = faiss.knn(vectors, vectors[centres], 1, faiss.METRIC_INNER_PRODUCT)
        self._sizes = np.bincount(nearest[:, 0], minlength=count)
        self._starts = np.cumsum(self._sizes) - self._sizes
        self._tags = np.argsort(nearest[:, 0], kind="stable") + 1  # by topic, frequent ones first
        self._filled = np.flatnonzero(self._sizes)  # twin tags can leave a topic without any
        means = np.add.reduceat(vectors[self._tags - 1], self._starts[self._filled])
        means /= self._sizes[self._filled, None]
        # [P, D]: where a topic lies from the midst of all, for what they share tells none apart.
        self.directions = np.zeros((count, vectors.shape[1]), np.float32)
        self.directions[self._filled] = means - means.mean(axis=0)

    def topics(self, rng: np.random.Generator, count: int) -> Numbers:
        """So many topics, by Zipf's law."""
        drawn: Numbers = self._filled[ranks(rng, np.full(count, len(self._filled)))]
        return drawn

    def tags(self, rng: np.random.Generator, topics: Numbers, few_many: tuple[int, int]) -> Tags:
        """Distinct tags of items of those topics [n], between few and many of each."""
        shape = (len(topics), few_many[1])
        mine = np.broadcast_to(topics[:, None], shape)
        other = self.topics(rng, mine.size).reshape(shape)
        topic = np.where(rng.random(shape) < OWN, mine, other)
        tags = self._tags[self._starts[topic] + ranks(rng, self._sizes[topic])]
        lengths = rng.integers(few_many[0], few_many[1] + 1, len(topics)).tolist()
        rows = zip(tags.tolist(), lengths, strict=True)
        return [list(dict.fromkeys(row[:length])) for row, length in rows]
