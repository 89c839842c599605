"""`couple items import`: what a file may look like, and whatever a server may answer."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner, Result

from bundle.errors import CoupleError
from couple.__main__ import app
from tests.couple.answering import Answer, Answering, Items, answering, taken

LATER = 503, {"Retry-After": "1"}, {"detail": "the store does not take this now: retry"}
REFUSED = "the request breaks the contract: see `errors`"


def run(file: Path, url: str, *options: str, **variables: str) -> Result:
    """One call; what it raises passes through, its exit code is the result's."""
    command = ["items", "import", str(file), "--url", url, *options]
    return CliRunner().invoke(app, command, catch_exceptions=False, env=variables)


def write(folder: Path, count: int = 10, **columns: Any) -> Path:
    """Items numbered from 0, with these columns beside or instead of theirs."""
    facts = {
        "item_id": [f"v{n}" for n in range(count)],
        "domain": ["video"] * count,
        "tags": [["wok", f"t{n}"] for n in range(count)],
    }
    path = folder / "items.parquet"
    pl.DataFrame({**facts, **columns}).write_parquet(path)
    return path


@pytest.fixture
def server() -> Iterator[Answering]:
    with answering() as made:
        yield made


def test_every_row_is_sent_once_as_the_contract_has_it(tmp_path: Path, server: Answering) -> None:
    """In batches, with the key; what a row does not say is left out."""
    file = write(
        tmp_path,
        3,
        tags=[["wok", None], None, []],
        title=[None, "Two dogs", "A wok"],
        attributes=[{"language": "en", "moods": ["a"]}, {"language": None, "moods": None}, None],
        version=[7, None, 2**63 - 1],
        published_at=[datetime(2026, 11, 23, 10, 0, 0, 500_000), None, None],  # noqa: DTZ001
        expires_at=[datetime(2030, 1, 1, 2, tzinfo=UTC), None, None],
        author_id=[3, None, 4],
        mood=["unread"] * 3,
    )
    result = run(file, server.url, "--batch", "2", COUPLE_KEY="schlüssel")
    assert result.exit_code == 0, result.output
    assert sorted(server.heard, key=len, reverse=True) == [
        [
            {
                "item_id": "v0",
                "domain": "video",
                "tags": ["wok"],
                "attributes": {"language": "en", "moods": ["a"]},
                "version": 7,
                "published_at": "2026-11-23T10:00:00.500Z",
                "expires_at": "2030-01-01T02:00:00.000Z",
                "author_id": "3",
            },
            {"item_id": "v1", "domain": "video", "title": "Two dogs", "attributes": {}},
        ],
        [
            {
                "item_id": "v2",
                "domain": "video",
                "tags": [],
                "title": "A wok",
                "version": 2**63 - 1,
                "author_id": "4",
            }
        ],
    ]
    assert server.keys == {"Bearer schlüssel".encode().decode("latin-1")}
    assert "columns that are not read: mood" in result.stderr
    assert result.stdout == f"{file}: 3 rows sent to {server.url}: 3 created\n"


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        (1_763_892_000, "2025-11-23T10:00:00.000Z"),
        (1_763_892_000.25, "2025-11-23T10:00:00.250Z"),
        (date(2026, 1, 2), "2026-01-02T00:00:00.000Z"),
        ("2026-01-02T03:04:05+01:00", "2026-01-02T03:04:05+01:00"),
        (10**17, 10**17),
    ],
)
def test_times_come_in_many_forms(
    tmp_path: Path, server: Answering, value: Any, sent: object
) -> None:
    """What is none is sent as it is, for the service to refuse."""
    run(write(tmp_path, 1, published_at=[value]), server.url)
    assert server.heard[0][0]["published_at"] == sent


def test_a_map_is_attributes_too(tmp_path: Path, server: Answering) -> None:
    """As Arrow writes one: a list of keys and values."""
    pairs = [[{"key": "language", "value": "en"}, {"key": "region", "value": None}]]
    run(write(tmp_path, 1, attributes=pairs), server.url)
    assert server.heard[0][0]["attributes"] == {"language": "en"}


