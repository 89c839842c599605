"""A place in the item log: `<store id>.<ms>-<n>`, opaque to callers, ordered within one store."""

import re
from dataclasses import dataclass

from service.errors import SequenceMalformed

_FORM = re.compile(r"([0-9a-f]{16})\.(\d{1,15})-(\d{1,15})", re.ASCII)

Position = tuple[int, int]
START: Position = (0, 0)


@dataclass(frozen=True)
class LogSequence:
    """What `X-Couple-After` carries."""

    store: str
    position: Position

    def __str__(self) -> str:
        return f"{self.store}.{to_id(self.position)}"

    @classmethod
    def parse(cls, text: str) -> "LogSequence":
        """Read what `str` wrote; raise SequenceMalformed otherwise."""
        match = _FORM.fullmatch(text)
        if not match:
            raise SequenceMalformed("X-Couple-After is not a sequence that this service gave out")
        return cls(match[1], (int(match[2]), int(match[3])))


def to_id(position: Position) -> str:
    """The stream id of a position."""
    return f"{position[0]}-{position[1]}"


def from_id(stream_id: str) -> Position:
    """The position of a stream id."""
    ms, number = stream_id.split("-")
    return int(ms), int(number)
