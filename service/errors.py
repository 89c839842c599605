"""What can go wrong in the service: one tree, mapped to HTTP in one place.

CoupleError (bundle.errors)
└── ServiceError
    ├── StoreInUse     another process owns this embedded store
    └── StoreFailed    the embedded store did not start or stop
"""

from bundle.errors import CoupleError


class ServiceError(CoupleError):
    """Root of everything the service raises on purpose."""


class StoreInUse(ServiceError):
    """Another process owns this embedded store; the message names its pid."""


class StoreFailed(ServiceError):
    """The embedded store did not start or stop; the message names its log file."""
