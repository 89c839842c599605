"""The service's own store and replica, for commands that read what they wrote."""

from tests.service.conftest import (
    anyio_backend,
    bundle_folder,
    configure,
    redis,
    valkey,
)

__all__ = ["anyio_backend", "bundle_folder", "configure", "redis", "valkey"]
