"""What becomes a tag, and that an item's tags are what serving finds in its title."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundle import Vocabulary
from trainer.extraction import MOST_TAGS, Rules, extract, hashtags, learn

FILLER = [f"filler{n} unlike{n}" for n in range(200)]  # so that nothing is common


def texts(titles: list[str], phrases: list[list[str]] | None = None) -> pl.DataFrame:
    """A table of items."""
    given = phrases or [[] for _ in titles]
    schema = {"title": pl.String(), "phrases": pl.List(pl.String())}
    return pl.DataFrame({"title": titles, "phrases": given}, schema=schema)


@pytest.mark.parametrize(
    ("title", "found"),
    [
        ("so good # Street Food #wok", ["street food", "wok"]),
        ("#wok of the day! more", ["wok of the day", "wok"]),
        ("# one # two, three", ["one", "two"]),
        ("＃夜市 🐷 ## # -- #", ["夜市"]),  # noqa: RUF001
        ("# far too many words for a hashtag", []),
        ("no mark, 3 # ", []),
    ],
)
def test_hashtags_end_at_a_mark_or_the_next_one(title: str, found: list[str]) -> None:
    """Whether their platform lets blanks into them or not."""
    assert hashtags(title) == found


def test_whole_hashtags_are_not_cut_at_their_first_blank() -> None:
    """For platforms whose hashtags are known to hold blanks."""
    assert hashtags("#wok of the day", whole=True) == ["wok of the day"]


def test_a_phrase_of_three_items_is_a_tag_in_its_commonest_spelling() -> None:
    """However it was run together; one of two items is none, nor is a number."""
    titles = ["# King Glory", "so it is #kingglory", "# king glory", "# rare one", "# rare one"]
    vocabulary = learn(texts([*titles, *["# 2022"] * 3, *FILLER]))
    assert vocabulary.tags == ("king glory",)
    assert extract(texts(["#KINGGLORY again"]), vocabulary) == [["king glory"]]


def test_a_word_is_a_tag_unless_it_is_rare_common_or_says_nothing() -> None:
    """Three items are too few, more than six in a hundred too many, "through" is no subject."""
    titles = ["wok through"] * 4 + ["rare"] * 3 + ["common"] * 21 + ["wok's 12 ab"] * 4
    assert learn(texts([*titles, *FILLER])).tags == ("wok",)


def test_neighbours_that_attract_each_other_are_a_tag() -> None:
    """Those that only meet by chance are not; nor do words attract across the end of a phrase."""
    together = ["night market"] * 6
    apart = [f"street {word}" for word in ("one1", "two2", "three3", "four4", "five5")] * 2
    assert "night market" in learn(texts([*together, *apart, *FILLER])).tags
    chance = ["red wok"] * 6 + ["red"] * 20 + ["wok"] * 20
    assert "red wok" not in learn(texts([*chance, *FILLER]), Rules(word_share=1)).tags
    phrases = [["night", "market"]] * 6
    assert "night market" not in learn(texts(["x"] * 6, phrases)).tags


def test_given_phrases_keep_their_spelling_and_come_first() -> None:
    """A category is a tag as it is written, and its words are too; then comes the title."""
    items = texts(["dune"] * 4, [["Sci-Fi", "Rock & Roll", "C++"]] * 4)
    vocabulary = learn(items)
    tags = ["sci-fi", "sci", "rock & roll", "roll", "rock", "c++", "dune"]
    assert extract(items, vocabulary)[0] == tags
    assert vocabulary.find("Rock'n'roll? A sci fi film!") == ["sci-fi", "sci"]


def test_the_catalogue_s_own_name_is_no_tag() -> None:
    """A category that more than half of the items have says nothing of any."""
    items = texts(FILLER[:50], [["Books", "Poetry" if n % 2 else "Drama"] for n in range(50)])
    assert set(learn(items).tags) == {"poetry", "drama"}


def test_no_title_gives_more_tags_than_the_service_takes() -> None:
    """And no tag is longer."""
    words = [f"{a}{b}{c}" for a in "pqrst" for b in "aeiou" for c in "xyz"]
    items = texts([" ".join(words)] * 4, [["y" * 65]] * 4)
    found = extract(items, learn(items))
    assert len(found[0]) == MOST_TAGS
    assert max(map(len, found[0])) <= 64


def test_no_items_and_empty_titles_teach_nothing() -> None:
    """Nor do they fail."""
    assert learn(texts([])).tags == learn(texts([""] * 9)).tags == ()
    assert extract(texts([""]), Vocabulary([])) == [[]]


WORDS = st.sampled_from(["night", "market", "#", "street", "food", "wok", "the"])
TITLES = st.lists(st.lists(WORDS, max_size=8).map(" ".join), min_size=1, max_size=30)


@given(TITLES)
def test_an_item_s_tags_are_what_serving_finds_in_its_title(titles: list[str]) -> None:
    """With the whole vocabulary; with a part of it, nothing but what was left out is missing."""
    items = texts(titles)
    vocabulary = learn(items)
    tags = extract(items, vocabulary)
    assert tags == [vocabulary.find(title) for title in titles]
    part = Vocabulary([tag for tag in vocabulary.tags if " " in tag])
    for title, found in zip(titles, tags, strict=True):
        assert part.find(title) == [tag for tag in found if tag in part]


@given(TITLES)
def test_the_order_of_the_items_changes_nothing(titles: list[str]) -> None:
    """The same tags in the same order, whoever comes first."""
    assert learn(texts(titles)).tags == learn(texts(titles[::-1])).tags
