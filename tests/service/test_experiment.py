"""A definition is judged whole, and says in a sentence what is wrong with it."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from service.buckets import COUNT
from service.channels.mix import Mix
from service.experiment import Experiment
from tests.service.defining import CHANNELS, arms, experiment

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "docs" / "examples").glob("*.json"))


def test_the_papers_test_is_a_definition() -> None:
    """It survives the control stream, and what it leaves out has a default."""
    one = experiment()
    assert Experiment.model_validate_json(one.model_dump_json()) == one
    assert [arm.bundle for arm in one.arms] == ["youtube", "couple"]
    assert one.ends == (5000, 10000)
    short = experiment(slots=[0, 10000], layer="default", arms=arms(1.0))
    assert (short.arms[0].bundle, short.arms[0].channels) == (None, None)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_each_example_is_a_definition(path: Path) -> None:
    """Of the name of its file."""
    assert Experiment.model_validate_json(path.read_bytes()).name == path.stem


def test_the_papers_test_is_an_example() -> None:
    """YouTube's model against COUPLE, author-CF beside each; all users, half and half."""
    text = (ROOT / "docs" / "examples" / "couple-vs-youtube.json").read_bytes()
    one = Experiment.model_validate_json(text)
    assert [(arm.bundle, arm.weight) for arm in one.arms] == [("youtube", 0.5), ("couple", 0.5)]
    mix = Mix.model_validate(CHANNELS)
    assert [arm.channels for arm in one.arms] == [mix, mix]
    assert one.slots == (0, COUNT)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"arms": arms(0.5, 0.4)}, "Weights of the arms should sum to 1"),
        ({"arms": arms(0.5, 0.500002)}, "Weights of the arms should sum to 1"),
        ({"arms": arms(0.99996, 0.00004)}, "An arm should weigh at least 0.0001"),
        ({"arms": arms(1.0, 0.0)}, "greater than 0"),
        ({"arms": arms(2.0, -1.0)}, "less than or equal to 1"),
        ({"arms": []}, "at least 1 item"),
        ({"arms": arms(*[1 / 17] * 17)}, "at most 16 items"),
        ({"arms": [*arms(0.5), *arms(0.5)]}, "Give each arm a name of its own"),
        ({"arms": arms(1.0, channels=CHANNELS[:1])}, "Quotas should sum to 1"),
        ({"arms": arms(1.0, channels=CHANNELS * 2)}, "Name each channel once"),
        ({"arms": arms(1.0, channels=[])}, "Quotas should sum to 1"),
        ({"arms": arms(1.0, channels=[{"name": "magic", "quota": 1.0}])}, "should be 'model'"),
        ({"arms": arms(1.0, bundel="x")}, "Extra inputs are not permitted"),
        ({"slots": [5000, 5000]}, "with from below to"),
        ({"slots": [9000, 1000]}, "with from below to"),
        ({"slots": [0, 10001]}, "less than or equal to 10000"),
        ({"slots": [-1, 10]}, "greater than or equal to 0"),
        ({"slots": [0.5, 10]}, "valid integer"),
        ({"salt": "default"}, "The salt should differ from the layer"),
        ({"salt": ""}, "at least 1 character"),
        ({"name": "a=b"}, "with letters, digits"),
        ({"name": "a/b"}, "with letters, digits"),
    ],
)
def test_what_makes_no_sense_is_refused(given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValidationError) as caught:
        experiment(**given)
    assert sentence in str(caught.value)


def test_weights_may_miss_1_by_a_millionth() -> None:
    """Thirds cannot be written down."""
    assert experiment(arms=arms(0.3333333, 0.3333333, 0.3333333)).ends == (3333, 6667, 10000)


def test_every_bucket_has_an_arm() -> None:
    """In order, each as wide as its weight."""
    one = experiment(arms=arms(0.1, 0.2, 0.7))
    drawn = [one.arm(bucket).name for bucket in range(10000)]
    assert drawn == ["a"] * 1000 + ["b"] * 2000 + ["c"] * 7000


def test_it_says_what_it_decides() -> None:
    """Bundle, channels, or nothing: then it only counts, as an A/A test does."""
    assert experiment().decides == {"bundle", "channels"}
    assert experiment(arms=arms(1.0, bundle="couple")).decides == {"bundle"}
    assert experiment(arms=arms(0.5, 0.5)).decides == set()
