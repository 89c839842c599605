"""What can go wrong in the service: one tree, mapped to HTTP in one place.

CoupleError (bundle.errors)
└── ServiceError
    ├── StoreInUse     another process owns this embedded store
    ├── StoreFailed    the embedded store did not start or stop
    ├── StateUnusable  the folder of COUPLE_STATE cannot be used: 503
    ├── ChildRefused, ChildLost, ChildDied   what ran in a process of its own (service.child)
    ├── StartRefused           the service cannot start like this
    │   ├── SettingsRefused    a setting makes no sense
    │   ├── KeysMissing        an open address without keys
    │   ├── StoreMissing       no Redis there, or one too old
    │   ├── EngineMissing      no Milvus there, or nothing to speak to it with
    │   ├── AddressTaken       the port cannot be bound
    │   └── WorkersFailed      no worker came up
    ├── SequenceMalformed  not a sequence: 422
    ├── SequenceForeign    a sequence of another store: 409
    ├── NotFound           no such item, or no such model: 404
    ├── ModelRefused       a bundle that cannot be served: 422
    ├── ModelConflict      the state of the models does not allow it: 409
    ├── ModelLate          written down, but not in force yet: 503
    ├── PlanNewer          what holds is of a newer version of the service: 503
    ├── ExperimentRefused   a definition or a forced arm that makes no sense: 422
    ├── ExperimentConflict  one that what is running does not allow: 409
    ├── Busy               no place for a request, or for its body: 429
    ├── Unauthenticated    no key, or an unknown one: 401
    ├── Forbidden          a key without the scope: 403
    └── BodyRefused        a body that cannot be taken: 400, 408, 413, 415 or 422

(redis.exceptions.RedisError passes through: the path of a request maps it to 503, the background
tasks wait for Redis to come back. StoreAway is one: Redis did not answer of late and is not asked.)
"""

from collections.abc import Sequence
from dataclasses import dataclass

from redis.exceptions import RedisError

from bundle.errors import CoupleError


class ServiceError(CoupleError):
    """Root of everything the service raises on purpose."""


class StoreInUse(ServiceError):
    """Another process owns this embedded store; the message names its pid."""


class StoreFailed(ServiceError):
    """The embedded store did not start or stop; the message names its log file."""


class StateUnusable(ServiceError):
    """The folder of COUPLE_STATE cannot be written or looked into."""


class StartRefused(ServiceError):
    """The service cannot start like this; the message says what to change."""


class SettingsRefused(StartRefused):
    """A setting makes no sense; the message names its variable."""


class KeysMissing(StartRefused):
    """An address that others can reach, and no key configured."""


class StoreMissing(StartRefused):
    """No Redis answers at this URL, or one too old."""


class EngineMissing(StartRefused):
    """The index is to be kept by what is not there."""


class AddressTaken(StartRefused):
    """The address cannot be bound."""


class WorkersFailed(StartRefused):
    """No worker came up; what it said stands above."""


class StoreAway(RedisError):
    """Redis did not answer of late; it is asked again in a moment."""


class SequenceMalformed(ServiceError):
    """Not a sequence."""


class SequenceForeign(ServiceError):
    """A sequence of another store."""


class NotFound(ServiceError):
    """The catalogue holds no such item, or the service no such model."""


class Busy(ServiceError):
    """More is asked than can be answered in time."""


class ModelRefused(ServiceError):
    """A bundle that cannot be served; the message says why."""


class ModelConflict(ServiceError):
    """The state of the models does not allow it."""


class ModelLate(ServiceError):
    """What was asked is written down and will happen; this process has not followed yet."""


class PlanNewer(ServiceError):
    """The plan of models and experiments is in words of a newer version of the service."""


class ExperimentRefused(ServiceError):
    """A definition, or an arm to force, that makes no sense here."""


class ExperimentConflict(ServiceError):
    """A definition that the experiments which run, or ran, do not allow."""


class Unauthenticated(ServiceError):
    """No key, or one that is not configured."""


class Forbidden(ServiceError):
    """The key does not have the scope."""


@dataclass(frozen=True)
class Place:
    """One thing wrong with a request: where (`items[3].tags[0]`), and how to mend it."""

    place: str
    detail: str


class BodyRefused(ServiceError):
    """A body that cannot be taken; `places` name each thing wrong with it."""

    def __init__(self, status: int, detail: str, places: Sequence[Place] = ()) -> None:
        super().__init__(detail)
        self.status = status
        self.places = tuple(places)
