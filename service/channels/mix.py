"""Which channels an answer is made of, and in which proportions: a setting, a part of an arm."""

from functools import cached_property, lru_cache
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, RootModel, model_validator
from pydantic_core import PydanticCustomError

Name = Literal["model", "author", "fresh", "popular"]
NAMES: tuple[Name, ...] = ("model", "author", "fresh", "popular")

TWICE = PydanticCustomError("twice", "Name each channel once")
SUM = PydanticCustomError("sum", "Quotas should sum to 1")
TOLERANCE = 1e-6  # how far from 1 quotas and weights may sum


class Share(BaseModel):
    """One channel and its part of the places; 0: only where the others run short."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name
    quota: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class Mix(RootModel[tuple[Share, ...]]):
    """Channels with quotas that sum to 1; shown as the JSON list that it is read from."""

    model_config = ConfigDict(frozen=True)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if len({share.name for share in self.root}) < len(self.root):
            raise TWICE
        if abs(sum(share.quota for share in self.root) - 1) > TOLERANCE:
            raise SUM
        return self

    def __str__(self) -> str:
        return self.model_dump_json()

    @cached_property
    def sharing(self) -> tuple[Name, ...]:
        """Those that have places, in order."""
        return tuple(share.name for share in self.root if share.quota)

    @cached_property
    def filling(self) -> tuple[Name, ...]:
        """Those that are asked only when the sharing ones run short: as listed, then the rest."""
        listed = [share.name for share in self.root]
        ordered = dict.fromkeys((*listed, *NAMES))
        return tuple(name for name in ordered if name not in self.sharing)

    def turns(self, places: int) -> tuple[Name, ...]:
        """Whose each of so many places is: always the one that is furthest behind its quota."""
        return _turns(self, places)

    @cached_property
    def rings(self) -> dict[Name, tuple[Name, ...]]:
        """The sharing channels from each one on, round to it."""
        names = self.sharing
        return {name: names[at:] + names[:at] for at, name in enumerate(names)}


@lru_cache(maxsize=1024)
def _turns(mix: Mix, places: int) -> tuple[Name, ...]:
    quotas = {share.name: share.quota for share in mix.root if share.quota}
    owed = dict.fromkeys(quotas, 0.0)
    turns: list[Name] = []
    for _ in range(places):
        owed = {name: owed[name] + quotas[name] for name in owed}
        due = max(owed, key=owed.__getitem__)
        owed[due] -= 1
        turns.append(due)
    return tuple(turns)


MODEL_ALONE = Mix((Share(name="model", quota=1),))
