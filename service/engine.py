"""What keeps the vectors of all generations: the one place where one kind of index differs from
another.

Each process of the service has one engine. Models come, answer and go the same way whichever it is
(`service.generations`); how an index is filled and follows the log is the engine's business.
"""

from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, Protocol

from service.generation import Generation
from service.model import Model


class Held(Protocol):
    """The generations of this process, as chores see them."""

    @property
    def live(self) -> Sequence[Generation]:
        """All that hold the catalogue and follow the log."""

    @property
    def wanted(self) -> list[str]:
        """Versions there should be, the active one first."""


class Engine(Protocol):
    """Brings generations to the head of the log, and keeps them there."""

    def make(self, model: Model) -> Generation:
        """A generation that finds nothing yet."""

    async def open(self, folder: Path, version: str) -> Generation:
        """The same of the bundle in a folder, which must be of this version.

        Raises:
            BundleError: the bundle is missing, damaged, refused or of another version.
        """

    async def fill(self, generation: Generation, astray: Callable[[], bool]) -> None:
        """Have the first generation hold the catalogue and follow the log from now on.

        Nobody is answered yet, so this process may work for it. `astray` is asked what becomes of
        a generation that the log no longer leads on: True, and somebody else sees to it.
        """

    async def raise_(
        self, generation: Generation, folder: Path, astray: Callable[[], bool]
    ) -> None:
        """The same beside traffic; `folder` holds its bundle.

        Raises:
            ChildRefused: the bundle cannot be served.
            StateUnusable: there is nowhere to put a snapshot.
        """

    def drop(self, generation: Generation) -> None:
        """Let a generation stand where it is; one that never followed is fine."""

    def chores(self, held: Held) -> Sequence[Coroutine[Any, Any, None]]:
        """What is to be done now and then beside answers, each until cancelled."""

    async def close(self) -> None:
        """End all that it began; Redis can still be asked."""
