"""One stream of changes, one state: what it allows, and whom it sends where."""

import subprocess
import sys
from pathlib import Path

import pytest

from service.errors import ExperimentConflict, ExperimentRefused, NotFound
from service.experiments import ENTRY, KEPT, Delete, Experiments, Put, pinned
from tests.service.defining import arms, experiment, running

ROOT = Path(__file__).parents[2]
USERS = [f"u{n}" for n in range(3000)]
PLAIN = arms(0.5, 0.5)


def drawn(state: Experiments, name: str = "e") -> dict[str, str]:
    """User → arm of one experiment, for those who are in it."""
    return {
        user: one.arm.name
        for user in USERS
        for one in state.assigned(user)
        if one.experiment == name
    }


def test_nobody_is_in_an_experiment_before_there_is_one() -> None:
    assert Experiments().assigned("u") == ()


def test_the_fold_of_entries_is_the_state() -> None:
    """Through JSON and one by one, or written down whole: every replica comes to the same."""
    entries: list[Put | Delete] = [
        Put(experiment=experiment(slots=[0, 100])),
        Put(experiment=experiment(slots=[0, 200])),
        Put(experiment=experiment(name="f", slots=[200, 300], salt="s2")),
        Delete(name="e"),
    ]
    state = Experiments()
    for entry in entries:
        state = state.then(ENTRY.validate_json(entry.model_dump_json()))
    assert state.revision == 4
    assert [one.name for one in state.running] == ["f"]
    assert [one.name for one in state.ended] == ["e"]
    again = Experiments.model_validate_json(state.model_dump_json())
    assert again == state
    assert again.assigned("u7") == state.assigned("u7")


def test_of_those_that_ended_the_last_stay() -> None:
    """So an entry of the stream does not grow for ever; names and salts of the rest are free."""
    state = Experiments()
    for n in range(KEPT + 1):
        state = state.then(Put(experiment=experiment(name=f"e{n}", salt=f"s{n}", arms=PLAIN)))
        state = state.then(Delete(name=f"e{n}"))
    assert [one.name for one in state.ended] == [f"e{n}" for n in range(1, KEPT + 1)]
    state.then(Put(experiment=experiment(name="e0", salt="other")))
    with pytest.raises(ExperimentConflict, match="are frozen"):
        state.then(Put(experiment=experiment(name="e1", salt="other")))


def test_the_same_definition_again_changes_nothing() -> None:
    """A retried PUT is no new revision."""
    state = running(experiment())
    assert state.then(Put(experiment=experiment())) is state


def test_what_is_refused_changes_nothing() -> None:
    """The state is a value: whoever holds it keeps it."""
    state = running(experiment())
    before = state.model_dump()
    with pytest.raises(ExperimentConflict):
        state.then(Put(experiment=experiment(name="f", salt="s2")))
    with pytest.raises(NotFound, match="no such experiment"):
        state.then(Delete(name="f"))
    assert state.model_dump() == before


def test_a_ramp_only_adds_users() -> None:
    """Nobody who is in an arm changes it, up to everybody."""
    before: dict[str, str] = {}
    state = Experiments()
    for slots in ([4000, 4100], [4000, 5000], [2500, 7500], [0, 10000]):
        state = state.then(Put(experiment=experiment(slots=slots)))
        now = drawn(state)
        assert len(now) > len(before)
        assert before.items() <= now.items()
        before = now
    assert len(before) == len(USERS)


@pytest.mark.parametrize("slots", [[1000, 5000], [0, 4000], [5000, 9000]])
def test_a_ramp_that_would_drop_users_is_refused(slots: list[int]) -> None:
    state = running(experiment(slots=[0, 5000]))
    with pytest.raises(ExperimentConflict, match=r"slots \[0, 5000\], and a ramp only widens"):
        state.then(Put(experiment=experiment(slots=slots)))


@pytest.mark.parametrize(
    "change",
    [
        {"salt": "s2"},
        {"layer": "other"},
        {"arms": arms(0.4, 0.6)},
        {"arms": arms(0.5, 0.25, 0.25)},
        {"arms": [*arms(0.5), {"name": "z", "weight": 0.5}]},
    ],
)
def test_what_draws_the_arms_is_frozen(change: dict[str, object]) -> None:
    """While it runs and after it ended: a name stands for one division of the users."""
    state = running(experiment(arms=PLAIN))
    for now in (state, state.then(Delete(name="e"))):
        with pytest.raises(ExperimentConflict, match="are frozen"):
            now.then(Put(experiment=experiment(**{"arms": PLAIN, **change})))


def test_what_an_arm_serves_may_change() -> None:
    """A new version of a model, say; the users stay where they are."""
    state = running(experiment())
    changed = state.then(Put(experiment=experiment(arms=_served("dssm"))))
    assert changed.revision == 2
    assert changed.by_name["e"].arms[0].bundle == "dssm"
    assert drawn(changed) == drawn(state)


def _served(bundle: str) -> list[dict[str, object]]:
    return [{"name": name, "weight": 0.5, "bundle": bundle} for name in ("control", "treatment")]


def test_an_experiment_that_ended_can_go_on() -> None:
    """With the same arms for the same users, on any slots."""
    state = running(experiment(slots=[0, 5000]))
    before = drawn(state)
    again = state.then(Delete(name="e")).then(Put(experiment=experiment(slots=[0, 2000])))
    assert again.ended == ()
    assert drawn(again).items() <= before.items()


