"""What became of some requests: an HdrHistogram of the good answers, and the others by kind."""

from collections import Counter
from typing import Any

from hdrh.histogram import HdrHistogram

SHORTEST, LONGEST = 1, 600_000_000  # microseconds
DIGITS = 3
UNANSWERED = -1  # in place of a status: nothing came until the run was over
GOOD = range(200, 300)
DEGRADED = b'"degraded":["'
TAIL = 1024  # bytes of a body that hold its `degraded`, which stands near its end


class Tally:
    """Latencies count good answers only: a fast refusal would flatter them."""

    def __init__(self) -> None:
        self._histogram: Any = HdrHistogram(SHORTEST, LONGEST, DIGITS)
        self.statuses: Counter[int] = Counter()
        self.degraded = 0

    def note(self, seconds: float, status: int, degraded: bool) -> None:
        """One request."""
        self.statuses[status] += 1
        self.degraded += degraded
        if status in GOOD:
            self._histogram.record_value(min(LONGEST, max(SHORTEST, round(1e6 * seconds))))

    def add(self, other: "Tally") -> None:
        """Take in what another counted."""
        self._histogram.add(other._histogram)
        self.statuses += other.statuses
        self.degraded += other.degraded

    @property
    def count(self) -> int:
        """Requests, however they ended."""
        return self.statuses.total()

    @property
    def good(self) -> int:
        return sum(count for status, count in self.statuses.items() if status in GOOD)

    @property
    def errors(self) -> int:
        """Whatever was no good answer: refused, hung up on, never answered."""
        return self.count - self.good

    def percentile(self, percent: float) -> float:
        """Seconds, exact to three digits; NaN without a good answer."""
        if not self.good:
            return float("nan")
        return float(self._histogram.get_value_at_percentile(percent)) / 1e6

    def encode(self) -> dict[str, Any]:
        """For JSON; the histogram in HdrHistogram's own form (V2, base64)."""
        return {
            "histogram": self._histogram.encode().decode(),
            "statuses": {str(status): count for status, count in self.statuses.items()},
            "degraded": self.degraded,
        }

    @classmethod
    def decode(cls, told: dict[str, Any]) -> "Tally":
        """What `encode` gave."""
        tally = cls()
        if told["statuses"]:
            tally._histogram.decode_and_add(told["histogram"])
        tally.statuses.update({int(status): n for status, n in told["statuses"].items()})
        tally.degraded = told["degraded"]
        return tally


def is_degraded(body: bytes) -> bool:
    """Whether an answer says that it is less than it could be."""
    return DEGRADED in body[-TAIL:]
