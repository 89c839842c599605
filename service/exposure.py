"""What a recommendation showed, to whom and in which arms: the event stream's record of it.

An impression or a click names its request; this says what that request was an answer to.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import NamedTuple

import orjson
from pydantic import TypeAdapter

KIND = "recommendation"  # of its entries in the event stream
FIRST = 20  # candidates that are kept


class Shown(NamedTuple):
    """One candidate; the time is epoch seconds, None where nobody said when it was published."""

    item_id: str
    channel: str
    published_at: float | None = None


class Placed(NamedTuple):
    """One experiment's arm, as the answer named it; a forced one is left out of reports."""

    experiment: str
    arm: str
    bucket: int
    forced: bool = False


@dataclass(frozen=True)
class Exposure:
    """One answer of /recommend; the time is epoch seconds."""

    request_id: str
    user_id: str
    time: float
    version: str  # of the model that answered
    sequence: str | None  # of the index that it searched
    experiments: tuple[Placed, ...]
    candidates: tuple[Shown, ...]

    def encode(self) -> str:
        """What the event stream keeps of it: all but the candidates after the first `FIRST`."""
        parts = {"experiments": self.experiments, "candidates": self.candidates[:FIRST]}
        plain = {name: list(map(tuple, some)) for name, some in parts.items()}
        return orjson.dumps({**vars(self), **plain}).decode()

    @classmethod
    def decode(cls, text: str) -> "Exposure":
        """Read what `encode` wrote, ignoring facts of a later version; raise ValueError."""
        return _READER.validate_json(text)


def line(facts: Iterable[object]) -> bytes:
    """What `encode` writes of an exposure whose fields, in order, are plain values; NaN is None.

    For the many that a service writes: half the cost is in the classes above.
    """
    return orjson.dumps(dict(zip(_NAMES, facts, strict=True)))


_NAMES = tuple(entry.name for entry in fields(Exposure))
_READER = TypeAdapter(Exposure)
