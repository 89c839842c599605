"""MovieLens, the layouts of ML-1M (.dat) and of ML-25M and 32M (.csv) → two eras as domains.

The user's own copy is read; nothing is downloaded. An interaction is a rating above 3. Tags are
genres, the tags that users gave to several films (only the newer sets have them) and the title's
words. Films released from a boundary year on are the target: the eras share genres and tags, and
people who watch the one and not the other are its cold users.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from bundle import normalise
from trainer.data import Description
from trainer.errors import DataError
from trainer.extraction import extract, learn
from trainer.sources.folder import Summary, made_aside, write
from trainer.sources.rows import Csv, Faults, Rows, named, number, spool, whole

LIKED = 3  # a rating above it is an interaction
BOUNDARY = 1995  # films go up to 2000 in ML-1M, up to 2019 in ML-25M
TAGS = 20  # of those that users gave to a film, the ones most users gave
YEAR = re.compile(r"\s*\((\d{4})\)\s*$")
ARTICLE = re.compile(r"^(.*), (The|A|An)$")  # "Matrix, The"
RATED = {
    "user_id": pl.String(),
    "item_id": pl.String(),
    "timestamp": pl.Int64(),
    "rating": pl.Float64(),
}
FILM = {
    "item_id": pl.String(),
    "title": pl.String(),
    "year": pl.Int64(),
    "genres": pl.List(pl.String()),
}
GIVEN = {"item_id": pl.String(), "tag": pl.String()}

NOTES = (
    "MovieLens (GroupLens; its licence forbids redistribution), ratings above {liked}. The "
    "domains are eras: newer films were released in {boundary} or later."
)

Film = tuple[str, str, int, list[str]]
Rating = tuple[str, str, int, float]


@dataclass(frozen=True)
class Layout:
    """The files of one form of the data set; `tags` is None where it has none."""

    films: Rows[Film]
    ratings: Rows[Rating]
    tags: Rows[tuple[str, str]] | None = None


def prepare(raw: Path, out: Path, boundary: int = BOUNDARY) -> Summary:
    """Write the prepared folder `out` from the folder `raw`, as GroupLens' archives unpack.

    `boundary` is the year from which on films are newer.

    Raises:
        DataError: a file is missing or another, all films are of one era, or `out` exists and is
            no data folder.
    """
    layout = _layout(raw)
    description = Description(
        name="movielens",
        target_domain="newer",
        split="cold",
        notes=NOTES.format(liked=LIKED, boundary=boundary),
    )
    with made_aside(out) as made:
        films = _films(layout, boundary, made)
        ratings = spool(layout.ratings, RATED, made / "ratings")
        liked = ratings.filter(pl.col("rating") > LIKED)
        low = ratings.select((pl.col("rating") <= LIKED).sum()).collect(engine="streaming").item()
        reasons = ((f"ratings of {LIKED} or less", low),)
        return write(made, films, liked, description, _faults(layout), reasons)


def _layout(raw: Path) -> Layout:
    if (raw / "movies.dat").is_file():
        return Layout(
            Rows(raw / "movies.dat", "MovieID::Title::Genres", _film_line, "latin-1"),
            Rows(raw / "ratings.dat", "UserID::MovieID::Rating::Timestamp", _rating_line),
        )
    if not (raw / "movies.csv").is_file():
        raise DataError(f"{raw} holds neither movies.dat (ML-1M) nor movies.csv (ML-25M, ML-32M)")
    given, rated = ("movieId", "tag"), ("userId", "movieId", "rating", "timestamp")
    described = ("movieId", "title", "genres")
    return Layout(
        Rows(raw / "movies.csv", _named(described), Csv(described, _film)),
        Rows(raw / "ratings.csv", _named(rated), Csv(rated, _rating)),
        Rows(raw / "tags.csv", _named(given), Csv(given, _given)),
    )


def _named(columns: Sequence[str]) -> str:
    return f"a CSV with the columns {','.join(columns)}"


def _faults(layout: Layout) -> list[Faults]:
    tags = [layout.tags.faults] if layout.tags else []
    return [layout.films.faults, layout.ratings.faults, *tags]


def _film_line(line: str) -> Film:
    return _film(_cells(line, 3))


def _rating_line(line: str) -> Rating:
    return _rating(_cells(line, 4))


def _cells(line: str, width: int) -> list[str]:
    cells = line.split("::")
    if len(cells) != width:
        raise ValueError(f"{len(cells)} fields, not {width}")
    return cells


def _film(cells: Sequence[str]) -> Film:
    """A film; the year stands behind the title, and the article behind a comma."""
    item, title, genres = cells
    if not (year := YEAR.search(title)):
        raise ValueError("no year of release behind the title")
    plain = ARTICLE.sub(r"\2 \1", title[: year.start()].strip())
    return named(item), plain, int(year[1]), [g for g in genres.split("|") if g[:1] != "("]


def _rating(cells: Sequence[str]) -> Rating:
    user, item, rating, time = cells
    return named(user), named(item), whole(time), number(rating)


def _given(cells: Sequence[str]) -> tuple[str, str]:
    tag = normalise(cells[1])
    if not 1 < len(tag) <= 64:
        raise ValueError("no tag of 2 to 64 characters")
    return named(cells[0]), tag


def _films(layout: Layout, boundary: int, made: Path) -> pl.DataFrame:
    films = pl.DataFrame(list(layout.films), schema=FILM, orient="row")
    films = films.unique("item_id", keep="first").sort("item_id")
    years = films["year"].to_list()
    if not min(years) < boundary <= max(years):
        raise DataError(
            f"--boundary {boundary} leaves an era empty: films are of {min(years)} to {max(years)}"
        )
    phrased = films.join(_popular(layout, made), on="item_id", how="left").with_columns(
        phrases=pl.concat_list("genres", pl.col("given").fill_null([]))
    )
    tags = extract(phrased, learn(phrased))
    newer = pl.col("year") >= boundary
    return phrased.select(
        "item_id",
        domain=pl.when(newer).then(pl.lit("newer")).otherwise(pl.lit("older")),
        tags=pl.Series(tags, dtype=pl.List(pl.String)),
        title=pl.col("title"),
    )


def _popular(layout: Layout, made: Path) -> pl.DataFrame:
    """Each film's tags, from the one that most users gave it."""
    if layout.tags is None:
        return pl.DataFrame(schema={"item_id": pl.String(), "given": pl.List(pl.String())})
    counts = spool(layout.tags, GIVEN, made / "tags").group_by("item_id", "tag").len()
    ranked = counts.sort(["item_id", "len", "tag"], descending=[False, True, False])
    best = ranked.group_by("item_id", maintain_order=True).agg(given=pl.col("tag").head(TAGS))
    return best.collect()