def test_experiments_of_one_layer_share_no_user() -> None:
    """Overlapping slots are refused, neighbouring ones are not."""
    state = running(experiment(slots=[0, 5000]))
    with pytest.raises(ExperimentConflict, match=r"e of this layer has the slots \[0, 5000\]"):
        state.then(Put(experiment=experiment(name="f", salt="s2", slots=[4999, 6000])))
    both = state.then(Put(experiment=experiment(name="f", salt="s2", slots=[5000, 6000])))
    assert not set(drawn(both)) & set(drawn(both, "f"))
    assert len(drawn(both, "f")) == pytest.approx(len(USERS) / 10, rel=0.2)
    with pytest.raises(ExperimentConflict, match="f of this layer has the slots"):
        both.then(Put(experiment=experiment(slots=[0, 5001])))


def test_layers_cross() -> None:
    """A user may be in one experiment of each, in any pair of arms."""
    one = experiment(arms=PLAIN)
    state = running(one, experiment(name="f", layer="other", salt="s2", arms=PLAIN))
    pairs = {tuple(found.arm.name for found in state.assigned(user)) for user in USERS}
    assert pairs == {(a, b) for a in "ab" for b in "ab"}


def test_a_salt_belongs_to_one_experiment() -> None:
    """Running or ended, else their arms would hold the same users."""
    new = experiment(name="f", layer="other", arms=PLAIN)
    state = running(experiment(arms=PLAIN))
    for now in (state, state.then(Delete(name="e"))):
        with pytest.raises(ExperimentConflict, match="e divides its users by this salt"):
            now.then(Put(experiment=new))


@pytest.mark.parametrize("given", [{"salt": "default"}, {"layer": "s1", "salt": "s2"}])
def test_no_salt_is_another_layer(given: dict[str, str]) -> None:
    """One hash of one user would draw both."""
    new = experiment(**{"name": "f", "layer": "other", "arms": PLAIN, **given})
    with pytest.raises(ExperimentConflict, match="are one word"):
        running(experiment(arms=PLAIN)).then(Put(experiment=new))


def test_one_layer_decides_a_thing_for_all() -> None:
    """No user can be sent to two models; a layer beside may decide the channels."""
    state = running(experiment(arms=arms(0.5, 0.5, bundle="couple")))
    other = {"name": "f", "layer": "other", "salt": "s2"}
    with pytest.raises(ExperimentConflict, match="e of another layer decides the bundle already"):
        state.then(Put(experiment=experiment(**other, arms=arms(0.5, 0.5, bundle="dssm"))))
    mixed = arms(0.5, 0.5, channels=[{"name": "fresh", "quota": 1.0}])
    assert len(state.then(Put(experiment=experiment(**other, arms=mixed))).running) == 2


def test_a_forced_arm_is_said_to_be_forced() -> None:
    """Whatever slot the user has; the experiments of other layers go on."""
    state = running(
        experiment(slots=[0, 1], arms=PLAIN),
        experiment(name="f", slots=[1, 10000], salt="s2", arms=PLAIN),
        experiment(name="g", layer="other", salt="s3", arms=PLAIN),
    )
    (default, other) = state.assigned("u1", {"e": "b"})
    assert (default.experiment, default.arm.name, default.forced) == ("e", "b", True)
    assert (other.experiment, other.forced) == ("g", False)
    assert state.assigned("u1")[0].experiment == "f"
    assert default.bucket == running(experiment(arms=PLAIN)).assigned("u1")[0].bucket


@pytest.mark.parametrize(
    ("forced", "sentence"),
    [
        ({"x": "a"}, "an experiment that does not run"),
        ({"e": "x"}, "an arm that this experiment does not have"),
        ({"e": "a", "f": "a"}, "two experiments of one layer"),
    ],
)
def test_an_arm_that_cannot_be_forced_is_refused(forced: dict[str, str], sentence: str) -> None:
    state = running(
        experiment(slots=[0, 1], arms=PLAIN),
        experiment(name="f", slots=[1, 2], salt="s2", arms=PLAIN),
    )
    with pytest.raises(ExperimentRefused, match=sentence):
        state.assigned("u1", forced)


def test_a_bundle_is_pinned_to_its_version() -> None:
    """By the callable that knows the models; whatever version the caller wrote is no matter."""
    versions = {"youtube": "v1", "couple": "v2"}
    one = pinned(experiment(), versions.get)
    assert [arm.version for arm in one.arms] == ["v1", "v2"]
    free = experiment(arms=[{"name": "a", "weight": 1.0, "version": "v9"}])
    assert pinned(free, versions.get).arms[0].version is None


def test_an_unknown_bundle_is_refused_by_position() -> None:
    with pytest.raises(ExperimentRefused, match=r"arms\[1\]\.bundle is no model here"):
        pinned(experiment(), {"youtube": "v1"}.get)


def test_another_process_sends_every_user_to_the_same_arm() -> None:
    """After reading the state as text: nothing else is needed, and no hash seed matters."""
    state = running(
        experiment(slots=[1000, 9000], arms=arms(0.1, 0.2, 0.7)),
        experiment(name="f", layer="other", salt="s2", arms=PLAIN),
    )
    code = (
        "import sys; from service.experiments import Experiments;"
        "state = Experiments.model_validate_json(sys.stdin.readline());"
        "print([[(a.experiment, a.arm.name, a.bucket) for a in state.assigned(f'u{n}')]"
        " for n in range(3000)])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        input=state.model_dump_json() + "\n", cwd=ROOT, env={"PYTHONHASHSEED": "7"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    here = [[(a.experiment, a.arm.name, a.bucket) for a in state.assigned(user)] for user in USERS]
    assert result.stdout.strip() == str(here)
