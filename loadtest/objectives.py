"""What a load test must meet: `p99=50ms,errors=0`."""

import re
from dataclasses import dataclass

from loadtest.errors import ObjectiveRefused
from loadtest.tally import DIGITS, Tally

LATENCY = re.compile(r"(p\d{1,2}(?:\.\d+)?|max)")
DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(us|ms|s)")
SHARE = re.compile(r"(\d+(?:\.\d+)?)(%?)")
UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0}
FORM = "write --slo like p99=50ms,errors=0.1%"


@dataclass(frozen=True)
class Objective:
    """A limit: of a percentile in seconds, or of errors in number or per cent."""

    name: str  # p50 … p99.9, max, errors
    limit: float
    text: str  # as it was given
    share: bool = False  # of errors: the limit is per cent

    def found(self, tally: Tally) -> float:
        """What is held against the limit."""
        if self.name != "errors":
            percent = 100.0 if self.name == "max" else float(self.name[1:])
            return tally.percentile(percent)
        return 100 * tally.errors / max(1, tally.count) if self.share else tally.errors

    def met(self, tally: Tally) -> bool:
        """Latencies to the digits that are kept; without a good answer none is met."""
        slack = 0.0 if self.name == "errors" else 10.0**-DIGITS
        return self.found(tally) <= self.limit * (1 + slack)

    def shown(self, tally: Tally) -> str:
        """What was found, in the unit of the limit."""
        value = self.found(tally)
        if self.name == "errors":
            return f"{value:.2f} %" if self.share else f"{value:,.0f}"
        return "no good answer" if value != value else f"{1000 * value:,.1f} ms"


def objectives(text: str) -> tuple[Objective, ...]:
    """Read a list of objectives, each once; raise ObjectiveRefused."""
    found = {}
    for part in filter(None, map(str.strip, text.split(","))):
        name, _, limit = (piece.strip() for piece in part.partition("="))
        if name in found:
            raise ObjectiveRefused(f"--slo names {name} twice: keep one of them")
        found[name] = _objective(name, limit, part)
    return tuple(found.values())


def _objective(name: str, limit: str, text: str) -> Objective:
    if LATENCY.fullmatch(name) and (match := DURATION.fullmatch(limit)):
        return Objective(name, float(match[1]) * UNITS[match[2]], text)
    if name == "errors" and (match := SHARE.fullmatch(limit)):
        return Objective(name, float(match[1]), text, share=bool(match[2]))
    raise ObjectiveRefused(f"{text!r} is no objective: {FORM}")
