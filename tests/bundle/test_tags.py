import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundle import Vocabulary, normalise
from bundle.tags import READ


@pytest.mark.parametrize(
    ("raw", "normal"),
    [
        ("  Night\t MARKET \n", "night market"),
        ("Straße", "strasse"),
        ("\uff37\uff4f\uff4b", "wok"),  # full-width letters
        ("夜市", "夜市"),
        ("caf\u0065\u0301", "caf\u00e9"),  # e + combining accent
        ("\u2028 ", ""),
    ],
)
def test_one_spelling_for_every_way_to_write_a_tag(raw: str, normal: str) -> None:
    assert normalise(raw) == normal


@given(st.text())
def test_normalising_twice_changes_nothing_more(tag: str) -> None:
    assert normalise(normalise(tag)) == normalise(tag)


@given(st.lists(st.text().map(normalise).filter(bool), unique=True, max_size=20))
def test_any_vocabulary_survives_its_file(tags: list[str]) -> None:
    vocabulary = Vocabulary(tags)
    assert Vocabulary.decode(vocabulary.encode()).tags == vocabulary.tags
    assert vocabulary.ids(tags) == list(range(1, len(tags) + 1))


def test_ids_keep_the_order_given_and_leave_out_the_unknown_and_the_repeated() -> None:
    vocabulary = Vocabulary(["noodles", "wok"])
    assert vocabulary.ids(["WOK", "never seen", "noodles", "wok "]) == [2, 1]
    assert "Noodles" in vocabulary
    assert "never seen" not in vocabulary


@pytest.mark.parametrize(
    ("tags", "complaint"),
    [
        (["wok", "Wok"], "line 2 is not a normalised tag"),
        (["wok", ""], "line 2 is not a normalised tag"),
        (["wok", "noodles", "wok"], "line 3 repeats the tag of line 1"),
    ],
)
def test_a_bad_line_is_named(tags: list[str], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Vocabulary(tags)


@pytest.mark.parametrize("data", [b"wok", b"\xff\n", b"wok\r\n"])
def test_a_damaged_file_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"no end|invalid start byte|not a normalised tag"):
        Vocabulary.decode(data)


def test_a_title_gives_every_known_tag_in_it_the_most_telling_first() -> None:
    """More words first, then later lines of the file, which are the rarer tags."""
    vocabulary = Vocabulary(["food", "night", "night market", "street food", "k-pop", "夜市"])
    assert vocabulary.find("K-Pop at the Night Market: street FOOD, food!") == [
        "k-pop",
        "street food",
        "night market",
        "night",
        "food",
    ]
    assert vocabulary.find("夜市 2026") == ["夜市"]
    assert vocabulary.find("nothing known") == vocabulary.find("") == []
    assert Vocabulary([]).find("night market") == []


@pytest.mark.parametrize("title", ["#NightMarket", "night-market", "Night  MARKET", "nightmarket!"])
def test_a_tag_is_found_however_its_words_are_joined(title: str) -> None:
    assert Vocabulary(["night market"]).find(title) == ["night market"]
    assert Vocabulary(["night", "night-market"]).find(title) == ["night-market", "night"]


def test_words_are_only_taken_apart_where_that_is_safe() -> None:
    """A word that is a tag itself stays whole, and so does a short one: "apart" is no "a part"."""
    vocabulary = Vocabulary(["a part", "night market", "nightmarket"])
    assert vocabulary.find("apart at the nightmarket") == ["nightmarket"]
    assert vocabulary.find("a part of the night market") == ["night market", "a part"]


def test_a_sign_is_part_of_a_one_word_tag() -> None:
    """And nothing in a tag of several words: "rock & roll" is found without it too."""
    vocabulary = Vocabulary(["c++", "!?", "rock & roll"])
    assert vocabulary.find("C major, !? and rock roll") == ["rock & roll"]


WORDS = st.sampled_from(["night", "market", "street", "food", "a"])
PHRASES = st.lists(WORDS, min_size=1, max_size=4).map(" ".join)


@given(st.lists(PHRASES, unique=True, max_size=12), st.lists(WORDS, max_size=12).map(" ".join))
def test_find_gives_exactly_the_tags_whose_words_stand_side_by_side(
    tags: list[str], title: str
) -> None:
    expected = {tag for tag in tags if f" {tag} " in f" {title} "}
    assert set(Vocabulary(tags).find(title)) == expected


@given(st.lists(PHRASES, unique=True, max_size=12), st.lists(WORDS, max_size=12).map(" ".join))
def test_fewer_tags_find_the_same_less_those_left_out(tags: list[str], title: str) -> None:
    """So what a bundle knows is found in serving as it was in training, whatever it lacks."""
    fewer = tags[::2]
    assert Vocabulary(fewer).find(title) == [t for t in Vocabulary(tags).find(title) if t in fewer]


def test_a_title_in_which_each_word_could_begin_a_long_tag_is_read_to_its_end() -> None:
    vocabulary = Vocabulary(["a " * 31 + "b"])
    assert vocabulary.find("a " * 5_000) == []
    assert vocabulary.find("a " * 5_000 + "b") == ["a " * 31 + "b"]


KNOWN = ("food", "foodie", "night", "night market", "street food", "夜市")


@pytest.mark.parametrize(
    ("tag", "found"),
    [
        ("Late Night Market", ["night market", "night"]),
        ("#NightMarket", ["night market", "night"]),
        ("台北 夜市", ["夜市"]),
        ("foodies", []),
        ("zither", []),
        ("fod", []),
        ("!?", []),
    ],
)
def test_known_tags_in_a_new_one_stand_in_for_it(tag: str, found: list[str]) -> None:
    """Its words, and its words run together; never a tag that is only spelled alike."""
    assert Vocabulary(KNOWN).stand_ins([tag]) == found


def test_several_new_tags_are_read_one_after_the_other() -> None:
    """Each known tag once; what says nothing is left out."""
    tags = ["zither", "food blog", "foodie-food", "street  food truck"]
    assert Vocabulary(KNOWN).stand_ins(tags) == ["food", "foodie", "street food"]
    assert Vocabulary(KNOWN).stand_ins([]) == Vocabulary([]).stand_ins(tags) == []


def test_nothing_stands_in_where_one_tag_is_known() -> None:
    """However it is written."""
    assert Vocabulary(KNOWN).stand_ins(["food blog", "zither", " FOOD "]) == []


def test_stand_ins_are_looked_for_in_the_first_tags() -> None:
    """As many as a tower reads, so that a list of nonsense costs little."""
    nonsense = [f"zither {number}" for number in range(READ)]
    assert Vocabulary(KNOWN).stand_ins([*nonsense[1:], "my foodie"]) == ["foodie"]
    assert Vocabulary(KNOWN).stand_ins([*nonsense, "my foodie"]) == []


@given(st.lists(PHRASES, unique=True, max_size=12), st.lists(PHRASES, max_size=8))
def test_stand_ins_are_known_and_the_same_for_every_holder(
    known: list[str], tags: list[str]
) -> None:
    """A bundle's vocabulary is read from its file by each replica."""
    vocabulary = Vocabulary(known)
    found = vocabulary.stand_ins(tags)
    assert len(vocabulary.ids(found)) == len(found)
    assert Vocabulary.decode(vocabulary.encode()).stand_ins(tags) == found
