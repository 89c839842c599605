"""Dashboard and alerts speak of figures that are really exported, with labels that they have."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from service.families import FAMILIES
from tests.service.running import Client

ROOT = Path(__file__).parents[2]
ALERTS = yaml.safe_load((ROOT / "deploy" / "prometheus" / "alerts.yaml").read_text())
BOARD = json.loads((ROOT / "deploy" / "grafana" / "couple.json").read_text())
TRIALS = [
    (ROOT / "deploy" / "prometheus" / f"{name}_test.yaml").read_text()
    for name in ("alerts", "drift")
]
RULES = [rule for group in ALERTS["groups"] for rule in group["rules"]]
RUNBOOK = (ROOT / "docs" / "runbook.md").read_text()
GRID = 24  # columns of a dashboard

SELECTOR = re.compile(r"\b(couple_\w+)(?:\{([^}]*)\})?")
LABEL = re.compile(r"(\w+)(?:=~|!~|!=|=)\"")
BY = re.compile(r"\b(?:by|on) \(([^)]*)\)")
OUTSIDE = {"instance", "job", "le", "version"}  # of the scrape, of buckets


def panels() -> list[dict[str, Any]]:
    return [panel for panel in BOARD["panels"] if panel["type"] != "row"]


def expressions() -> Iterator[str]:
    yield from (rule["expr"] for rule in RULES)
    yield from (target["expr"] for panel in panels() for target in panel["targets"])


def used() -> set[str]:
    return {name for expression in expressions() for name, _ in SELECTOR.findall(expression)}


@pytest.mark.anyio
async def test_every_figure_used_is_exported(service: Client) -> None:
    """By a service that did one recommendation."""
    await service.recommend()
    lines = (await service.get("/metrics")).text.splitlines()
    assert used()
    assert used() <= {re.split(r"[{ ]", line)[0] for line in lines if not line.startswith("#")}


def test_every_figure_exported_is_used() -> None:
    """On the dashboard or by an alert: what nobody looks at need not be counted."""
    told = {family.name for family in FAMILIES}
    seen = {re.sub("_(bucket|count|sum)$", "", name) for name in used()}
    assert told - seen == {"couple_in_flight"}  # for whoever sizes COUPLE_RECOMMEND_IN_FLIGHT


def test_every_label_used_is_one_of_the_figure() -> None:
    labels = {family.name: set(family.labels) for family in FAMILIES}
    for expression in expressions():
        names = SELECTOR.findall(expression)
        families = (re.sub("_(bucket|count|sum)$", "", name) for name, _ in names)
        allowed = OUTSIDE.union(*(labels[family] for family in families))
        inside = {label for _, selector in names for label in LABEL.findall(selector)}
        grouped = {label.strip() for found in BY.findall(expression) for label in found.split(",")}
        assert inside | grouped <= allowed, expression


def test_every_alert_has_its_section_of_the_runbook_and_its_trial() -> None:
    """What it means and what to do; and no section is about an alert that is gone."""
    names = [rule["alert"] for rule in RULES]
    sections = re.findall(r"^### (Couple\w+)$", RUNBOOK, re.MULTILINE)
    assert sections == names
    for rule in RULES:
        assert rule["annotations"]["runbook"] == f"docs/runbook.md#{rule['alert'].lower()}"
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert rule["alert"] in "".join(TRIALS)


@pytest.mark.parametrize("name", [rule["alert"] for rule in RULES])
def test_every_section_says_what_it_means_and_what_to_do(name: str) -> None:
    section = RUNBOOK.partition(f"### {name}\n")[2].partition("\n### ")[0]
    assert "**Means**" in section
    assert "**Do**" in section


def test_panels_do_not_overlap_and_have_names_of_their_own() -> None:
    cells = Counter(
        (x, y)
        for panel in BOARD["panels"]
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    )
    assert max(cells.values()) == 1
    assert max(x for x, _ in cells) < GRID
    for key in ("id", "title"):
        assert max(Counter(panel[key] for panel in BOARD["panels"]).values()) == 1
