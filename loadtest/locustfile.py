"""The scenarios for Locust: `couple loadtest --closed` runs this file, and so may you.

    LOADTEST_TASK='{"tags": "bundle/tags.txt", "scenario": "spike", "rate": 50, "seconds": 60}' \\
        locust -f loadtest/locustfile.py --host http://127.0.0.1:8000

Each user asks about five times a second, at random, and waits for every answer.
"""

import time
from pathlib import Path
from typing import Any

import orjson
from locust import FastHttpUser, LoadTestShape, events, poisson, task
from locust.env import Environment

from loadtest.arrivals import rate_at
from loadtest.objectives import objectives
from loadtest.record import Record, Step
from loadtest.scenarios import STEPS, Climb, scenario
from loadtest.task import Task
from loadtest.traffic import Size, Traffic

PACE = 5.0  # calls of a user in a second
SPAWNED = 1000.0  # users a second: a spike is there at once

GIVEN = Task.given()
SCENARIO = scenario(GIVEN.scenario)
TRAFFIC = Traffic(
    GIVEN.words(), Size.of(GIVEN.rate * GIVEN.seconds), GIVEN.seconds, stored=GIVEN.stored
)
CALLS = TRAFFIC.calls(dict(SCENARIO.mix), GIVEN.seed)
RECORD = Record(GIVEN.seconds)
BEGAN = time.time()


class Caller(FastHttpUser):
    """One user of the API."""

    wait_time = poisson(PACE)

    @task
    def call(self) -> None:
        """The next call, whatever it is."""
        call = next(CALLS)
        headers = {"Content-Type": "application/json"}
        if GIVEN.key:
            headers["Authorization"] = f"Bearer {GIVEN.key}"
        self.client.post(call.path, data=call.body, headers=headers, name=call.kind)  # type: ignore[arg-type]  # bytes do


class Shape(LoadTestShape):
    """As many users as the rate of the scenario takes."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Locust's has no annotations
        self._climb = Climb(GIVEN.rate)
        self._step_s = max(2.0, GIVEN.seconds / STEPS)  # it is asked once a second
        self._step_ends = 0.0

    def tick(self) -> tuple[int, float] | None:
        """Users, and how many may be added a second; None at the end."""
        moment: float = self.get_run_time()  # type: ignore[no-untyped-call]  # Locust's
        if moment > GIVEN.seconds or self._climb.found:
            return None
        rate = self._climbed(moment) if SCENARIO.name == "ramp" else self._planned(moment)
        return max(1, round(rate / PACE)), SPAWNED

    def _planned(self, moment: float) -> float:
        return rate_at(SCENARIO.points(GIVEN.rate, GIVEN.seconds), moment)

    def _climbed(self, moment: float) -> float:
        if moment >= self._step_ends:
            if RECORD.steps:
                met = all(one.met(RECORD.steps[-1].tally) for one in objectives(GIVEN.slo))
                self._climb.note(met)
            RECORD.steps.append(Step(self._climb.rate))
            self._step_ends = moment + self._step_s
        return self._climb.rate


@events.request.add_listener  # type: ignore[untyped-decorator]  # Locust's
def note(name: str, response_time: float, response: Any, start_time: float, **_: object) -> None:
    """One answer, or none."""
    due, took = start_time - BEGAN, response_time / 1000
    status, body = (response.status_code, response.content or b"") if response else (0, b"")
    RECORD.noting(name)(due, due + took, status, body)


@events.quitting.add_listener  # type: ignore[untyped-decorator]  # Locust's
def write(environment: Environment, **_: object) -> None:
    """Hand the record over."""
    RECORD.end_stretch(time.time() - BEGAN, [])
    if GIVEN.record:
        Path(GIVEN.record).write_bytes(orjson.dumps(RECORD.encode()))
