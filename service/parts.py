"""What the routes may use. Built once, by `service.app`."""

import asyncio
from dataclasses import dataclass

from starlette.requests import Request

from service.catalogue import Catalogue
from service.clock import Clock
from service.exposures import Exposures
from service.facts import Facts
from service.generations import Generations
from service.histories import Histories
from service.live import Live
from service.metrics import Metrics
from service.recommender import Recommender
from service.recorder import Recorder
from service.replica import Replica
from service.rollout import Rollout
from service.settings import Settings
from service.tail import Tail
from service.telling import Telling


@dataclass(frozen=True)
class Parts:
    """One process's parts."""

    settings: Settings
    clock: Clock
    catalogue: Catalogue
    histories: Histories
    generations: Generations
    facts: Replica[Facts]
    tail: Tail
    recorder: Recorder
    rollout: Rollout
    recommender: Recommender
    metrics: Metrics
    exposures: Exposures
    live: Live
    telling: Telling
    background: tuple["asyncio.Task[None]", ...]


def parts_of(request: Request) -> Parts:
    """The parts of the application that got this request."""
    parts = request.app.state.parts
    assert isinstance(parts, Parts)  # noqa: S101  # for mypy: state is untyped
    return parts
