"""The generations of this process, and the one that answers."""

from collections.abc import Sequence

from service.generation import Generation


class Generations:
    """Whoever answers asks for `active` once, at the start."""

    def __init__(self, active: Generation) -> None:
        self.active = active

    @property
    def live(self) -> Sequence[Generation]:
        """All that hold the catalogue and follow the log, the active one first."""
        return (self.active,)
