"""Which models a service is to have, and which of them answers: what the control stream says.

A plan is a value. What an operator may do to it is a function from plan to plan, or a refusal.
"""

from collections.abc import Mapping
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from service.errors import ModelConflict, NotFound


class Named(BaseModel):
    """A model's name, and its bundle's path relative to COUPLE_BUNDLES; None: not below it."""

    model_config = ConfigDict(frozen=True)

    name: str
    path: str | None


class Own(NamedTuple):
    """The bundle that a process was started with."""

    version: str
    named: Named


class Plan(BaseModel):
    """Models by version. `active` None: every process answers with the bundle it was given."""

    model_config = ConfigDict(frozen=True)

    models: Mapping[str, Named] = {}
    active: str | None = None
    previous: str | None = None

    def wanted(self, own: str) -> list[str]:
        """Versions that a process started with `own` is to have, the active one first."""
        return list(dict.fromkeys([self.active or own, *self.models]))

    def load(self, version: str, named: Named) -> "Plan":
        """Have one more model."""
        return self._with(models={**self.models, version: named})

    def activate(self, version: str, own: Own) -> "Plan":
        """Answer with another model; the one that did so far stays, for a rollback.

        Raises:
            NotFound: there is no such model.
        """
        self._check(version, own)
        before = self.active or own.version
        if version == before:
            return self
        models = {**self.models}
        if self.active is None:
            models.setdefault(own.version, own.named)
        return self._with(models=models, active=version, previous=before)

    def roll_back(self) -> "Plan":
        """Answer with the previous model. There is then no previous one: a rollback that is sent
        twice must not bring the bad model back.

        Raises:
            ModelConflict: there is no previous model.
        """
        if self.previous is None:
            raise ModelConflict(
                "there is no previous model to go back to: activate one by its version"
            )
        return self._with(active=self.previous, previous=None)

    def drop(self, version: str, own: Own) -> "Plan":
        """Have one model less.

        Raises:
            NotFound: there is no such model.
            ModelConflict: it is the one that answers.
        """
        self._check(version, own)
        if version == (self.active or own.version):
            raise ModelConflict("this model answers now: activate another one before")
        models = {key: named for key, named in self.models.items() if key != version}
        previous = None if version == self.previous else self.previous
        return self._with(models=models, previous=previous)

    def _check(self, version: str, own: Own) -> None:
        if version not in self.wanted(own.version):
            raise NotFound("no live model has this version: see GET /models, or POST /models")

    def _with(self, **changes: object) -> "Plan":
        return self.model_copy(update=changes)
