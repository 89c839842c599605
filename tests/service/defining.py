"""Definitions for tests: sound ones, of which a test changes what it is about."""

import json
from typing import Any

from service.experiment import Experiment
from service.experiments import Experiments, Put

CHANNELS = [{"name": "model", "quota": 0.8}, {"name": "author", "quota": 0.2}]


def facts(**given: Any) -> dict[str, Any]:
    """The paper's own test, as PUT takes it."""
    arms = [
        {"name": "control", "weight": 0.5, "bundle": "youtube", "channels": CHANNELS},
        {"name": "treatment", "weight": 0.5, "bundle": "couple", "channels": CHANNELS},
    ]
    return {
        "name": "e",
        "layer": "default",
        "slots": [0, 10000],
        "salt": "s1",
        "arms": arms,
        **given,
    }


def experiment(**given: Any) -> Experiment:
    """The same, read as the service reads a body; raise pydantic.ValidationError."""
    return Experiment.model_validate_json(json.dumps(facts(**given)))


def arms(*weights: float, **said: Any) -> list[dict[str, Any]]:
    """Arms a, b, … of these weights that decide nothing unless told."""
    names = "abcdefghijklmnopq"
    return [{"name": name, "weight": w, **said} for name, w in zip(names, weights, strict=False)]


def running(*all_: Experiment) -> Experiments:
    """The state after these were put, one after the other."""
    state = Experiments()
    for one in all_:
        state = state.then(Put(experiment=one))
    return state
