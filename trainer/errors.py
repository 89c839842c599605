"""What can go wrong between a data set and a checkpoint.

CoupleError (bundle.errors)
└── TrainerError
    ├── DataError          a data folder that cannot be learned from
    ├── ConfigError        a setting that does not exist or does not fit
    ├── CheckpointError    a folder that is not the checkpoint it is asked to be
    └── LostProcess        one of several training processes has ended before the others
"""

from pydantic import ValidationError

from bundle import CoupleError


class TrainerError(CoupleError):
    """Training, or what it reads and writes."""


class DataError(TrainerError):
    """A file of the data set is missing, malformed, or leaves nothing to learn."""


class ConfigError(TrainerError):
    """A setting is unknown, or its value does not fit."""


class CheckpointError(TrainerError):
    """A folder holds no checkpoint, a damaged one, or one of another run."""


class LostProcess(TrainerError):
    """Another process of the same training has ended, so that this one cannot go on."""


def first_fault(error: ValidationError) -> str:
    """The first thing wrong: "split: Input should be …"; no name where the whole text is."""
    first = error.errors(include_url=False, include_input=False)[0]
    return ": ".join([*[".".join(map(str, first["loc"]))][: len(first["loc"])], first["msg"]])
