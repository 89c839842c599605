"""Which models a service is to have, which of them answers, and which experiments divide its users:
what the control stream says.

A plan is a value. What an operator may do to it is a function from plan to plan, or a refusal.
"""

from collections.abc import Mapping
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from service.errors import ModelConflict, NotFound
from service.experiment import Experiment
from service.experiments import Delete, Experiments, Put, pinned


class Named(BaseModel):
    """A model's name, and its bundle's path relative to COUPLE_BUNDLES; None: not below it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    path: str | None


class Own(NamedTuple):
    """The bundle that a process was started with."""

    version: str
    named: Named


class Plan(BaseModel):
    """Models by version. `active` None: every process answers with the bundle it was given."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    models: Mapping[str, Named] = {}
    active: str | None = None
    previous: str | None = None
    experiments: Experiments = Experiments()

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
            ModelConflict: it is the one that answers, or an arm of an experiment.
        """
        self._check(version, own)
        if version == (self.active or own.version):
            raise ModelConflict("this model answers now: activate another one before")
        if one := self.experiments.serving(version):
            raise ModelConflict(f"the experiment {one.name} serves this model: end that before")
        models = {key: named for key, named in self.models.items() if key != version}
        previous = None if version == self.previous else self.previous
        return self._with(models=models, previous=previous)

    def define(self, given: Experiment, own: Own) -> "Plan":
        """Have an experiment, or have it otherwise, its bundles pinned to versions.

        Raises:
            ExperimentRefused: there is no such bundle.
            ExperimentConflict: what runs, or ran, does not allow it.
        """
        running = self.experiments.by_name.get(given.name)
        new = pinned(given, lambda bundle: self._resolved(bundle, own), running)
        models = {**self.models}
        if any(arm.version == own.version for arm in new.arms):
            models.setdefault(own.version, own.named)
        return self._with(models=models, experiments=self.experiments.then(Put(experiment=new)))

    def end(self, name: str) -> "Plan":
        """End an experiment; raise NotFound when none of this name runs."""
        return self._with(experiments=self.experiments.then(Delete(name=name)))

    def _resolved(self, bundle: str, own: Own) -> str | None:
        """A version as it is; of a name the model that answers, else the one loaded last."""
        active, *others = self.wanted(own.version)
        names = {version: named.name for version, named in self.models.items()}
        names.setdefault(active, own.named.name)
        if bundle in names:
            return bundle
        return next((one for one in (active, *reversed(others)) if names[one] == bundle), None)

    def _check(self, version: str, own: Own) -> None:
        if version not in self.wanted(own.version):
            raise NotFound("no live model has this version: see GET /models, or POST /models")

    def _with(self, **changes: object) -> "Plan":
        return self.model_copy(update=changes)
