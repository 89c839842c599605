"""What a user gets of the experiments: a model, a mix of channels, and the arms that say so."""

from collections.abc import Mapping
from typing import NamedTuple

from service.channels.mix import Mix
from service.experiments import NOBODY, Assignment
from service.generation import Generation
from service.generations import Generations


class Treatment(NamedTuple):
    """One user's, for one request."""

    generation: Generation
    mix: Mix
    arms: tuple[Assignment, ...] = ()
    lacking: bool = False  # this process has no model of the arm's: the active one answers


class Treatments:
    """Reads the experiments at each question, so a change holds from one request to the next."""

    def __init__(self, generations: Generations, mix: Mix) -> None:
        """`mix` is that of arms that set none, and of users in none."""
        self._generations = generations
        self._mix = mix

    def of(self, user_id: str, forced: Mapping[str, str] = NOBODY) -> Treatment:
        """What this user gets; `forced` names arms by experiment.

        Raises:
            ExperimentRefused: no such experiment or arm, or two of one layer.
        """
        experiments, active = self._generations.experiments, self._generations.active
        if not (experiments.running or forced):
            return Treatment(active, self._mix)
        arms = experiments.assigned(user_id, forced)
        mix = next((one.arm.channels for one in arms if one.arm.channels), self._mix)
        version = next((one.arm.version for one in arms if one.arm.version), None)
        found = active if version is None else self._generations.find(version)
        return Treatment(found or active, mix, arms, lacking=found is None)
