"""All experiments at one point of the control stream: a value that every replica folds alike.

`then` makes the next state of an entry; one that is refused changes nothing. `assigned` asks a
state which arms a user gets, and needs nothing else: no store, no clock, no memory of the user.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Annotated, Literal, NamedTuple

from pydantic import Field, NonNegativeInt, TypeAdapter

from service import buckets
from service.errors import ExperimentConflict, ExperimentRefused, NotFound
from service.experiment import Arm, Experiment
from service.text import Body

Resolve = Callable[[str], str | None]  # a bundle's name or version → its version, if it is there
NOBODY: Mapping[str, str] = {}
KEPT = 200  # experiments that ended, the latest: each entry of the control stream holds them all


class Put(Body):
    """An entry of the stream: this definition from now on, its bundles pinned to versions."""

    kind: Literal["put"] = "put"
    experiment: Experiment


class Delete(Body):
    """An entry of the stream: the experiment ends."""

    kind: Literal["delete"] = "delete"
    name: str


Entry = Annotated[Put | Delete, Field(discriminator="kind")]
ENTRY: TypeAdapter[Put | Delete] = TypeAdapter(Entry)


class Assignment(NamedTuple):
    """What one user gets of one experiment."""

    experiment: str
    arm: Arm
    bucket: int
    forced: bool = False


class Lane(NamedTuple):
    """A layer's experiments in order of their slots."""

    layer: str
    ends: tuple[int, ...]  # of each experiment's slots
    experiments: tuple[Experiment, ...]

    def of(self, user_id: str) -> Experiment | None:
        """The one that takes this user."""
        slot = buckets.number(self.layer, user_id)
        at = buckets.arm_of(self.ends, slot)
        if at < len(self.ends) and self.experiments[at].slots[0] <= slot:
            return self.experiments[at]
        return None


class Experiments(Body):
    """Those that run and the last `KEPT` that ended; `revision` counts the changes."""

    revision: NonNegativeInt = 0
    running: tuple[Experiment, ...] = ()
    ended: tuple[Experiment, ...] = ()

    @cached_property
    def by_name(self) -> dict[str, Experiment]:
        """Those that run."""
        return {one.name: one for one in self.running}

    @cached_property
    def lanes(self) -> tuple[Lane, ...]:
        """One a layer, in order of their names."""
        layers = sorted({one.layer for one in self.running})
        return tuple(_lane(layer, self.running) for layer in layers)

    @cached_property
    def versions(self) -> frozenset[str]:
        """Of all models that arms serve."""
        return frozenset().union(*(one.versions for one in self.running))

    def serving(self, version: str) -> Experiment | None:
        """One that has this model in an arm."""
        return next((one for one in self.running if version in one.versions), None)

    def then(self, entry: Put | Delete) -> "Experiments":
        """The state after an entry; the same where it changes nothing.

        Raises:
            NotFound: there is no such experiment to delete.
            ExperimentConflict: what runs, or ran, does not allow it.
        """
        if isinstance(entry, Delete):
            return self._without(entry.name)
        new = entry.experiment
        if self.by_name.get(new.name) == new:
            return self
        self._check(new)
        return Experiments(
            revision=self.revision + 1,
            running=(*(one for one in self.running if one.name != new.name), new),
            ended=tuple(one for one in self.ended if one.name != new.name),
        )

    def _without(self, name: str) -> "Experiments":
        if name not in self.by_name:
            raise NotFound("no such experiment is running")
        return Experiments(
            revision=self.revision + 1,
            running=tuple(one for one in self.running if one.name != name),
            ended=(*self.ended, self.by_name[name])[-KEPT:],
        )

    def _check(self, new: Experiment) -> None:
        for one in (*self.running, *self.ended):
            _check_draw(new, one)
        for one in self.running:
            _check_place(new, one)

    def assigned(self, user_id: str, forced: Mapping[str, str] = NOBODY) -> tuple[Assignment, ...]:
        """One arm of each layer that has an experiment for this user.

        `forced` names arms by experiment; such an experiment takes the place of its layer's.

        Raises:
            ExperimentRefused: no such experiment or arm, or two of one layer.
        """
        if not forced:
            return self._each(user_id)
        by_layer = {one.layer: one for one in map(self._find, forced)}
        if len(by_layer) < len(forced):
            raise ExperimentRefused("two experiments of one layer cannot be forced together")
        return tuple(self._all(user_id, forced, by_layer))

    def _each(self, user_id: str) -> tuple[Assignment, ...]:
        """A loop: on every request, and a comprehension takes a third longer."""
        drawn: list[Assignment] = []
        for lane in self.lanes:
            one = lane.of(user_id)
            if one is not None:
                drawn.append(_drawn(one, user_id))
        return tuple(drawn)

    def _all(
        self, user_id: str, forced: Mapping[str, str], by_layer: Mapping[str, Experiment]
    ) -> Iterator[Assignment]:
        for lane in self.lanes:
            if lane.layer in by_layer:
                one = by_layer[lane.layer]
                yield _forced(one, forced[one.name], user_id)
            elif (found := lane.of(user_id)) is not None:
                yield _drawn(found, user_id)

    def _find(self, name: str) -> Experiment:
        if name not in self.by_name:
            raise ExperimentRefused("X-Couple-Arm names an experiment that does not run")
        return self.by_name[name]


