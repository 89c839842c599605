"""What a recommendation showed, to whom and in which arms: the event stream's record of it.

An impression or a click names its request; this says what that request was an answer to. In the
stream candidates are three columns (ids, channels, times), which are half the work of as many rows.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, NamedTuple

import orjson
from pydantic import BeforeValidator, TypeAdapter

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


def _rows(columns: list[Iterable[object]]) -> list[tuple[object, ...]]:
    """Of columns of one length; raise ValueError."""
    try:
        return list(zip(*columns, strict=True))
    except TypeError as error:
        raise ValueError("candidates are no columns") from error


@dataclass(frozen=True)
class Exposure:
    """One answer of /recommend; the time is epoch seconds."""

    request_id: str
    user_id: str
    time: float
    version: str  # of the model that answered
    sequence: str | None  # of the index that it searched
    experiments: tuple[Placed, ...]
    candidates: Annotated[tuple[Shown, ...], BeforeValidator(_rows)]

    def encode(self) -> str:
        """What the event stream keeps of it: all but the candidates after the first `FIRST`."""
        columns = list(zip(*self.candidates[:FIRST], strict=True))
        arms = [tuple(one) for one in self.experiments]
        return orjson.dumps({**vars(self), "experiments": arms, "candidates": columns}).decode()

    @classmethod
    def decode(cls, text: str) -> "Exposure":
        """Read what `encode` wrote, ignoring facts of a later version; raise ValueError."""
        return _READER.validate_json(text)


_READER = TypeAdapter(Exposure)
