"""Everything that is on the page, as one JSON file: the page and the Markdown are made from it.

Groups of users are `all`, `warm` and `cold` throughout; metrics are called as in `metrics.py`.
"""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from trainer.errors import CheckpointError, first_fault
from trainer.reproduce.record import Failure, Leaves

Verdict = Literal["holds", "fails", "open"]
FILE = "results.json"


class Part(BaseModel):
    """A part of the results, fixed once made."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Machine(Part):
    """What the figures were made on; nothing that names the machine."""

    system: str
    cores: int
    workers: int
    python: str
    libraries: dict[str, str]


class Data(Part):
    """The data set and what was held out of it."""

    name: str
    notes: str
    domains: tuple[str, ...]
    target_domain: str
    items: int
    users: int
    interactions: int
    tags: int  # that training sees
    training: int  # interactions
    cold_items: int
    judged: dict[str, int]  # users by group
    fingerprint: str
    split_fingerprint: str


class Value(Part):
    """A metric over the seeds of a row."""

    mean: float
    sd: float | None  # sample standard deviation; None of one seed
    seeds: tuple[float, ...]


class Line(Part):
    """A row of a table."""

    name: str
    label: str
    block: str
    settings: tuple[str, ...]
    keys: tuple[str, ...]  # of its finished runs
    metrics: dict[str, dict[str, Value]]  # group → metric; empty where every run failed
    whole_pool: dict[str, dict[str, Value]]
    seconds: float | None  # of one run, the mean
    peak_mb: float | None
    leaves: Leaves | None  # of the first run


class Contrast(Part):
    """One row against another of its table: the mean difference over users, and its interval."""

    row: str
    against: str
    group: str
    metric: str
    difference: float
    low: float
    high: float
    seeds: int  # that both have

    @property
    def sign(self) -> int:
        """1 above, -1 below, 0 not distinguishable."""
        return (self.low > 0) - (self.high < 0)


class Share(Part):
    """A point of Figure 4, with the 95 % interval of a mean over users."""

    row: str
    block: str
    share: float
    group: str
    metric: str
    value: float
    low: float
    high: float


class Leaf(Part):
    """A leaf of the memory tree on the plane of Figure 5."""

    x: float
    y: float
    parent: int
    users: int  # whose heaviest leaf it is


class Cloud(Part):
    """The leaves of one tree."""

    row: str
    label: str
    block: str
    silhouette: float | None  # cosine, of the leaves by parent, before they are laid flat
    leaves: tuple[Leaf, ...]


class Item(Part):
    """An item as a person sees it."""

    name: str  # its title, or its id
    domain: str
    tags: tuple[str, ...]


class Link(Part):
    """A tag of the history and a tag of the candidate that lie near each other."""

    history: str
    candidate: str
    cosine: float


class Candidate(Part):
    """A cold item that was retrieved."""

    item: Item
    truth: bool
    score: float
    links: tuple[Link, ...]


class Case(Part):
    """A judged user of Figure 8."""

    kind: str
    history: tuple[Item, ...]  # oldest first
    truth: Item
    rank: int  # of the truth among all cold items, from 1
    candidates: tuple[Candidate, ...]


class Curve(Part):
    """Loss of a run by step."""

    row: str
    label: str
    block: str
    steps: tuple[int, ...]
    loss: tuple[float, ...]


class Finding(Part):
    """A claim, what the intervals say of it, and in which words."""

    claim: str
    source: Literal["paper", "project"]
    verdict: Verdict
    text: str


class Results(Part):
    """The whole report."""

    format: Literal[1] = 1
    quick: bool
    date: str
    command: str
    seconds: float  # by the clock, of the last call
    machine: Machine
    data: Data
    lines: tuple[Line, ...]
    contrasts: tuple[Contrast, ...]
    shares: tuple[Share, ...]
    clouds: tuple[Cloud, ...]
    cases: tuple[Case, ...]
    curves: tuple[Curve, ...]
    findings: tuple[Finding, ...]
    failures: tuple[Failure, ...]

    def table(self, name: str) -> list[Line]:
        """The rows of a table."""
        return [line for line in self.lines if line.name.startswith(f"{name}/")]

    def line(self, name: str) -> Line | None:
        """A row that has figures."""
        found = (line for line in self.lines if line.name == name and line.metrics)
        return next(found, None)

    def contrast(self, row: str, against: str, group: str, metric: str) -> Contrast | None:
        """A comparison, if both rows have figures."""
        wanted = (row, against, group, metric)
        found = (c for c in self.contrasts if (c.row, c.against, c.group, c.metric) == wanted)
        return next(found, None)


def read_results(path: Path) -> Results:
    """What an earlier report wrote; raise CheckpointError if it cannot be read."""
    try:
        return Results.model_validate_json(path.read_bytes())
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror}") from error
    except ValidationError as error:
        raise CheckpointError(f"{path}: {first_fault(error)}") from error
