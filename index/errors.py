"""What a call can get wrong. The index stands alone, so its errors are a tree of their own.

ItemIndexError
├── WrongShape      an array, or a list that goes with it, has not the shape the call needs
├── NotFinite       a vector holds NaN, infinity or what half floats cannot hold
├── ZeroVector      a vector without a direction; it would tie with everything
├── DuplicateId     one call names an id twice; which vector it means is anyone's guess
├── InvalidTime     a time is NaN; None stands for "no time"
├── InvalidRecall   a recall target is no share
├── InvalidK        fewer than one result was asked for, or more than the engine can find
├── EngineFailed    the engine behind the index cannot be reached, or refuses
│   └── EngineSilent    it has not answered: what it was sent it may take in later
└── SnapshotError   a snapshot cannot be written, or the folder cannot be read
    ├── NoSnapshot       the folder holds none
    └── SnapshotRefused  it is damaged, contradicts itself, or is of something else

A call that raises has changed nothing; one that EngineFailed ends may have changed part.
"""


class ItemIndexError(Exception):
    """The message is one sentence for a person, and names the row and the id where there is one."""


class WrongShape(ItemIndexError):
    """An array, or a list that goes with it, has not the shape the call needs."""


class NotFinite(ItemIndexError):
    """A vector holds NaN, infinity, or more than half floats can hold."""


class ZeroVector(ItemIndexError):
    """A vector is zero, or so short that it is as half floats."""


class DuplicateId(ItemIndexError):
    """One call names an id twice."""


class InvalidTime(ItemIndexError):
    """A time is NaN."""


class InvalidRecall(ItemIndexError):
    """A recall target is not above 0 and at most 1."""


class InvalidK(ItemIndexError):
    """Fewer than one result was asked for, or more than the engine can find."""


class EngineFailed(ItemIndexError):
    """The engine behind the index cannot be reached, or refuses; the call can be repeated."""


class EngineSilent(EngineFailed):
    """The engine has not answered in time; it may do later what it was asked to."""


class SnapshotError(ItemIndexError):
    """A snapshot cannot be written, or the folder of snapshots cannot be read."""


class NoSnapshot(SnapshotError):
    """The folder holds no snapshot."""


class SnapshotRefused(SnapshotError):
    """A snapshot is damaged, contradicts itself, or is of something else than was asked for."""
