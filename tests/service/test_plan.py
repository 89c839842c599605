"""What an operator may do to the models, as functions from plan to plan."""

import pytest

from service.errors import ModelConflict, NotFound
from service.plan import Named, Own, Plan

OWN = Own("own", Named(name="couple", path="own"))


def named(name: str) -> Named:
    return Named(name="couple", path=name)


def loaded(*versions: str) -> Plan:
    plan = Plan()
    for version in versions:
        plan = plan.load(version, named(version))
    return plan


def test_until_something_is_activated_everybody_answers_with_their_own() -> None:
    assert Plan().wanted("own") == ["own"]
    assert loaded("a", "b").wanted("own") == ["own", "a", "b"]
    assert loaded("a").active is None


def test_an_activation_keeps_what_answered_before() -> None:
    """Also one that the stream did not know of: who was started with another finds it too."""
    plan = loaded("a").activate("a", OWN)
    assert (plan.active, plan.previous) == ("a", "own")
    assert plan.wanted("other") == ["a", "own"]
    assert plan.models["own"] == OWN.named


def test_activating_what_answers_already_changes_nothing() -> None:
    plan = loaded("a", "b").activate("a", OWN)
    assert plan.activate("a", OWN) == plan
    assert Plan().activate("own", OWN) == Plan()


def test_a_second_rollback_is_refused() -> None:
    """One that is sent twice must not bring the bad model back."""
    plan = loaded("a").activate("a", OWN).roll_back()
    assert (plan.active, plan.previous) == ("own", None)
    assert "a" in plan.models
    with pytest.raises(ModelConflict):
        plan.roll_back()
    with pytest.raises(ModelConflict):
        Plan().roll_back()


def test_what_was_rolled_back_can_be_activated_again() -> None:
    plan = loaded("a").activate("a", OWN).roll_back().activate("a", OWN)
    assert (plan.active, plan.previous) == ("a", "own")


def test_only_what_does_not_answer_can_be_dropped() -> None:
    """Dropping the previous one leaves nothing to go back to."""
    plan = loaded("a", "b").activate("a", OWN)
    assert set(plan.drop("b", OWN).models) == {"own", "a"}
    dropped = plan.drop("own", OWN)
    assert (dropped.active, dropped.previous, set(dropped.models)) == ("a", None, {"a", "b"})
    for given, active in ((plan, "a"), (Plan(), "own")):
        with pytest.raises(ModelConflict):
            given.drop(active, OWN)


def test_a_version_nobody_loaded_is_not_found() -> None:
    with pytest.raises(NotFound):
        Plan().activate("a", OWN)
    with pytest.raises(NotFound):
        loaded("b").drop("a", OWN)


def test_a_plan_survives_being_written_down() -> None:
    plan = loaded("a", "b").activate("b", OWN)
    assert Plan.model_validate_json(plan.model_dump_json()) == plan
