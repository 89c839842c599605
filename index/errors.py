"""What a call can get wrong. The index stands alone, so its errors are a tree of their own.

ItemIndexError
├── WrongShape      an array, or a list that goes with it, has not the shape the call needs
├── NotFinite       a vector holds NaN or infinity, or is too long for float32 arithmetic
├── ZeroVector      a vector without a direction; it would tie with everything
├── DuplicateId     one call names an id twice; which vector it means is anyone's guess
├── InvalidTime     a time is NaN; None stands for "no time"
└── InvalidK        fewer than one result was asked for

A call that raises has changed nothing.
"""


class ItemIndexError(Exception):
    """The message is one sentence for a person, and names the row and the id where there is one."""


class WrongShape(ItemIndexError):
    """An array, or a list that goes with it, has not the shape the call needs."""


class NotFinite(ItemIndexError):
    """A vector holds NaN or infinity, or its squared length overflows float32."""


class ZeroVector(ItemIndexError):
    """A vector is zero, or its squared length underflows float32."""


class DuplicateId(ItemIndexError):
    """One call names an id twice."""


class InvalidTime(ItemIndexError):
    """A time is NaN."""


class InvalidK(ItemIndexError):
    """Fewer than one result was asked for."""
