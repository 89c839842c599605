"""A mix: what it may be, how it is written, whose turn it is."""

import json

import pytest
from pydantic import ValidationError

from service.channels.mix import MODEL_ALONE, NAMES, Mix


def mix(**quotas: float) -> Mix:
    return Mix.model_validate([{"name": name, "quota": q} for name, q in quotas.items()])


def test_it_is_written_as_it_is_read() -> None:
    """The JSON list of the contract."""
    given = [{"name": "model", "quota": 0.8}, {"name": "author", "quota": 0.2}]
    assert json.loads(str(Mix.model_validate(given))) == given
    assert Mix.model_validate_json(str(MODEL_ALONE)) == MODEL_ALONE


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], "Quotas should sum to 1"),
        ([{"name": "model", "quota": 0.999998}], "Quotas should sum to 1"),
        ([{"name": "model", "quota": 0.5}] * 2, "Name each channel once"),
        ([{"name": "model", "quota": 2}, {"name": "fresh", "quota": -1}], "less than or equal"),
        ([{"name": "model", "quota": float("nan")}], "finite number"),
        ([{"name": "editor", "quota": 1}], "'model', 'author', 'fresh' or 'popular'"),
        ([{"name": "model", "quota": 1, "weight": 1}], "not permitted"),
    ],
)
def test_what_makes_no_sense_is_refused(given: object, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Mix.model_validate(given)


def test_quotas_may_be_off_by_rounding() -> None:
    """1e-6, as for the weights of arms."""
    assert mix(model=1 / 3, author=1 / 3, fresh=0.333334).sharing == ("model", "author", "fresh")


def test_who_has_no_quota_fills_in_the_order_listed() -> None:
    """Then those not listed, in the order of the contract."""
    assert mix(model=1).filling == ("author", "fresh", "popular")
    assert mix(popular=0, fresh=1).filling == ("popular", "model", "author")
    assert mix(fresh=0.5, model=0.5).sharing == ("fresh", "model")


@pytest.mark.parametrize(
    "quotas",
    [
        {"model": 0.8, "author": 0.2},
        {"model": 0.5, "author": 0.3, "fresh": 0.15, "popular": 0.05},
        {"fresh": 1 / 3, "model": 2 / 3},
    ],
)
def test_every_beginning_of_an_answer_keeps_the_proportions(quotas: dict[str, float]) -> None:
    """No channel is ever a whole place ahead, or more places behind than there are channels."""
    turns = mix(**quotas).turns(500)
    given = dict.fromkeys(quotas, 0)
    assert mix(**quotas).turns(77) == turns[:77]
    for places, turn in enumerate(turns, start=1):
        given[turn] += 1
        for name, quota in quotas.items():
            assert -len(NAMES) < given[name] - quota * places < 1


def test_turns_are_spread_evenly() -> None:
    """Not in blocks."""
    assert mix(model=0.75, fresh=0.25).turns(8) == (
        *("model", "model", "fresh", "model"),
        *("model", "model", "fresh", "model"),
    )
