"""Which titles are about a screen's heroes, and which about a game's."""

import pytest

from trainer.sources.topics import domains


@pytest.mark.parametrize(
    ("title", "domain"),
    [
        ("An Animation to remember", "screen"),
        ("the movies of Jackie Chan", "screen"),
        ("# sandsculpture of a frog", "screen"),
        ("gameplay of an anime", "other"),  # a tie goes to the game
        ("gameplay of an anime: the cartoon", "screen"),
        ("soup for two", "other"),
        ("an animated debate", "screen"),
        ("a pilot's skin", "other"),
        ("", "other"),
    ],
)
def test_the_most_words_decide(title: str, domain: str) -> None:
    """And where there is none, or as many of a game, it is no screen."""
    assert domains([title]) == [domain]


def test_a_hashtag_that_stands_beside_films_speaks_for_them() -> None:
    """Five items suffice if six in ten are films; four do not."""
    films = ["a movie # Old Town"] * 3 + ["a duel # oldtown"] * 2
    assert domains(films) == ["screen"] * 5
    assert domains(films[:4])[-1] == "other"
    assert domains([*films, "soup # old town"])[-1] == "other"
