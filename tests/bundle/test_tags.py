import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundle import Vocabulary, normalise


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


def test_a_title_gives_its_longest_known_tags_in_reading_order() -> None:
    vocabulary = Vocabulary(["food", "night", "night market", "street food", "k-pop", "夜市"])
    assert vocabulary.find("K-Pop at the Night Market: street FOOD, food!") == [
        "k-pop",
        "night market",
        "street food",
        "food",
    ]
    assert vocabulary.find("夜市 2026") == ["夜市"]
    assert vocabulary.find("nothing known") == vocabulary.find("") == []
    assert Vocabulary([]).find("night market") == []
