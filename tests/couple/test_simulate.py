"""`couple simulate` through its door: a service, an experiment, users who click, a report."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bundle.errors import CoupleError
from couple.__main__ import app
from couple.simulation.rehearsals import REHEARSALS
from service.experiment import Experiment
from tests.e2e.running import GOLDEN, run


def simulated(*options: object) -> str:
    words = ["simulate", "--bundle", str(GOLDEN), *map(str, options)]
    return CliRunner().invoke(app, words, catch_exceptions=False).output


def test_a_cold_start_arm_shows_more_of_what_is_new(tmp_path: Path) -> None:
    """Than author-CF alone; tables, a page and every figure are left behind."""
    out = tmp_path / "out"
    options = ("--users", "120", "--visits", "3", "--out", str(out))
    found = run("simulate", "--experiment", "cold-start", "--bundle", GOLDEN, *options)
    assert found.returncode == 0, found.stdout + found.stderr
    assert "Share of new items: +" in found.stdout
    told = json.loads((out / "report.json").read_text())
    assert sum(arm["requests"] for arm in told["arms"]) == 360
    assert sum(arm["impressions"] for arm in told["arms"]) == 3600
    (cold,) = [lift for lift in told["lifts"] if lift["kind"] == "cold_share"]
    assert cold["low"] > 0
    assert told["left_out"] == {}
    assert "<svg" in (out / "report.html").read_text()


def test_every_definition_is_one_that_the_service_takes() -> None:
    """The treatment is the arm that is favoured; the paper's is the documented example."""
    for rehearsal in REHEARSALS.values():
        made = Experiment.model_validate_json(json.dumps(rehearsal.definition))
        assert [arm.name for arm in made.arms] == ["control", "treatment"]
    page = (Path(__file__).parents[2] / "docs" / "ab-tests.md").read_text()
    shown = json.loads(page.split("```json\n")[1].split("```")[0])
    ours = REHEARSALS["couple-vs-youtube"].definition
    assert (shown["name"], shown["arms"]) == (ours["name"], ours["arms"])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--experiment", "couple-vs-youtube", "--url", "http://127.0.0.1:1"), "leave --url out"),
        (("--url", "http://127.0.0.1:1"), "nobody answers at http://127.0.0.1:1"),
        (("--url", "nowhere"), "--url should look like"),
        (("--bundle", "nowhere"), "nowhere"),
    ],
)
def test_what_cannot_be_held_is_one_sentence(options: tuple[str, ...], said: str) -> None:
    with pytest.raises(CoupleError) as refused:
        simulated(*options)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_folder_with_other_things_is_left_alone(tmp_path: Path) -> None:
    """Events of an earlier rehearsal go; what somebody else put there does not."""
    (tmp_path / "events").mkdir()
    (tmp_path / "events" / "mine.txt").touch()
    with pytest.raises(CoupleError, match="holds other things: name another --out"):
        simulated("--out", tmp_path)
    assert (tmp_path / "events" / "mine.txt").exists()
    with pytest.raises(
        CoupleError, match=r"cannot be made \(not a directory\): name another --out"
    ):
        simulated("--out", tmp_path / "events" / "mine.txt" / "out")
