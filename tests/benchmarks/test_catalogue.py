"""What the index is measured on: made-up items that lie as promised, the same every time."""

import numpy as np

from benchmarks.catalogue import DAY, NOW, SHARES, World, id_of, numbers_of, rounded

WORLD = World()
ITEMS = WORLD.items(np.random.default_rng(1), 0, 20_000)


def test_a_seed_gives_the_same_items_and_users() -> None:
    """Two worlds of one seed differ in nothing."""
    other = World()
    again = other.items(np.random.default_rng(1), 0, 20_000)
    assert np.array_equal(again.vectors, ITEMS.vectors)
    assert again.attributes == ITEMS.attributes
    users = WORLD.users(np.random.default_rng(2), 5)
    assert np.array_equal(other.users(np.random.default_rng(2), 5), users)


def test_vectors_have_length_one() -> None:
    """Items and users of both worlds, to float32's precision; fp16 moves them by a thousandth."""
    for world in (WORLD, World(clustered=False)):
        vectors = world.items(np.random.default_rng(3), 0, 100).vectors
        for found in (vectors, world.users(np.random.default_rng(3), 100)):
            np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)
        np.testing.assert_allclose(rounded(vectors), vectors, atol=1e-3)


def test_few_items_are_exactly_equal() -> None:
    """At least 99 % of the vectors stand alone: what is found cannot hinge on twins."""
    assert len(np.unique(rounded(ITEMS.vectors), axis=0)) > 0.99 * len(ITEMS)


def test_items_of_a_topic_lie_together_and_users_lie_among_items() -> None:
    """Cosines: above 0.6 within a topic, near 0 across; a user's best items beat any chance."""
    rng = np.random.default_rng(4)
    one, other = (WORLD.vectors(rng, np.full(200, topic)) for topic in (3, 4))
    assert (one @ one.T).mean() > 0.6
    assert abs((one @ other.T).mean()) < 0.3
    scores = WORLD.users(rng, 20) @ ITEMS.vectors.T
    assert np.partition(scores, -10)[:, -10].mean() > 0.6
    assert scores.mean() < 0.3


def test_each_language_has_its_share_whatever_the_topic() -> None:
    """Within four standard deviations, over all and in the largest section."""
    largest = ITEMS.languages[ITEMS.sections == np.bincount(ITEMS.sections).argmax()]
    for column in (ITEMS.languages, largest):
        for number, share in enumerate(SHARES.values()):
            deviation = (share * (1 - share) / len(column)) ** 0.5
            assert abs((column == number).mean() - share) < 4 * deviation


def test_everything_is_live_for_a_day() -> None:
    """So that a benchmark on the clock's NOW loses nothing."""
    assert ITEMS.expires_at.min() > NOW + DAY


def test_ids_have_twelve_characters_and_lead_back() -> None:
    """`numbers_of` is the reverse of `id_of`; a part goes on counting."""
    assert len(id_of(999_999)) == 12
    assert numbers_of([id_of(7), id_of(123_456)]).tolist() == [7, 123_456]
    parts = list(ITEMS.slices(7_000))
    assert [len(part) for part in parts] == [7_000, 7_000, 6_000]
    assert [id_ for part in parts for id_ in part.ids] == ITEMS.ids
    assert np.array_equal(np.concatenate([part.vectors for part in parts]), ITEMS.vectors)
    assert parts[1].attributes[0] == ITEMS.attributes[7_000]