def pinned(new: Experiment, resolve: Resolve, running: Experiment | None = None) -> Experiment:
    """With the version of each bundle it names, as it goes into the stream.

    A bundle that an arm has already, by this very name, keeps its version: whoever widens a ramp
    does not mean to change what is tested.

    Raises:
        ExperimentRefused: the service has no such bundle.
    """
    before = {arm.name: arm for arm in running.arms} if running else {}
    arms = tuple(
        _pinned(arm, place, resolve, before.get(arm.name)) for place, arm in enumerate(new.arms)
    )
    return new.model_copy(update={"arms": arms})


def _pinned(arm: Arm, place: int, resolve: Resolve, before: Arm | None) -> Arm:
    if arm.bundle is None:
        version = None
    elif before and before.bundle == arm.bundle:
        version = before.version
    elif (version := resolve(arm.bundle)) is None:
        raise ExperimentRefused(f"arms[{place}].bundle is no model here: see GET /models")
    return arm.model_copy(update={"version": version})


def _lane(layer: str, running: tuple[Experiment, ...]) -> Lane:
    mine = tuple(sorted((one for one in running if one.layer == layer), key=lambda one: one.slots))
    return Lane(layer, tuple(one.slots[1] for one in mine), mine)


def _drawn(one: Experiment, user_id: str) -> Assignment:
    bucket = buckets.number(one.salt, user_id)
    return Assignment(one.name, one.arm(bucket), bucket)


def _forced(one: Experiment, name: str, user_id: str) -> Assignment:
    arm = one.named(name)
    if arm is None:
        raise ExperimentRefused("X-Couple-Arm names an arm that this experiment does not have")
    return Assignment(one.name, arm, buckets.number(one.salt, user_id), forced=True)


def _check_draw(new: Experiment, one: Experiment) -> None:
    """Whether an experiment that runs or ran leaves its name and its salt to this one."""
    if one.name != new.name:
        if one.salt == new.salt:
            raise ExperimentConflict(
                f"the experiment {one.name} divides its users by this salt: choose another, "
                "or the arms of the two go together"
            )
        if one.salt == new.layer or one.layer == new.salt:
            raise ExperimentConflict(
                f"a layer and a salt of this and of the experiment {one.name} are one word: choose "
                "another, or the arms of the one follow the slots of the other"
            )
    elif one.drawing != new.drawing:
        raise ExperimentConflict(
            "layer, salt, names and weights of the arms are frozen, else users would change arm: "
            "start an experiment of another name"
        )


def _check_place(new: Experiment, one: Experiment) -> None:
    """Whether a running experiment leaves this one its slots, and what it wants to decide."""
    if one.name == new.name:
        if new.slots[0] > one.slots[0] or new.slots[1] < one.slots[1]:
            raise ExperimentConflict(
                f"it runs on slots {list(one.slots)}, and a ramp only widens: users who are in it "
                "would drop out"
            )
    elif one.layer == new.layer:
        if max(one.slots[0], new.slots[0]) < min(one.slots[1], new.slots[1]):
            raise ExperimentConflict(
                f"the experiment {one.name} of this layer has the slots {list(one.slots)}: take "
                "others, or another layer"
            )
    elif both := sorted(one.decides & new.decides):
        raise ExperimentConflict(
            f"the experiment {one.name} of another layer decides the {both[0]} already: one layer "
            "decides it for all, so give both experiments the same layer"
        )
