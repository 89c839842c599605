"""The lock of an index: who waits for it is not overtaken by who has just had it.

A plain lock that is taken again at once is seldom got by anybody else: who waits must first wake
up. Slow work that takes the lock slice by slice would so keep a search waiting for many slices.
"""

import threading


class Turns:
    """A lock for `with`; whoever stands in front of it is next."""

    def __init__(self) -> None:
        self._next = threading.Lock()  # held by the one who waits for the other
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        with self._next:
            self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    @property
    def awaited(self) -> bool:
        """Whether somebody stands in front of it."""
        return self._next.locked()
