"""What an experiment is: which users it takes, and what each of its arms serves."""

import re
from functools import cached_property
from typing import Annotated, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from service import buckets
from service.channels.mix import TOLERANCE, Mix
from service.text import Body, Name

SPELLING = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"  # fit for a path, and for `experiment=arm`
_SPELLED = re.compile(SPELLING, re.ASCII)

WEIGHTS = PydanticCustomError("weights", "Weights of the arms should sum to 1")
EMPTY = PydanticCustomError("empty", "An arm should weigh at least 0.0001, one bucket of 10,000")
TWICE = PydanticCustomError("twice", "Give each arm a name of its own")
SLOTS = PydanticCustomError("slots", "Slots should be [from, to) with from below to")
SALT = PydanticCustomError("salt", "The salt should differ from the layer: arms would follow slots")


def _spelled(name: str) -> str:
    if not _SPELLED.fullmatch(name):
        raise PydanticCustomError(
            "spelling", "Name it with letters, digits, '.', '_', '-', a letter or digit first"
        )
    return name


Spelled = Annotated[
    str,
    StringConstraints(min_length=1, max_length=64),
    AfterValidator(_spelled),
    Field(json_schema_extra={"pattern": SPELLING}),
]
Slot = Annotated[int, Field(ge=0, le=buckets.COUNT)]


class Arm(Body):
    """What one part of the users gets; what it leaves out is as for everybody."""

    name: Spelled
    weight: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]
    bundle: Name | None = Field(None, description="a model's name or version")
    channels: Mix | None = None
    version: str | None = Field(None, description="of the bundle; the service's, never a caller's")


class Experiment(Body):
    """One definition, as PUT /experiments/{name} takes it and the control stream keeps it."""

    name: Spelled
    layer: Name = "default"
    slots: tuple[Slot, Slot] = (0, buckets.COUNT)
    salt: Name
    arms: Annotated[tuple[Arm, ...], Field(min_length=1, max_length=16)]

    @model_validator(mode="after")
    def _sound(self) -> Self:
        weights = [arm.weight for arm in self.arms]
        if abs(sum(weights) - 1) > TOLERANCE:
            raise WEIGHTS
        if len({arm.name for arm in self.arms}) < len(self.arms):
            raise TWICE
        if len({0, *self.ends}) <= len(self.arms):
            raise EMPTY
        if self.slots[0] >= self.slots[1]:
            raise SLOTS
        if self.salt == self.layer:
            raise SALT
        return self

    @cached_property
    def ends(self) -> tuple[int, ...]:
        """The bucket at which each arm ends."""
        return buckets.bounds([arm.weight for arm in self.arms])

    @property
    def drawing(self) -> tuple[object, ...]:
        """All that decides which arm a user of it gets: frozen while it runs, and afterwards."""
        return self.layer, self.salt, tuple((arm.name, arm.weight) for arm in self.arms)

    @property
    def decides(self) -> frozenset[str]:
        """What its arms set: `bundle`, `channels` or both."""
        named = {"bundle": any(arm.bundle for arm in self.arms)}
        named["channels"] = any(arm.channels for arm in self.arms)
        return frozenset(name for name, said in named.items() if said)

    @property
    def versions(self) -> frozenset[str]:
        """Of the models that its arms serve."""
        return frozenset(arm.version for arm in self.arms if arm.version)

    def arm(self, bucket: int) -> Arm:
        """Whose bucket this is."""
        return self.arms[buckets.arm_of(self.ends, bucket)]

    def named(self, name: str) -> Arm | None:
        """The arm of a name."""
        return next((arm for arm in self.arms if arm.name == name), None)
