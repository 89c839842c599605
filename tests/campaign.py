"""How long a campaign of random rounds is: short in `make test`, whole in `make chaos`."""

import os


def count(usual: int, full: int) -> int:
    """`full` rounds where COUPLE_CHAOS is 1, else `usual`."""
    return full if os.environ.get("COUPLE_CHAOS") == "1" else usual
