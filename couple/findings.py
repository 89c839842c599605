"""What an examination finds: one line each."""

from dataclasses import dataclass
from typing import Literal

State = Literal["well", "look", "mend"]  # nothing to do; worth a look; must be mended


@dataclass(frozen=True)
class Finding:
    """About what, what was found, and what to do unless all is well."""

    state: State
    about: str
    found: str
    advice: str = ""


def well(about: str, found: str) -> Finding:
    """Nothing to do."""
    return Finding("well", about, found)


def look(about: str, found: str, advice: str) -> Finding:
    """It works, but not as well as it could."""
    return Finding("look", about, found, advice)


def mend(about: str, found: str, advice: str) -> Finding:
    """It will not work, or lose what it acknowledged."""
    return Finding("mend", about, found, advice)
