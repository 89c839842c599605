"""Made-up items and users that lie as a tower puts them: an item is the mean of its tags' vectors.

Tags are drawn by Zipf's law, from the item's topic for the most part, and the tags of a topic lie
around a centre of its own; so items crowd where the popular topics are, as real ones do. In the
weakly clustered world tags have no topics, which is the worst case that tags still allow. Users lie
in the distribution of the items: the mean of eight items of two or three topics, and noise.

Shapes: n items, Q queries, D dimensions, T tags.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
Numbers = NDArray[np.int64]

DIM = 64
NOW = 1_800_000_000.0  # the clock's reading; every item of a catalogue is live then
DAY = 86_400.0
TAGS, TOPICS, SECTIONS = 100_000, 2_000, 100
TAGS_OF_AN_ITEM = (3, 12)  # at least and at most; fewer make thousands of items exactly equal
WEAKLY = (2, 6)  # the same in the weakly clustered world
OWN = 0.8  # share of an item's tags that come from its topic
SPREAD = 0.7  # length of what sets a tag apart, beside its topic's centre of length 1
ITEMS_OF_A_USER, NOISE = 8, 0.1
CHUNK = 20_000

# Shares of the items with each language, drawn independently of everything else.
SHARES = {"half": 0.5, "tenth": 0.1, "percent": 0.01, "permille": 0.001, "myriad": 0.0001}
LANGUAGES = (*SHARES, "other")


@dataclass(frozen=True)
class Items:
    """n items: what `ItemIndex.upsert` takes, the attributes as numbers."""

    first: int  # number of the first; item n has the id `id_of(n)`
    vectors: Vectors  # [n, D] of length 1
    languages: Numbers  # [n] places in LANGUAGES, independent of the vectors
    sections: Numbers  # [n] groups of topics: they go with the vectors
    expires_at: NDArray[np.float64]  # [n] between one and thirty days after NOW

    def __len__(self) -> int:
        return len(self.vectors)

    @property
    def ids(self) -> list[str]:
        """n ids of twelve characters."""
        return [id_of(self.first + place) for place in range(len(self))]

    @property
    def attributes(self) -> list[Mapping[str, str]]:
        """Two for each of n items."""
        pairs = zip(self.languages.tolist(), self.sections.tolist(), strict=True)
        return [{"language": LANGUAGES[one], "section": f"s{other}"} for one, other in pairs]

    def part(self, places: slice | Numbers, first: int | None = None) -> "Items":
        """Those at some places from 0 to n - 1, numbered from `first`, or on from this one's."""
        return Items(
            self.first if first is None else first,
            self.vectors[places],
            self.languages[places],
            self.sections[places],
            self.expires_at[places],
        )

    def slices(self, size: int) -> Iterator["Items"]:
        """The same items, `size` at a time."""
        for start in range(0, len(self), size):
            yield self.part(slice(start, start + size), self.first + start)


def id_of(number: int) -> str:
    """An item's id, twelve characters."""
    return f"v{number:011d}"


def numbers_of(ids: Sequence[str]) -> Numbers:
    """The items' numbers, [n]; the reverse of `id_of`."""
    return np.array([int(id_[1:]) for id_ in ids], dtype=np.int64)


class World:
    """The tags, and whatever can be drawn from them; the same for the same seed.

    Tag t is the (t // topics)-th most frequent of topic t % topics.
    """

    def __init__(self, *, clustered: bool = True, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self.topics = TOPICS if clustered else 1
        self.least, self.most = TAGS_OF_AN_ITEM if clustered else WEAKLY
        centres = units(rng.standard_normal((self.topics, DIM), dtype=np.float32))
        apart = SPREAD * units(rng.standard_normal((TAGS, DIM), dtype=np.float32))
        self.tags = apart + centres[np.arange(TAGS) % self.topics] if clustered else apart

    def items(self, rng: np.random.Generator, first: int, count: int) -> Items:
        """`count` items of topics drawn by Zipf's law, numbered from `first`."""
        drawn = zipf(rng, self.topics, (count,))
        spans = (drawn[start : start + CHUNK] for start in range(0, count, CHUNK))
        vectors = [self.vectors(rng, span) for span in spans]
        shares = [*SHARES.values(), 1 - sum(SHARES.values())]
        return Items(
            first,
            np.concatenate(vectors),
            rng.choice(len(LANGUAGES), count, p=shares),
            drawn % SECTIONS,
            NOW + DAY * rng.uniform(1, 30, count),
        )

    def vectors(self, rng: np.random.Generator, topics: Numbers) -> Vectors:
        """[n, D] of length 1: vectors of new items of those topics [n]."""
        shape = (len(topics), self.most)
        topic_nT = np.where(rng.random(shape) < OWN, topics[:, None], zipf(rng, self.topics, shape))
        tags_nT = zipf(rng, TAGS // self.topics, shape) * self.topics + topic_nT
        held_nT = np.arange(self.most) < rng.integers(self.least, self.most + 1, (shape[0], 1))
        sums = np.einsum("nt,ntd->nd", held_nT.astype(np.float32), self.tags[tags_nT])
        return units(sums)

    def users(self, rng: np.random.Generator, count: int) -> Vectors:
        """[Q, D] of length 1: the mean of eight items of two or three topics, and noise."""
        liked_Q3 = zipf(rng, self.topics, (count, 3))
        which = rng.integers(0, rng.integers(2, 4, (count, 1)), (count, ITEMS_OF_A_USER))
        topics = np.take_along_axis(liked_Q3, which, axis=1)
        items = self.vectors(rng, topics.ravel()).reshape(count, ITEMS_OF_A_USER, DIM)
        noise = NOISE * units(rng.standard_normal((count, DIM), dtype=np.float32))
        return units(items.mean(axis=1) + noise)


def units(vectors: Vectors) -> Vectors:
    """The same directions, of length 1."""
    scaled: Vectors = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    return scaled


def rounded(vectors: Vectors) -> Vectors:
    """As they are after a place in fp16 codes: what every contender here scores."""
    return vectors.astype(np.float16).astype(np.float32)


def zipf(rng: np.random.Generator, size: int, shape: tuple[int, ...]) -> Numbers:
    """Ranks from 0, the n-th (from 1) as often as 1 / n."""
    share = np.cumsum(1 / np.arange(1, size + 1))
    return np.minimum(np.searchsorted(share / share[-1], rng.random(shape)), size - 1)
