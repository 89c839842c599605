"""The types of JSON values that requests are made of: lengths, characters, times."""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    StringConstraints,
)
from pydantic import WithJsonSchema as JsonSchema
from pydantic_core import PydanticCustomError, PydanticKnownError

PRINTABLE = r"^[^\x00-\x1f\x7f-\x9f]*$"
_FREE = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*$"  # with tabs and line ends
_RFC3339 = re.compile(
    r"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:)(\d\d)((?:\.\d+)?(?:Z|[+-]\d\d:\d\d))", re.ASCII
)
INT64 = 2**63
MOST_ATTRIBUTES = 16

Id = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=PRINTABLE)]
Tag = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=PRINTABLE)]
Tags = Annotated[list[Tag], Field(max_length=64)]
Title = Annotated[str, StringConstraints(max_length=1000, pattern=_FREE)]
Version = Annotated[int, Field(ge=-INT64, lt=INT64)]
Value = Annotated[str, StringConstraints(max_length=128, pattern=PRINTABLE)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=PRINTABLE)]


def _few(given: object) -> object:
    """pydantic counts a dictionary after it has checked every entry: a million take seconds."""
    if isinstance(given, dict) and len(given) > MOST_ATTRIBUTES:
        facts = {
            "field_type": "Dictionary",
            "max_length": MOST_ATTRIBUTES,
            "actual_length": None,  # "not more"
        }
        raise PydanticKnownError("too_long", facts)
    return given


Attributes = Annotated[
    dict[Name, Value | Annotated[list[Value], Field(max_length=64)]],
    Field(max_length=MOST_ATTRIBUTES),
    BeforeValidator(_few),
]


def parse_time(value: object) -> float:
    """RFC 3339 → epoch seconds, to the millisecond; a leap second counts as the one after it."""
    if isinstance(value, str) and (parts := _RFC3339.fullmatch(value.upper())):
        try:
            moment = (
                _leap(*parts.groups()) if parts[2] == "60" else datetime.fromisoformat(parts[0])
            )
            return (moment.astimezone(UTC) - _EPOCH) // timedelta(milliseconds=1) / 1000
        except (ValueError, OverflowError):
            pass
    raise PydanticCustomError(
        "time", "Input should be an RFC 3339 time with its offset, like 2026-11-23T10:00:00Z"
    )


def _leap(minute: str, _: str, rest: str) -> datetime:
    """The moment after second 60, which only the last minute of a day has; raise ValueError."""
    last = datetime.fromisoformat(f"{minute}59{rest}").astimezone(UTC)
    if (last.hour, last.minute) != (23, 59):
        raise ValueError("no leap second")
    return last + timedelta(seconds=1)


def format_time(seconds: float | None) -> str | None:
    """Epoch seconds → RFC 3339 in UTC."""
    if seconds is None:
        return None
    moment = _EPOCH + timedelta(milliseconds=round(seconds * 1000))
    return moment.isoformat(timespec="milliseconds" if moment.microsecond else "seconds").replace(
        "+00:00", "Z"
    )


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Time = Annotated[
    float, PlainValidator(parse_time), JsonSchema({"type": "string", "format": "date-time"})
]


class Body(BaseModel):
    """Strict, frozen, and nothing but the fields it names."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")