@pytest.mark.parametrize(
    ("columns", "complaint"),
    [
        ({"tags": ["wok"]}, "column 'tags' is String, not List(String)"),
        ({"item_id": [1.5]}, "column 'item_id' is Float64, not String or a whole number"),
        ({"version": ["1"]}, "column 'version' is String, not a whole number"),
        ({"attributes": ["{}"]}, "column 'attributes' is String, not a struct or a map"),
        ({"expires_at": [True]}, "column 'expires_at' is Boolean, not a time"),
    ],
)
def test_a_column_of_another_type_is_one_sentence(
    tmp_path: Path, columns: dict[str, Any], complaint: str
) -> None:
    """Before anything is sent: nobody listens there."""
    with pytest.raises(CoupleError) as error:
        run(write(tmp_path, 1, **columns), "http://127.0.0.1:1")
    assert complaint in str(error.value)


def test_what_is_no_such_file_is_one_sentence(tmp_path: Path) -> None:
    """Missing, no Parquet, half a Parquet, a column too few, a state file of another program."""
    good = write(tmp_path)
    nowhere = "http://127.0.0.1:1"
    half, text, few = tmp_path / "half", tmp_path / "text", tmp_path / "few"
    half.write_bytes(good.read_bytes()[:-20])
    text.write_text("item_id,tags\n")
    pl.DataFrame({"item_id": ["a"], "tags": [["b"]]}).write_parquet(few)
    for file, complaint in (
        (tmp_path / "gone", "gone does not exist"),
        (half, "half is not a readable Parquet file"),
        (text, "text is not a readable Parquet file"),
        (few, "few has no column 'domain'; it has item_id, tags"),
    ):
        with pytest.raises(CoupleError, match=complaint):
            run(file, nowhere)
    with pytest.raises(CoupleError, match="text is not what an import noted: remove it"):
        run(good, nowhere, "--state", str(text))
    assert text.read_text() == "item_id,tags\n"
    for url in ("127.0.0.1:8000", "ftp://x", "http://"):
        with pytest.raises(CoupleError, match="--url should look like"):
            run(good, url)


def test_damaged_pages_are_one_sentence(tmp_path: Path, server: Answering) -> None:
    """The schema reads, the rows do not."""
    file = write(tmp_path, 2000)
    data = bytearray(file.read_bytes())
    data[4:2000] = b"\xff" * 1996
    file.write_bytes(data)
    with pytest.raises(CoupleError, match="is damaged after row 0"):
        run(file, server.url)


def test_a_busy_service_is_asked_again_when_it_says(tmp_path: Path) -> None:
    """503 and 429 with Retry-After, a proxy's 502 without: every row arrives."""
    answers: list[Answer] = [LATER, (429, {"Retry-After": "1"}, {}), (502, {}, "<html>")]
    moments: list[float] = []

    def answer(items: Items) -> Answer:
        moments.append(time.monotonic())
        return answers.pop(0) if answers else taken(items)

    with answering(answer) as server:
        result = run(write(tmp_path), server.url)
    assert result.stdout.endswith("10 created\n")
    waits = [after - before for before, after in pairwise(moments)]
    assert len(waits) == 3
    assert waits[0] >= 1.0
    assert waits[1] >= 1.0


def test_who_stays_busy_or_away_is_given_up_in_time(tmp_path: Path) -> None:
    """One sentence that says why and how to go on; what arrived before is noted."""
    asked: list[int] = []

    def answer(items: Items) -> Answer:
        asked.append(len(items))
        return taken(items) if len(asked) == 1 else LATER

    file = write(tmp_path)
    with answering(answer) as server, pytest.raises(CoupleError) as busy:
        run(file, server.url, "--batch", "2", "--patience", "0.1")
    assert str(busy.value) == (
        f"{server.url} took nothing for 0.1 s (503: the store does not take this now: retry): "
        "run the same command again to go on"
    )
    with pytest.raises(CoupleError, match=r"took nothing for 0.1 s .*: run the same command"):
        run(file, server.url, "--patience", "0.1")  # nobody listens there any more


