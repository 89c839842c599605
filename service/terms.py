"""What must hold of every candidate, whichever channel it comes from."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from service.item import Attributes


class Terms(NamedTuple):
    """Live at `now` (epoch seconds), of one of the domains, a match for the filters, not excluded.

    A filter matches where, for every key, the item has any of the values given.
    """

    now: float
    domains: Sequence[str]
    filters: Attributes
    exclude: Collection[str]
