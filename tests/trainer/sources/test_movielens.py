"""Both layouts of MovieLens, each from made-up films."""

from pathlib import Path

import pytest

from tests.trainer.sources.writing import lines, tags_of, taken
from trainer.data import read
from trainer.errors import DataError
from trainer.sources.movielens import prepare

FILMS = [(n, f"Heat {n}, The ({1990 + n})", "Crime|Drama") for n in range(1, 9)]
RATINGS = [
    (user, film, 4.0 if film != 2 else 3.0, 100 + film) for user in (7, 8) for film in (1, 2, 6)
]


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """ML-1M: fields between double colons, in Latin-1."""
    folder = tmp_path / "ml-1m"
    folder.mkdir()
    films = ["::".join(map(str, film)) for film in FILMS]
    lines(folder / "movies.dat", [*films, "9::Cité, La (1995)::Drama"], "latin-1")
    ratings = (f"{u}::{f}::{r:.0f}::{t}" for u, f, r, t in RATINGS)
    lines(folder / "ratings.dat", ratings)
    return folder


@pytest.fixture
def new(tmp_path: Path) -> Path:
    """ML-25M: comma separated, with tags of users."""
    folder = tmp_path / "ml-25m"
    folder.mkdir()
    films = [f'{n},"{title}",{genres}' for n, title, genres in FILMS]
    films.append("9,Film without genres (1995),(no genres listed)")
    lines(folder / "movies.csv", ["movieId,title,genres", *films])
    ratings = [",".join(map(str, row)) for row in RATINGS]
    lines(folder / "ratings.csv", ["userId,movieId,rating,timestamp", *ratings])
    given = [f'{user},{film},"Bank, robbed",1' for user in (7, 8) for film in (1, 2, 3)]
    given += [f"7,{film},Slow,1" for film in (1, 2, 3)]
    lines(folder / "tags.csv", ["userId,movieId,tag,timestamp", *given, "8,1,only here,1"])
    return folder


@pytest.mark.parametrize("layout", ["old", "new"])
def test_either_layout_becomes_two_eras(
    layout: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Ratings above 3; titles as people say them; the newer films are the target."""
    summary = prepare(request.getfixturevalue(layout), tmp_path / "data")
    assert (summary.items, summary.users, summary.interactions) == (9, 2, 4)
    assert summary.left_out == (("ratings of 3 or less", 2),)
    found = read(tmp_path / "data")
    assert (found.domains, found.target_domain) == (("newer", "older"), "newer")
    assert found.is_target.tolist() == [False] * 4 + [True] * 5
    assert found.titles[0] == "The Heat 1"
    assert taken(tmp_path / "data")[:2] == [("7", "1", 101), ("7", "6", 106)]
    assert tags_of(tmp_path / "data")["4"][:2] == ["crime", "drama"]


def test_titles_of_1m_are_latin_1(old: Path, tmp_path: Path) -> None:
    """And come out as they should."""
    prepare(old, tmp_path / "data")
    assert read(tmp_path / "data").titles[-1] == "Cité, La"


def test_tags_of_users_are_tags_when_several_films_have_them(new: Path, tmp_path: Path) -> None:
    """The ones of most users first, behind the genres; no genre is not a genre."""
    prepare(new, tmp_path / "data")
    tags = tags_of(tmp_path / "data")
    assert [tag for tag in tags["1"] if tag in ("crime", "drama", "bank, robbed", "slow")] == [
        "crime",
        "drama",
        "bank, robbed",
        "slow",
    ]
    assert "only here" not in tags["1"]
    assert tags["9"] == []


def test_the_boundary_between_the_eras_is_a_choice(new: Path, tmp_path: Path) -> None:
    """Not one that leaves an era empty, though."""
    prepare(new, tmp_path / "data", boundary=1992)
    assert read(tmp_path / "data").is_target.sum() == 8
    with pytest.raises(DataError, match="--boundary 1991 leaves an era empty: films are of 1991"):
        prepare(new, tmp_path / "data", boundary=1991)


def test_bad_rows_are_counted_by_file(old: Path, tmp_path: Path) -> None:
    """Fields too few, a film without a year."""
    with (old / "movies.dat").open("a") as file:
        file.write("10::Undated::Drama\n")
    with (old / "ratings.dat").open("a") as file:
        file.write("7::1::5\n")
    films, ratings = prepare(old, tmp_path / "data").faults
    assert films.first == ["10: no year of release behind the title"]
    assert ratings.first == ["7: 3 fields, not 4"]


def test_a_wrong_folder_says_what_it_should_hold(new: Path, tmp_path: Path) -> None:
    """Also when one of the files is not there."""
    with pytest.raises(DataError, match=r"neither movies\.dat .* nor movies\.csv"):
        prepare(tmp_path, tmp_path / "data")
    (new / "tags.csv").unlink()
    with pytest.raises(DataError, match=r"tags\.csv does not exist"):
        prepare(new, tmp_path / "data")