def test_a_refusal_of_everything_ends_the_import(tmp_path: Path) -> None:
    """A wrong key, a path that is no service's: in the service's words, at once."""
    for status, body, words in (
        (401, {"detail": "send Authorization"}, "answers 401: send Authorization"),
        (404, "<html>", "answers 404: is this the service"),
        (500, {"detail": "this is a bug"}, "answers 500: this is a bug"),
    ):
        with answering(lambda _: (status, {}, body)) as server:  # noqa: B023  # called in the loop
            with pytest.raises(CoupleError, match=words):
                run(write(tmp_path), server.url)
            assert len(server.heard) == 1


def picky(items: Items) -> Answer:
    """Takes no item whose number ends in 7, and names at most two of them at a time."""
    bad = [n for n, item in enumerate(items) if item["item_id"].endswith("7")]
    places = [{"place": f"items[{n}].tags[0]", "detail": "Too long"} for n in bad[:2]]
    return (422, {}, {"detail": REFUSED, "errors": places}) if bad else taken(items)


def test_bad_rows_are_named_by_row_and_id_and_the_rest_goes_on(tmp_path: Path) -> None:
    """Exit code 1, and how many; again on the next call, which sends nothing."""
    file = write(tmp_path, 50)
    with answering(picky) as server:
        result = run(file, server.url, "--batch", "40")
        arrived = [item["item_id"] for items in server.heard for item in items]
        calls = len(server.heard)
        again = run(file, server.url)
        assert len(server.heard) == calls
    assert result.exit_code == again.exit_code == 1
    assert result.stderr.splitlines() == [
        f"row {n + 1}, item 'v{n}', is refused: tags[0]: Too long" for n in (7, 17, 27, 37, 47)
    ]
    assert result.stdout == f"{file}: 50 rows sent to {server.url}: 45 created, 5 refused\n"
    assert again.stdout == result.stdout
    assert {f"v{n}" for n in range(50)} == set(arrived)


def test_a_refusal_that_names_no_item_is_narrowed_down(tmp_path: Path) -> None:
    """Too large a body, mistakes too many to list: halves are sent until it is one row."""

    def small(items: Items) -> Answer:
        if any(item["item_id"] == "v13" for item in items) or len(items) > 4:
            return 413, {}, {"detail": "the body is larger than 1024 bytes"}
        return taken(items)

    with answering(small) as server:
        result = run(write(tmp_path, 20), server.url)
    assert result.exit_code == 1
    assert "row 14, item 'v13', is refused: the body is larger than 1024 bytes" in result.stderr
    assert result.stdout.endswith("19 created, 1 refused\n")


def test_what_arrived_is_not_sent_again_unless_it_is_another_matter(tmp_path: Path) -> None:
    """The same file to the same service; another service, another file or --restart is new."""
    file = write(tmp_path)
    with answering() as one, answering() as two:
        run(file, one.url)
        note = json.loads((tmp_path / "items.parquet.import.json").read_text())
        assert (note["rows"], note["url"]) == (10, one.url)
        assert "10 rows were acknowledged before" in run(file, one.url).stderr
        assert len(one.heard) == 1
        run(file, two.url)
        assert len(two.heard) == 1
        run(file, two.url, "--restart")
        run(write(tmp_path, 11), two.url)
        assert [len(items) for items in two.heard] == [10, 10, 11]


def test_a_note_that_cannot_be_written_is_one_sentence(tmp_path: Path, server: Answering) -> None:
    """What had arrived by then is sent again by the next run."""
    with pytest.raises(CoupleError, match=r"note cannot be written \(no such file or directory\)"):
        run(write(tmp_path), server.url, "--state", str(tmp_path / "gone" / "note"))


def test_a_file_without_rows_is_fine(tmp_path: Path) -> None:
    file = tmp_path / "empty.parquet"
    pl.read_parquet(write(tmp_path)).clear().write_parquet(file)
    assert run(file, "http://127.0.0.1:1").stdout == f"{file}: 0 rows sent to http://127.0.0.1:1\n"
